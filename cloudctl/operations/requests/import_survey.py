"""Takes in migration surveys: a system's lines are those of its last survey; all forms come in, or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Message, Problem
from cloudctl.core.estate import find_system
from cloudctl.operations.context import Context
from cloudctl.operations.requests.known_estate import known_estate
from cloudctl.operations.requests.make_form import chosen, equipment_choices, home_mark
from cloudctl.operations.requests.read_form import Answer, FilledForm, read_form
from cloudctl.operations.requests.request_steps import require_asker
from policies.requests.amounts import MIB_PER_GIB
from policies.requests.faults import Known
from policies.requests.store import forget_survey, survey_digests
from policies.requests.tables import SurveyRow
from provisioning.store import find_pool
from reports.forms.survey_form import SURVEY_FORM


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A system's lines from one form. is_new False: they are in already."""

    system: str
    unit: str
    lines: int
    is_new: bool


def import_surveys(ctx: Context, paths: Sequence[Path]) -> list[Surveyed]:
    """InvalidInput with every problem of every file, and nothing is kept; Refused for another unit's systems."""
    with ctx.writing() as session:
        known, home = known_estate(ctx, session), home_mark(session)
        forms: list[FilledForm] = []
        problems: list[Problem] = []
        for path in paths:
            try:
                filled = read_form(path, SURVEY_FORM, home)
            except InvalidInput as failure:
                problems += failure.problems
                continue
            problems += [*filled.problems, *_faults(filled, known), *_lines_twice(filled)]
            forms.append(filled)
        problems += _surveyed_twice(forms)
        if problems:
            raise InvalidInput(problems)
        return [kept for filled in forms for kept in _keep(ctx, session, filled, known)]


def _faults(filled: FilledForm, known: Known) -> list[Problem]:
    found = []
    kinds = equipment_choices(filled.texts)
    if not filled.lines:
        found.append(Problem(filled.line_place(2, "system"), Message("Name at least one line.")))
    for line in filled.lines:
        for key, codes, message in (
            ("system", known.systems, Message("There is no system “{code}”.", {})),
            ("pool", known.pools, Message("There is no pool “{code}”.", {})),
        ):
            answer = line.answers[key]
            if isinstance(answer, str) and chosen(answer) not in codes:
                told = Message(message.template, {"code": chosen(answer)})
                found.append(Problem(filled.line_place(line.number, key), told))
        pool, tier = known.pools.get(chosen(str(line.answers["pool"]))), line.answers["tier"]
        if pool is not None and pool.tiers and tier is not None and tier not in pool.tiers:
            values = {"pool": chosen(str(line.answers["pool"])), "code": tier}
            told = Message("Pool {pool} has no tier “{code}”.", values)
            found.append(Problem(filled.line_place(line.number, "tier"), told))
        if line.answers["kind"] is not None and line.answers["kind"] not in kinds:
            found.append(Problem(filled.line_place(line.number, "kind"), Message("Choose one of the list.")))
    return found


def _lines_twice(filled: FilledForm) -> Iterator[Problem]:
    """Lines that are alike in everything: alike machines are one line with their count."""
    first: dict[tuple[Answer, ...], int] = {}
    for line in filled.lines:
        row = first.setdefault(tuple(line.answers.values()), line.number)
        if row != line.number:
            told = Message(
                "Row {row} says the same; how many alike there are stands in the count.", {"row": row}
            )
            yield Problem(filled.line_place(line.number, "equipment"), told)


def _surveyed_twice(forms: Sequence[FilledForm]) -> Iterator[Problem]:
    """A system's lines are those of one form: of two handed in together, neither is the last."""
    first: dict[str, int] = {}
    for number, filled in enumerate(forms):
        for line in filled.lines:
            if line.answers["system"] is None:
                continue
            code = chosen(str(line.answers["system"]))
            if first.setdefault(code, number) != number:
                told = Message(
                    "System “{code}” stands in {file} too; hand its lines in with one form.",
                    {"code": code, "file": forms[first[code]].sheets[0].file},
                )
                yield Problem(filled.line_place(line.number, "system"), told)


def _keep(ctx: Context, session: Session, filled: FilledForm, known: Known) -> list[Surveyed]:
    by_system: dict[str, list[Mapping[str, Answer]]] = {}
    for line in filled.lines:
        by_system.setdefault(chosen(str(line.answers["system"])), []).append(line.answers)
    return [
        _keep_system(ctx, session, filled, (code, known.systems[code]), lines)
        for code, lines in by_system.items()
    ]


def _keep_system(
    ctx: Context,
    session: Session,
    filled: FilledForm,
    owner: tuple[str, str],
    lines: Sequence[Mapping[str, Answer]],
) -> Surveyed:
    code, unit = owner
    require_asker(ctx, unit)
    system = find_system(session, code)
    if survey_digests(session, system.id) == {filled.digest}:
        return Surveyed(code, unit, len(lines), is_new=False)
    forget_survey(session, system.id)
    kinds = equipment_choices(filled.texts)
    for position, answers in enumerate(lines, 1):
        row = _row(ctx, session, answers, kinds)
        row.system_id, row.position, row.digest = system.id, position, filled.digest
        session.add(row)
    session.flush()
    ctx.record(session, "survey.import", f"system:{code}", lines=len(lines), digest=filled.digest)
    return Surveyed(code, unit, len(lines), is_new=True)


def _row(
    ctx: Context, session: Session, answers: Mapping[str, Answer], kinds: Mapping[str, str]
) -> SurveyRow:
    planned_for, bandwidth = answers["planned_for"], answers["bandwidth_mbps"]
    assert isinstance(planned_for, date)
    return SurveyRow(
        equipment=str(answers["equipment"]),
        kind=kinds[str(answers["kind"])],
        count=_whole(answers["count"]) or 1,
        vcpus=_whole(answers["vcpus"]),
        memory_mib=_whole(answers["memory_gib"]) * MIB_PER_GIB,
        storage_gib=_whole(answers["storage_gib"]),
        bandwidth_mbps=bandwidth if isinstance(bandwidth, int) else None,
        pool_id=find_pool(session, chosen(str(answers["pool"]))).id,
        tier=str(answers["tier"]) if answers["tier"] else None,
        planned_for=planned_for,
        imported_by=ctx.actor.login,
        imported_at=ctx.clock.now(),
    )


def _whole(answer: Answer) -> int:
    return answer if isinstance(answer, int) else 0
