"""Takes in filled-in forms: all of them or none, every problem of all of them at once; the same form comes in once."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Message, Problem
from cloudctl.operations.context import Context
from cloudctl.operations.requests.known_estate import known_estate
from cloudctl.operations.requests.make_form import chosen, home_mark, kind_choices
from cloudctl.operations.requests.read_form import Answer, FilledForm, Line, read_form
from cloudctl.operations.requests.request_steps import RequestStep, require_asker, step_of
from cloudctl.operations.requests.submit_request import enter_request, items_of_wishes
from policies.requests.amounts import MIB_PER_GIB
from policies.requests.faults import Fault, Known, faults
from policies.requests.model import Draft, Migration, RequestKind
from policies.requests.store import request_by_digest
from policies.requests.wishes import Wish, unwanted
from reports.forms.request_form import REQUEST_FORM

# What a fault's field is called in the form.
COLUMNS = {"memory": "memory_gib"}


def import_requests(ctx: Context, paths: Sequence[Path]) -> list[RequestStep]:
    """A request per form. InvalidInput with every problem of every file, and nothing is kept."""
    with ctx.writing() as session:
        known, home = known_estate(ctx, session), home_mark(session)
        drafts: list[tuple[Path, str, Draft]] = []
        problems: list[Problem] = []
        for path in paths:
            try:
                filled = read_form(path, REQUEST_FORM, home)
            except InvalidInput as failure:
                problems += failure.problems
                continue
            draft, found = _judged(session, filled, known)
            problems += found
            if draft is not None:
                drafts.append((path, filled.digest, draft))
        if problems:
            raise InvalidInput(problems)
        return [_enter(ctx, session, *draft, known) for draft in drafts]


def _enter(
    ctx: Context, session: Session, path: Path, digest: str, draft: Draft, known: Known
) -> RequestStep:
    require_asker(ctx, known.systems[draft.system])
    present = request_by_digest(session, digest)
    if present is not None:
        return step_of(session, present, is_new=False)
    return enter_request(ctx, session, draft, source=path.name, digest=digest)


def _judged(session: Session, filled: FilledForm, known: Known) -> tuple[Draft | None, list[Problem]]:
    """The draft of one form, or all that is wrong with it. A form that came in before is not judged again."""
    problems = list(filled.problems)
    draft = _draft(filled, known, problems)
    if draft is None or (not problems and request_by_digest(session, filled.digest) is not None):
        return draft, problems
    told = {fault.place for fault in problems}
    for fault in faults(draft, known):
        place = _place(filled, fault)
        if place not in told:
            problems.append(Problem(place, fault.message))
    return draft, problems


def _draft(filled: FilledForm, known: Known, problems: list[Problem]) -> Draft | None:
    """None where even the kind is missing; other gaps are filled with nothing, they are told already."""
    head = filled.head
    kind = kind_choices(filled.texts).get(_text(head["kind"]))
    if kind is None:
        if head["kind"] is not None:
            problems.append(Problem(filled.head_place("kind"), Message("Choose one of the list.")))
        return None
    wishes = [_wish(line.answers) for line in filled.lines]
    problems += _unwanted(filled, kind, wishes)
    problems += _half_storage(filled)
    needed_by, until, level = head["needed_by"], head["until"], head["level"]
    draft = Draft(
        kind,
        chosen(_text(head["system"])),
        _text(head["purpose"]),
        level if isinstance(level, int) else 1,
        _text(head["expected_load"]),
        needed_by if isinstance(needed_by, date) else known.today,
        (),
        until if isinstance(until, date) else None,
        _migration(head),
    )
    return replace(draft, items=items_of_wishes(kind, wishes, known))


def _migration(head: Mapping[str, Answer]) -> Migration | None:
    codes = [code.strip() for code in re.split("[,，、;；]", _text(head["equipment"]))]
    found = Migration(
        tuple(code for code in codes if code),
        _whole(head["bandwidth_mbps"]),
        _whole(head["storage_gib"]),
        _text(head["reason"]),
    )
    return found if found != Migration() else None


def _wish(answers: Mapping[str, Answer]) -> Wish:
    storage: dict[str, int] = {}
    for tier, gib in (("tier", "storage"), ("tier_2", "storage_2")):
        amount = _whole(answers[gib])
        if answers[tier] and amount is not None:
            storage[_text(answers[tier])] = storage.get(_text(answers[tier]), 0) + amount
    memory = _whole(answers["memory_gib"])
    return Wish(
        _text(answers["name"]),
        _whole(answers["count"]),
        chosen(_text(answers["pool"])) or None,
        _whole(answers["vcpus"]),
        None if memory is None else memory * MIB_PER_GIB,
        storage,
        _text(answers["image"]) or None,
        _text(answers["network"]) or None,
    )


def _unwanted(filled: FilledForm, kind: RequestKind, wishes: Sequence[Wish]) -> Iterator[Problem]:
    for line, wish in zip(filled.lines, wishes, strict=True):
        for word in unwanted(kind, wish):
            place = filled.line_place(line.number, COLUMNS.get(word, word))
            yield Problem(place, Message("A request of this kind leaves this empty."))


def _half_storage(filled: FilledForm) -> Iterator[Problem]:
    """A tier without its size, or a size without its tier."""
    for line in filled.lines:
        for tier, gib in (("tier", "storage"), ("tier_2", "storage_2")):
            for one, other in ((tier, gib), (gib, tier)):
                if line.answers[one] is not None and line.answers[other] is None:
                    place = filled.line_place(line.number, other)
                    if place not in {fault.place for fault in filled.problems}:
                        yield Problem(place, Message("Tier and size of storage belong together."))


def _place(filled: FilledForm, fault: Fault) -> str:
    """The cell a fault stands in; that no machine is named at all is told at the first line."""
    if fault.item is None:
        if fault.field == "items":
            return filled.line_place(2, "name")
        return filled.head_place(fault.field)
    line: Line = filled.lines[fault.item]
    return filled.line_place(line.number, COLUMNS.get(fault.field, fault.field))


def _text(answer: Answer) -> str:
    return answer if isinstance(answer, str) else ""


def _whole(answer: Answer) -> int | None:
    return answer if isinstance(answer, int) else None
