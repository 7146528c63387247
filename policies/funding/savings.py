"""What carried-out downsizing saves in a month: the price difference of two sizes since execution, prorated."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from cloudctl.core.money import round_half_up
from cloudctl.core.quantity import Size
from metering.rating import month_share, monthly_price
from metering.settlement.store import pool_rows, vm_names
from metering.tariffs import PriceBook
from policies.funding.store import saving_rows


@dataclass(frozen=True, slots=True)
class Saving:
    """One case's saving within a month, in [start, end) of it. monthly_fen: what a whole month would save."""

    case: int
    vm: str
    unit: str
    unit_name: str
    pool: str
    from_size: Size
    to_size: Size
    start: datetime
    end: datetime
    monthly_fen: int
    amount_fen: int


def savings(session: Session, book: PriceBook, starts: datetime, ends: datetime) -> list[Saving]:
    """Savings in effect in [starts, ends), each at the prices of that time; a price change inside splits nothing.

    A retired machine saves its whole price. Where no tariff priced the pool, there is nothing to say, and no row.
    """
    names, pools = vm_names(session), {pool.id: pool.code for pool in pool_rows(session)}
    found = []
    for row, unit in saving_rows(session, starts, ends):
        pool = pools[row.pool_id]
        before, after = Size.from_json(row.from_size), _size(row.to_size)
        since, until = max(row.start, starts), min(row.end or ends, ends)
        parts = list(book.between(pool, since, until))
        if not parts:
            continue
        monthly = _difference(book, pool, (before, after), parts[-1][1])
        amount = sum(
            (_difference(book, pool, (before, after), a) * month_share(a, b, book.zone) for _, a, b in parts),
            Fraction(0),
        )
        found.append(
            Saving(
                case=row.case_id,
                vm=names[row.vm_id],
                unit=unit.code,
                unit_name=unit.name,
                pool=pool,
                from_size=before,
                to_size=after,
                start=since,
                end=until,
                monthly_fen=round_half_up(monthly * 100),
                amount_fen=round_half_up(amount * 100),
            )
        )
    return found


def _size(document: Mapping[str, object] | None) -> Size:
    return Size.from_json(document) if document else Size(0, 0)


def _difference(book: PriceBook, pool: str, sizes: tuple[Size, Size], at: datetime) -> Fraction:
    before, after = sizes
    is_gone = after == Size(0, 0)
    price_after = Fraction(0) if is_gone else monthly_price(book, pool, after, at)
    return monthly_price(book, pool, before, at) - price_after
