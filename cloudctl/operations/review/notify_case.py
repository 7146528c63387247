"""Tells owning units of their cases: from the notice on, their time for answering runs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.identity import Role
from cloudctl.core.money import yuan_text
from cloudctl.core.quantity import Size
from cloudctl.core.workdays import WorkCalendar, load_calendar
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_effects import size_text
from cloudctl.operations.review.case_steps import (
    CaseStep,
    in_site_language,
    keep_step,
    proposal_text,
    step_of,
    system_of,
    take_step,
    tell_unit,
)
from policies import panel
from policies.panel import CaseState
from policies.store import CaseFilter, cases, read_case
from policies.tables import CaseRow
from policies.underuse import CaseKind
from provisioning.store import get_vm


def notify_cases(ctx: Context, numbers: Sequence[int] | None = None) -> list[CaseStep]:
    """Notifies the cases named, or all that are marked. Refused, none notified, when one of them is not marked."""
    ctx.actor.require(Role.OPERATOR)
    calendar = load_calendar(ctx.home)
    with ctx.writing() as session:
        if numbers is None:
            numbers = [row.id for row in cases(session, CaseFilter(state=CaseState.MARKED))]
        return [_notify(ctx, session, calendar, number) for number in dict.fromkeys(numbers)]


def _notify(ctx: Context, session: Session, calendar: WorkCalendar, number: int) -> CaseStep:
    now = ctx.clock.now()
    row = take_step(ctx, session, number, "notify", panel.notified)
    row.notified_at = now
    row.answer_by = calendar.deadline(now, ctx.settings.review.answer_workdays, ctx.site.zone)
    tell_unit(ctx, session, row, *_letter(ctx, session, row))
    session.flush()
    return step_of(session, row)


def remind_case(ctx: Context, session: Session, calendar: WorkCalendar, row: CaseRow) -> None:
    """A second letter and a last term, where the site grants one."""
    now = ctx.clock.now()
    case = read_case(session, row, now)
    row.reminded_at = now
    row.answer_by = calendar.deadline(now, ctx.settings.review.reminder_workdays, ctx.site.zone)
    keep_step(ctx, session, row, case, "remind")
    _, body = _letter(ctx, session, row)
    tell_unit(ctx, session, row, Message("Reminder: under-use review, case {case}", {"case": row.id}), body)


def _letter(ctx: Context, session: Session, row: CaseRow) -> tuple[Message, Message]:
    """Subject and body by the case's kind; figures lie in the evidence that the body points to."""
    texts = in_site_language(ctx).texts
    saving = row.monthly_saving_fen
    values: dict[str, Any] = {
        "case": row.id,
        "vm": get_vm(session, row.vm_id).name,
        "system": system_of(session, row).name,
        "start": row.window_start.astimezone(ctx.site.zone).date().isoformat(),
        "end": row.window_end.astimezone(ctx.site.zone).date().isoformat(),
        "meters": ", ".join(texts.label("meter", meter) for meter in row.meters),
        "held": size_text(in_site_language(ctx), Size.from_json(row.from_size)),
        "proposed": proposal_text(ctx, row),
        "saving": "–" if saving is None else f"{yuan_text(saving)} {ctx.site.currency}",
        "deadline": row.answer_by.astimezone(ctx.site.zone).isoformat(" ", "minutes")
        if row.answer_by
        else "–",
    }
    subject = Message("Under-use review: {vm}, case {case}", values)
    return subject, _body(CaseKind(row.kind), values)


def _body(kind: CaseKind, values: dict[str, Any]) -> Message:
    if kind is CaseKind.IDLE:
        return Message(
            "Machine {vm} of {system} ({held}) was idle from {start} to {end}: hardly any CPU, traffic or disk writes. "
            "Proposed: retire it, which saves {saving} a month. Please answer by {deadline}: "
            "cloudctl review answer {case} --accept, or --argue TEXT. Evidence: cloudctl review show {case}",
            values,
        )
    if kind is CaseKind.STARVED:
        return Message(
            "Machine {vm} of {system} ({held}) ran short of {meters} from {start} to {end}. Proposed: {proposed}. "
            "Please answer by {deadline}: cloudctl review answer {case} --accept, or --argue TEXT. "
            "Evidence: cloudctl review show {case}",
            values,
        )
    return Message(
        "Machine {vm} of {system} ({held}) used too little of {meters} from {start} to {end}. Proposed: {proposed}, "
        "which saves {saving} a month. Please answer by {deadline}: cloudctl review answer {case} --accept, or "
        "--argue TEXT. Evidence: cloudctl review show {case}",
        values,
    )
