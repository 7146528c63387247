"""Lets grants lapse that nobody carried out in time: what they had reserved is free again."""

from cloudctl.core.errors import Message
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.requests.request_steps import (
    OPERATORS,
    RequestStep,
    keep_step,
    step_of,
    tell,
    tell_unit,
)
from policies.requests.course import expired
from policies.requests.store import course_of, find_request, lapsed_grants


def expire_grants(ctx: Context) -> list[RequestStep]:
    """Every grant whose time is over; unit and operators are told."""
    ctx.actor.require(Role.OPERATOR)
    now = ctx.clock.now()
    with ctx.reading() as session:
        numbers = [row.id for row in lapsed_grants(session, now)]
    steps = []
    for number in numbers:
        with ctx.writing() as session:
            row = find_request(session, number)
            keep_step(ctx, session, row, expired(course_of(session, row), now), "expire")
            values = {"request": number}
            letter = (
                Message("The grant of request {request} has lapsed", values),
                Message("Nobody carried it out in time; if it is still wanted, ask anew.", values),
            )
            tell_unit(ctx, session, row, *letter)
            tell(ctx, session, row, OPERATORS, *letter)
            steps.append(step_of(session, row))
    return steps
