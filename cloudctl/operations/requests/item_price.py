"""What the machines of a request add to what is held, and what that costs by the prices in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from metering.rating import once_fen, whole_month_fen
from metering.settlement.store import price_book
from policies.requests.amounts import NOTHING, added
from policies.requests.model import Item, RequestKind
from policies.requests.store import machines_by_name
from provisioning.store import pool_codes


@dataclass(frozen=True, slots=True)
class Price:
    """In fen: of a whole month, and of what is paid once when machines are made."""

    monthly_fen: int
    once_fen: int = 0


def added_size(kind: str, items: Sequence[Item], held: Mapping[str, Size]) -> Size:
    """What comes on top of what is held; machines of the items that there are hold what `held` says."""
    return added(items, held) if kind in (RequestKind.NEW, RequestKind.RESIZE) else NOTHING


def item_price(
    ctx: Context, session: Session, kind: str, items: Sequence[Item], held: Mapping[str, Size]
) -> Price | None:
    """What the items cost more, as settlement will charge it, machine by machine; never less than 0.

    None where a pool or a tier of storage is not priced. A machine that is there already is paid for by its growth.
    """
    if kind not in (RequestKind.NEW, RequestKind.RESIZE):
        return Price(0)
    book, now, codes = price_book(session, ctx.site.zone), ctx.clock.now(), pool_codes(session)
    machines = machines_by_name(session, [name for item in items for name in item.names])
    monthly = once = 0
    try:
        for item in items:
            assert item.size is not None
            for name in item.names:
                pool = item.pool or codes[machines[name].pool_id]
                after = whole_month_fen(book, pool, item.size, now)
                if name in held:
                    monthly += max(0, after - whole_month_fen(book, pool, held[name], now))
                else:
                    monthly += after
                    once += once_fen(book, pool, item.size, now)
    except Refused:
        return None
    return Price(monthly, once)
