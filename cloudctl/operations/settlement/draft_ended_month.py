"""Drafts the month that has just ended, unless somebody has begun with it already."""

from datetime import datetime, timedelta

from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.draft_settlement import Drafted, draft_settlement
from cloudctl.operations.settlement.settlement_acts import month
from metering.allocations import allocations_between
from metering.settlement.store import find_period


def draft_ended_month(ctx: Context, at: datetime) -> Drafted | None:
    """The month before the one `at` lies in, by the site's calendar; None when it needs no draft.

    It needs none when nothing was held in it, or when there is a draft: a person's work is never computed over.
    """
    ctx.actor.require(Role.OPERATOR)
    period = month_before(ctx, at)
    start, end = month(ctx, period)
    with ctx.reading() as session:
        is_needed = find_period(session, period) is None and bool(allocations_between(session, start, end))
    return draft_settlement(ctx, period) if is_needed else None


def month_before(ctx: Context, at: datetime) -> str:
    first = at.astimezone(ctx.site.zone).replace(day=1)
    return f"{first - timedelta(days=1):%Y-%m}"
