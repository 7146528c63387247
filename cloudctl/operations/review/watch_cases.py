"""Watches machines after their cases were carried out: too little now proposes a rollback, enough for long ends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.review.case_steps import CaseStep, keep_step, step_of, tell_operators, tell_unit
from cloudctl.operations.usage.home_samples import sample_store
from metering.allocations import current_allocation
from metering.samples.review_model import METERS, Figures, MachineQuestion, ReviewWindow
from metering.samples.review_samples import opened_samples
from policies import panel
from policies.panel import CaseState
from policies.rule import Rule, rule_from_json
from policies.store import CaseFilter, cases, find_case, find_rule, read_case
from policies.tables import CaseRow
from policies.watching import WatchVerdict, watch, watched_meters
from provisioning.store import get_vm

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Watched:
    """What the samples since the change say of one case."""

    step: CaseStep
    verdict: WatchVerdict
    p95: float | None
    steal_share: float | None
    coverage: float


def watch_cases(ctx: Context, numbers: Sequence[int] | None = None) -> list[Watched]:
    """The cases named, or all that are being watched. Refused for a case that is not.

    A rollback is proposed once, as soon as the machine has too little; without such a proposal the case is done at
    the end of its time, if it was measured well enough: on thin evidence it stays under watch.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        rows = _wanted(session, numbers)
        figures_of = _figures(ctx, session, rows)
        seen = [(row.id, *_look(ctx, session, row, figures_of.get(row.vm_id))) for row in rows]
    watched = []
    for number, verdict, figures in seen:
        with ctx.writing() as session:
            row = find_case(session, number)
            if row.state == CaseState.WATCHING:
                _act(ctx, session, row, verdict)
            watched.append(_watched(session, row, verdict, figures))
    return watched


def finish_watch(ctx: Context, number: int, reason: str) -> CaseStep:
    """Ends a watch by word of an operator, for a machine that nobody measures. Refused without a reason."""
    ctx.actor.require(Role.OPERATOR)
    if not reason.strip():
        raise Refused("Say why: ending a watch early needs its reason.")
    with ctx.writing() as session:
        row = find_case(session, number)
        if row.state != CaseState.WATCHING:
            raise Refused("Case {case} is not being watched.", case=number)
        keep_step(
            ctx,
            session,
            row,
            panel.finished(read_case(session, row, ctx.clock.now())),
            "finish",
            reason.strip(),
        )
        return step_of(session, row)


def _wanted(session: Session, numbers: Sequence[int] | None) -> list[CaseRow]:
    if numbers is None:
        return list(cases(session, CaseFilter(state=CaseState.WATCHING)))
    rows = [find_case(session, number) for number in dict.fromkeys(numbers)]
    for row in rows:
        if row.state != CaseState.WATCHING:
            raise Refused("Case {case} is not being watched.", case=row.id)
    return rows


def _look(
    ctx: Context, session: Session, row: CaseRow, figures: Figures | None
) -> tuple[WatchVerdict, Figures | None]:
    """The rule is the one the case was opened by; the samples are those after the change alone."""
    now = ctx.clock.now()
    assert row.executed_at is not None and row.watch_until is not None
    rule: Rule = rule_from_json(find_rule(session, row.rule_version).document)
    until = min(now, row.watch_until)
    time_is_up = now >= row.watch_until
    meters = watched_meters(Size.from_json(row.from_size), Size.from_json(row.to_size or row.from_size))
    return watch(figures, meters, _hours(row.executed_at, until), rule, time_is_up=time_is_up), figures


def _figures(ctx: Context, session: Session, rows: Sequence[CaseRow]) -> dict[int, Figures]:
    """Machine -> its figures, `sizing` since its own change; those watched until the same time are asked together."""
    groups: dict[datetime, list[CaseRow]] = {}
    for row in rows:
        assert row.executed_at is not None and row.watch_until is not None
        until = _last_looked_at(ctx.clock.now(), row.watch_until)
        if row.executed_at < until:
            groups.setdefault(until, []).append(row)
    found: dict[int, Figures] = {}
    for until, group in sorted(groups.items()):
        start = min(row.executed_at for row in group if row.executed_at is not None)
        window = ReviewWindow(to_micros(start), to_micros(until), to_micros(start), 0.0)
        asked = [_question(session, row, window) for row in group]
        store = sample_store(ctx)
        with opened_samples(store, session, window) as samples:
            found |= samples.figures([question for question in asked if question is not None])
    return found


def _last_looked_at(now: datetime, watch_until: datetime) -> datetime:
    """A watch that ended within the last day is looked at up to now, so that a night's cases are asked together."""
    return now if now - watch_until < A_DAY else watch_until


def _question(session: Session, row: CaseRow, window: ReviewWindow) -> MachineQuestion | None:
    held = current_allocation(session, row.vm_id)
    if held is None or row.executed_at is None:
        return None
    whole, since = window.end_us - window.start_us, to_micros(row.executed_at)
    return MachineQuestion(
        row.vm_id,
        held_us=whole,
        recent_held_us=whole,
        sized_us=since,
        sized_held_us=window.end_us - since,
        vcpus=held.vcpus,
        memory_mib=held.memory_mib,
        storage_gib=sum(held.storage_gib.values()),
    )


def _hours(start: datetime, end: datetime) -> float:
    return max((end - start).total_seconds(), 0.0) / 3600


def _act(ctx: Context, session: Session, row: CaseRow, verdict: WatchVerdict) -> None:
    if verdict is WatchVerdict.ROLL_BACK and row.rollback_proposed_at is None:
        row.rollback_proposed_at = ctx.clock.now()
        keep_step(ctx, session, row, read_case(session, row, ctx.clock.now()), "propose_rollback")
        values = {"case": row.id, "vm": get_vm(session, row.vm_id).name}
        subject = Message("Rollback proposed: {vm}, case {case}", values)
        body = Message(
            "Machine {vm} has too little since case {case} was carried out. One command restores its earlier size: "
            "cloudctl review rollback {case}",
            values,
        )
        tell_operators(ctx, session, row, subject, body)
        tell_unit(ctx, session, row, subject, body)
    elif verdict is WatchVerdict.FINE and row.rollback_proposed_at is None:
        keep_step(ctx, session, row, panel.finished(read_case(session, row, ctx.clock.now())), "finish")


def _watched(session: Session, row: CaseRow, verdict: WatchVerdict, figures: Figures | None) -> Watched:
    if figures is None:
        return Watched(step_of(session, row), verdict, None, None, 0.0)
    p95s = [use for meter in METERS if (use := figures.sizing[meter].use_p95) is not None]
    coverage = max(figures.sizing[meter].coverage for meter in METERS)
    return Watched(step_of(session, row), verdict, max(p95s, default=None), figures.steal_share, coverage)
