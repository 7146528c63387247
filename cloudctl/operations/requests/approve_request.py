"""Grants a request in full or less: checked once more for what is granted, by somebody with no part in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Problem, Refused
from cloudctl.operations.context import Context
from cloudctl.operations.letters import OPERATORS
from cloudctl.operations.requests.assess_request import Assessment, Looks, assess, look_at_pools
from cloudctl.operations.requests.request_steps import (
    DECIDERS,
    RequestStep,
    keep_step,
    local_day,
    person_of,
    step_of,
    tell,
    tell_unit,
)
from policies.requests.amounts import Cut, granted_items, granted_until
from policies.requests.checking import FindingLevel, is_passed
from policies.requests.course import decided
from policies.requests.model import Item, RequestKind, items_from_json, items_json
from policies.requests.store import course_of, find_request
from policies.requests.tables import RequestRow


@dataclass(frozen=True, slots=True)
class Grant:
    """What is granted of a request: all of it without cuts. until: a shorter term."""

    cuts: tuple[Cut, ...] = ()
    until: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Granted:
    """What was asked and granted: vCPUs, MiB and GiB on top of what is held, and the price of a month."""

    step: RequestStep
    asked: Assessment
    granted: Assessment
    items: tuple[Item, ...]


def approve_request(ctx: Context, number: int, grant: Grant) -> Granted:
    """Room and money are reserved from now on, for as many days as the site grants.

    Refused for more than was asked, for less without a reason, and while anything found stands against it.
    """
    ctx.actor.require(*DECIDERS)
    with ctx.reading() as session:
        row = find_request(session, number)
        decided(course_of(session, row), person_of(ctx), "approve")
        looks = look_at_pools(ctx, session, row, items_from_json(row.items))
    with ctx.writing() as session:
        row = find_request(session, number)
        state = decided(course_of(session, row), person_of(ctx), "approve")
        asked_items = items_from_json(row.items)
        items = granted_items(asked_items, grant.cuts)
        until = granted_until(row.until, grant.until)
        _require_reason(row, items, until, grant.reason)
        asked, granted = _assessed(ctx, session, row, ((asked_items, row.until), (items, until)), looks)
        now = ctx.clock.now()
        row.granted, row.granted_until, row.decision_reason = items_json(items), until, grant.reason.strip()
        row.decided_by, row.decided_at = ctx.actor.login, now
        row.asked_size, row.asked_fen = asked.added.as_json(), asked.monthly_fen
        row.granted_size, row.granted_fen = granted.added.as_json(), granted.monthly_fen
        row.grant_until = now + timedelta(days=ctx.settings.requests.grant_days)
        keep_step(
            ctx,
            session,
            row,
            state,
            "approve",
            row.decision_reason,
            granted=row.granted,
            asked_fen=row.asked_fen,
            granted_fen=row.granted_fen,
            grant_until=row.grant_until.isoformat(),
        )
        _tell(ctx, session, row, is_less=items != asked_items)
        return Granted(step_of(session, row), asked, granted, items)


def _require_reason(row: RequestRow, items: Sequence[Item], until: date | None, reason: str) -> None:
    if until is not None and row.kind not in (RequestKind.NEW, RequestKind.EXTEND):
        raise Refused("Only new machines and extensions have a term.")
    is_less = items_json(items) != row.items or until != row.until
    if is_less and not reason.strip():
        raise Refused("Say why: granting less needs its reason.")


def _assessed(
    ctx: Context,
    session: Session,
    row: RequestRow,
    terms: tuple[tuple[Sequence[Item], date | None], tuple[Sequence[Item], date | None]],
    looks: Looks,
) -> tuple[Assessment, Assessment]:
    """Of what was asked and of what is granted. Refused while anything stands against what is granted."""
    asked, granted = (assess(ctx, session, row, *some, looks) for some in terms)
    if not is_passed(granted.findings):
        raise Refused(
            "Request {request} cannot be granted so.",
            request=row.id,
            problems=[
                Problem(str(found.subject), found.message)
                for found in granted.findings
                if found.level is FindingLevel.BAD
            ],
            hint=Message("Grant less, or refuse it."),
        )
    return asked, granted


def _tell(ctx: Context, session: Session, row: RequestRow, *, is_less: bool) -> None:
    assert row.grant_until is not None
    values = {"request": row.id, "reason": row.decision_reason or "–", "day": local_day(ctx, row.grant_until)}
    body = (
        Message(
            "Request {request} is granted in part. Reason: {reason}. The grant lasts until {day}.", values
        )
        if is_less
        else Message("Request {request} is granted in full. The grant lasts until {day}.", values)
    )
    subject = Message("Request {request} is granted", values)
    tell_unit(ctx, session, row, subject, body)
    tell(
        ctx,
        session,
        row,
        OPERATORS,
        subject,
        Message("To carry it out: cloudctl request execute {request}. The grant lasts until {day}.", values),
    )
