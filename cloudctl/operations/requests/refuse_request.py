"""Refuses a request, with a reason; or takes it back, by whoever may ask for the unit."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.tables import UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.requests.assess_request import assess
from cloudctl.operations.requests.request_steps import (
    DECIDERS,
    RequestStep,
    keep_step,
    person_of,
    require_asker,
    step_of,
    tell_unit,
)
from policies.requests.amounts import NOTHING
from policies.requests.course import decided, stepped
from policies.requests.model import items_from_json
from policies.requests.store import course_of, find_request
from policies.requests.tables import RequestRow


def refuse_request(ctx: Context, number: int, reason: str) -> RequestStep:
    """Nothing of it is granted. Refused for whoever has a part in the request, and without a reason."""
    ctx.actor.require(*DECIDERS)
    _require_reason(reason)
    with ctx.writing() as session:
        row = find_request(session, number)
        state = decided(course_of(session, row), person_of(ctx), "refuse")
        asked = assess(ctx, session, row, items_from_json(row.items), row.until, {})
        row.asked_size, row.asked_fen = asked.added.as_json(), asked.monthly_fen
        row.granted_size, row.granted_fen = NOTHING.as_json(), 0
        row.decided_by, row.decided_at, row.decision_reason = ctx.actor.login, ctx.clock.now(), reason.strip()
        keep_step(ctx, session, row, state, "refuse", reason.strip(), asked_fen=row.asked_fen)
        _tell(ctx, session, row, reason.strip())
        return step_of(session, row)


def withdraw_request(ctx: Context, number: int, reason: str) -> RequestStep:
    """The unit no longer wants it: what a grant had reserved is free again. Refused once it is being carried out."""
    _require_reason(reason)
    with ctx.writing() as session:
        row = find_request(session, number)
        require_asker(ctx, session.get_one(UnitRow, row.unit_id).code)
        keep_step(ctx, session, row, stepped(course_of(session, row), "withdraw"), "withdraw", reason.strip())
        return step_of(session, row)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("Say why: this needs its reason.")


def _tell(ctx: Context, session: Session, row: RequestRow, reason: str) -> None:
    values = {"request": row.id, "reason": reason}
    tell_unit(
        ctx,
        session,
        row,
        Message("Request {request} is refused", values),
        Message("Request {request} is refused. Reason: {reason}.", values),
    )
