"""The room that grants keep in a pool until they are carried out: others are placed around it."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from metering.allocations import current_allocation, size_of
from policies.requests.amounts import NOTHING, growth
from policies.requests.model import RequestKind
from policies.requests.store import items_of, machines_by_name, standing_grants
from policies.requests.tables import RequestRow
from provisioning.placement import Wish, place
from provisioning.promises import Promise, Promises
from provisioning.tables import PoolRow


def reserve_granted(
    session: Session, pool: PoolRow, promised: Promises, now: datetime, *, but: int | None = None
) -> None:
    """Takes the room of standing grants, `but` one, on the hosts of the pool.

    A grant is bound to no host: its machines are placed where they would go now. What fits nowhere any more (a host
    went down since) takes nothing.
    """
    for row in standing_grants(session, now, but=but):
        if row.kind == RequestKind.NEW:
            _place(promised, list(_wishes(session, row, pool)))
        elif row.kind == RequestKind.RESIZE:
            promised.taken.extend(_grown(session, row, pool))


def _wishes(session: Session, row: RequestRow, pool: PoolRow) -> Iterator[Wish]:
    """What an earlier, failed try has made and kept needs no room any more."""
    items = [item for item in items_of(row) if item.pool == pool.code]
    made = machines_by_name(session, [name for item in items for name in item.names])
    for item in items:
        for name in item.names:
            if item.size is not None and (name not in made or made[name].state == "planned"):
                yield Wish(name, row.system_id, item.size)


def _place(promised: Promises, wishes: Sequence[Wish]) -> None:
    if not wishes:
        return
    try:
        hosts = place(wishes, promised.loads(), promised.overcommit)
    except Refused:
        if len(wishes) > 1:
            for wish in wishes:
                _place(promised, [wish])
        return
    for wish, host in zip(wishes, hosts, strict=True):
        promised.taken.append(Promise(None, host, wish.system, wish.size))


def _grown(session: Session, row: RequestRow, pool: PoolRow) -> Iterator[Promise]:
    items = items_of(row)
    machines = machines_by_name(session, [item.name for item in items])
    for item in items:
        vm = machines.get(item.name)
        held = current_allocation(session, vm.id) if vm else None
        if vm is None or vm.pool_id != pool.id or vm.host is None or held is None or item.size is None:
            # What is put aside or given up meanwhile does not grow.
            continue
        more = growth(size_of(held), item.size)
        if more != NOTHING:
            yield Promise(None, vm.host, vm.system_id, more)
