"""Sets the time a decided case is carried out at: inside the system's maintenance window, announced to the unit."""

from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.maintenance import Window, parse_window
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.review.case_steps import (
    CaseStep,
    proposal_text,
    step_of,
    system_of,
    take_step,
    tell_unit,
)
from policies import panel
from policies.store import find_case
from policies.tables import CaseRow
from policies.underuse import Remedy
from provisioning.model import Capability
from provisioning.store import get_vm


def schedule_case(ctx: Context, number: int, at: datetime | None = None) -> CaseStep:
    """`at` None: now where the window is open or there is none, else when it opens next.

    Refused for a time gone by, and outside the window.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        row = find_case(session, number)
        is_live = _is_live(ctx, row)
    with ctx.writing() as session:
        row = take_step(ctx, session, number, "schedule", panel.scheduled)
        row.scheduled_for = chosen_time(ctx, window_of(session, row), at)
        tell_unit(ctx, session, row, *_letter(ctx, session, row, is_live=is_live))
        session.flush()
        return step_of(session, row)


def window_of(session: Session, row: CaseRow) -> Window | None:
    """The system's maintenance window; None where it has none and any time is good."""
    text = system_of(session, row).window
    return parse_window(text) if text else None


def chosen_time(ctx: Context, window: Window | None, at: datetime | None) -> datetime:
    now, zone = ctx.clock.now(), ctx.site.zone
    if at is None:
        return now if window is None else max(now, window.opening(now, zone)[0])
    if at < now:
        raise Refused("{time} has gone by.", time=at.isoformat())
    require_open(ctx, window, at)
    return at


def require_open(ctx: Context, window: Window | None, at: datetime) -> None:
    """Refused outside the maintenance window."""
    if window is not None and not window.is_open(at, ctx.site.zone):
        opens, closes = (instant.astimezone(ctx.site.zone) for instant in window.opening(at, ctx.site.zone))
        raise Refused(
            "{time} is outside the system's maintenance window.",
            time=at.astimezone(ctx.site.zone).isoformat(),
            hint=Message(
                "It opens next from {start} to {end}.",
                {"start": opens.isoformat(), "end": closes.isoformat()},
            ),
        )


def _is_live(ctx: Context, row: CaseRow) -> bool:
    """Whether the cloud can do it without a power cycle."""
    if row.remedy != Remedy.RESIZE:
        return False
    with opened_drivers(ctx, [row.pool_id]) as drivers:
        return Capability.LIVE_RESIZE in drivers[row.pool_id].capabilities


def _letter(ctx: Context, session: Session, row: CaseRow, *, is_live: bool) -> tuple[Message, Message]:
    assert row.scheduled_for is not None
    values = {
        "case": row.id,
        "vm": get_vm(session, row.vm_id).name,
        "proposed": proposal_text(ctx, row),
        "time": row.scheduled_for.astimezone(ctx.site.zone).isoformat(" ", "minutes"),
    }
    subject = Message("Announcement: {vm}, case {case}", values)
    if is_live:
        return subject, Message("Machine {vm} will be changed while it runs, at {time}: {proposed}.", values)
    return subject, Message(
        "Machine {vm} will be changed at {time}: {proposed}. It will be out of service for a short time.",
        values,
    )
