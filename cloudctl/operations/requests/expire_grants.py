"""Lets grants lapse that nobody carried out in time: what they had reserved is free again."""

from cloudctl.core.errors import Message
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.letters import OPERATORS
from cloudctl.operations.requests.request_steps import RequestStep, keep_step, step_of, tell, tell_unit
from policies.requests.course import expired
from policies.requests.store import course_of, lapsed_grants


def expire_grants(ctx: Context) -> list[RequestStep]:
    """Every grant whose time is over; unit and operators are told."""
    ctx.actor.require(Role.OPERATOR)
    now = ctx.clock.now()
    with ctx.writing() as session:
        rows = lapsed_grants(session, now)
        for row in rows:
            keep_step(ctx, session, row, expired(course_of(session, row), now), "expire")
            letter = (
                Message("The grant of request {request} has lapsed", {"request": row.id}),
                Message("Nobody carried it out in time; if it is still wanted, ask anew."),
            )
            tell_unit(ctx, session, row, *letter)
            tell(ctx, session, row, OPERATORS, *letter)
        return [step_of(session, row) for row in rows]
