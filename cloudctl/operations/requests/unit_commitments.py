"""What a unit is bound to already when it asks for more: what it holds and what its other grants are for.

A grant counts until the machines it is for are held: while it stands, and while it is being carried out, which takes
weeks where others carry it out. What is held already is not counted twice.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.clock import month_around
from cloudctl.core.errors import Refused
from cloudctl.core.money import round_half_up
from cloudctl.core.quantity import Size, total
from cloudctl.core.tables import UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.requests.item_price import Price, added_size, item_price
from metering.allocations import allocations_between, current_allocations, size_of
from metering.rating import month_share, whole_month_fen
from metering.settlement.store import period_rows, price_book
from policies.funding.budgets import budget_positions
from policies.funding.model import BudgetKind
from policies.requests.checking import BudgetState
from policies.requests.model import RequestKind
from policies.requests.quota import Use
from policies.requests.store import items_of, machines_by_name, pending_grants
from policies.requests.tables import RequestRow
from provisioning.store import pool_codes


def present_use(session: Session, row: RequestRow, now: datetime) -> Use:
    """What the unit holds, and what its other grants will put on top."""
    sizes = [size_of(one) for one in current_allocations(session).values() if one.unit_id == row.unit_id]
    machines = len(sizes)
    for grant, held in _pending(session, row, now):
        sizes.append(added_size(grant.kind, items_of(grant), held))
        if grant.kind == RequestKind.NEW:
            machines += sum(item.count for item in items_of(grant)) - len(held)
    return Use(machines, total(sizes))


def budget_state(ctx: Context, session: Session, row: RequestRow) -> BudgetState:
    """The unit's cloud budget of the running year: what is left of it, and what of that is bound already."""
    now = ctx.clock.now()
    year = now.astimezone(ctx.site.zone).year
    unit = session.get_one(UnitRow, row.unit_id).code
    left = next(
        (
            position.left_fen
            for position in budget_positions(session, year)
            if position.unit == unit and position.kind is BudgetKind.CLOUD
        ),
        None,
    )
    if left is None:
        return BudgetState(year)
    prices = [
        item_price(ctx, session, grant.kind, items_of(grant), held)
        for grant, held in _pending(session, row, now)
    ]
    reserved = sum(cost_this_year(ctx, price) or 0 for price in prices)
    return BudgetState(year, left, _unsettled_fen(ctx, session, row.unit_id, year), reserved)


def cost_this_year(ctx: Context, price: Price | None) -> int | None:
    """From now to the year's end, what is paid once included."""
    if price is None:
        return None
    now, zone = ctx.clock.now(), ctx.site.zone
    rest = month_share(now, _years_end(ctx, now.astimezone(zone).year), zone)
    return round_half_up(price.monthly_fen * rest) + price.once_fen


def _pending(session: Session, row: RequestRow, now: datetime) -> list[tuple[RequestRow, Mapping[str, Size]]]:
    """The unit's other grants, each with what its machines hold already."""
    grants = [grant for grant in pending_grants(session, now, but=row.id) if grant.unit_id == row.unit_id]
    named = {grant.id: [name for item in items_of(grant) for name in item.names] for grant in grants}
    machines = machines_by_name(session, [name for names in named.values() for name in names])
    present = current_allocations(session)
    held = {name: size_of(present[vm.id]) for name, vm in machines.items() if vm.id in present}
    return [(grant, {name: held[name] for name in named[grant.id] if name in held}) for grant in grants]


def _unsettled_fen(ctx: Context, session: Session, unit_id: int, year: int) -> int:
    """What the unit's machines have cost since the last settled month, and will cost to the year's end as they are.

    Without a settled month it begins with the running one: what was before, nobody here has billed.
    """
    now, zone, until = ctx.clock.now(), ctx.site.zone, _years_end(ctx, year)
    settled = [row.ends for row in period_rows(session) if row.ends <= until]
    began = month_around(now, zone)[0]
    since = max(*settled, _years_end(ctx, year - 1)) if settled else began
    book, codes, amount = price_book(session, zone), pool_codes(session), 0
    for held in allocations_between(session, since, until):
        if held.unit_id != unit_id:
            continue
        share = month_share(max(held.start, since), min(held.end or until, until), zone)
        try:
            monthly = whole_month_fen(book, codes[held.pool_id], size_of(held), now)
        except Refused:
            continue
        amount += round_half_up(monthly * share)
    return amount


def _years_end(ctx: Context, year: int) -> datetime:
    return datetime(year + 1, 1, 1, tzinfo=ctx.site.zone)
