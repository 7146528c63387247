"""The ledger's questions about pools, hosts, machines and the journal of changes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cloudctl.core.clock import Clock
from cloudctl.core.errors import NotFound
from provisioning.driver import Driver, PoolFacts, open_driver
from provisioning.model import Step, StepKind
from provisioning.tables import ChangeRow, ChangeStepRow, HostRow, ImageRow, NetworkRow, PoolRow, VmRow

Estate = TypeVar("Estate", PoolRow, HostRow, ImageRow, NetworkRow)

# A change in one of these states still has its machines in hand.
OPEN_STATES = ("planned", "running", "ordered", "undoing")


def find_vm(session: Session, name: str) -> VmRow:
    """The machine of that name, retired ones included. NotFound."""
    row = session.scalar(select(VmRow).where(VmRow.name == name))
    if row is None:
        raise NotFound("There is no machine “{name}”.", name=name)
    return row


def find_pool(session: Session, code: str) -> PoolRow:
    """The pool of that code, unless it was removed. NotFound."""
    row = session.scalar(select(PoolRow).where(PoolRow.code == code, PoolRow.removed_at.is_(None)))
    if row is None:
        raise NotFound("There is no pool “{code}”.", code=code)
    return row


def get_vm(session: Session, vm_id: int) -> VmRow:
    return session.get_one(VmRow, vm_id)


def get_pool(session: Session, pool_id: int) -> PoolRow:
    return session.get_one(PoolRow, pool_id)


def vms(
    session: Session,
    *,
    pool_id: int | None = None,
    system_ids: Sequence[int] | None = None,
    states: Sequence[str] | None = None,
) -> Sequence[VmRow]:
    """Machines by name; each argument narrows them."""
    query = select(VmRow).order_by(VmRow.name)
    if pool_id is not None:
        query = query.where(VmRow.pool_id == pool_id)
    if system_ids is not None:
        query = query.where(VmRow.system_id.in_(system_ids))
    if states is not None:
        query = query.where(VmRow.state.in_(states))
    return session.scalars(query).all()


def vm_names(session: Session) -> dict[int, str]:
    """The name of every machine there ever was, by id."""
    return {number: name for number, name in session.execute(select(VmRow.id, VmRow.name))}  # noqa: C416


def pool_codes(session: Session) -> dict[int, str]:
    """The code of every pool there ever was, by id."""
    return {number: code for number, code in session.execute(select(PoolRow.id, PoolRow.code))}  # noqa: C416


def pools(session: Session, *, removed: bool = False) -> Sequence[PoolRow]:
    """Pools by code; with `removed` also those that have left the inventory."""
    query = select(PoolRow).order_by(PoolRow.code)
    return session.scalars(query if removed else query.where(PoolRow.removed_at.is_(None))).all()


def hosts(session: Session, pool_id: int | None = None) -> Sequence[HostRow]:
    """Hosts not removed, by pool and code."""
    query = select(HostRow).where(HostRow.removed_at.is_(None)).order_by(HostRow.pool_id, HostRow.code)
    if pool_id is not None:
        query = query.where(HostRow.pool_id == pool_id)
    return session.scalars(query).all()


def find_host(session: Session, code: str) -> tuple[PoolRow, HostRow]:
    """A host and its pool, by "POOL/CODE", or by its code where only one pool has it. NotFound."""
    named = {row.id: row for row in pools(session)}
    found = [
        (named[row.pool_id], row)
        for row in hosts(session)
        if row.pool_id in named and code in (row.code, f"{named[row.pool_id].code}/{row.code}")
    ]
    if not found:
        raise NotFound("There is no host “{code}”.", code=code)
    if len(found) > 1:
        names = ", ".join(f"{pool.code}/{row.code}" for pool, row in found)
        raise NotFound("“{code}” is in several pools; name one of {names}.", code=code, names=names)
    return found[0]


def images(session: Session, pool_id: int | None = None) -> Sequence[ImageRow]:
    """Images not removed, by pool and code."""
    query = select(ImageRow).where(ImageRow.removed_at.is_(None)).order_by(ImageRow.pool_id, ImageRow.code)
    if pool_id is not None:
        query = query.where(ImageRow.pool_id == pool_id)
    return session.scalars(query).all()


def networks(session: Session, pool_id: int | None = None) -> Sequence[NetworkRow]:
    """Networks not removed, by pool and code."""
    query = (
        select(NetworkRow)
        .where(NetworkRow.removed_at.is_(None))
        .order_by(NetworkRow.pool_id, NetworkRow.code)
    )
    if pool_id is not None:
        query = query.where(NetworkRow.pool_id == pool_id)
    return session.scalars(query).all()


def pool_facts(session: Session, pool: PoolRow, home: Path) -> PoolFacts:
    """What the pool's driver is told; a driver keeps its own state under home/clouds/<pool>."""
    return PoolFacts(
        pool.code,
        pool.options,
        {host.code: _host_options(host) for host in hosts(session, pool.id)},
        home / "clouds" / pool.code,
        {row.code: _image_options(row) for row in images(session, pool.id)},
        {row.code: _network_options(row) for row in networks(session, pool.id)},
    )


def _host_options(host: HostRow) -> Mapping[str, Any]:
    return {
        **host.options,
        "uri": host.uri,
        "rack": host.rack,
        "accepting": host.accepting,
        "fenced": bool((host.closed or {}).get("fenced")),
    }


def _image_options(row: ImageRow) -> Mapping[str, Any]:
    return {**row.options, "source": row.source, "sha256": row.sha256}


def _network_options(row: NetworkRow) -> Mapping[str, Any]:
    return {**row.options, "bridge": row.bridge, "vlan": row.vlan}


def keep_vm_ids_ahead(session: Session) -> None:
    """After rows were entered under ids of their own: the next id a database gives is a new one."""
    if session.get_bind().dialect.name == "postgresql":
        highest = select(func.max(VmRow.id)).scalar_subquery()
        session.execute(select(func.setval(func.pg_get_serial_sequence("vm", "id"), highest)))


def open_pool_driver(session: Session, pool: PoolRow, home: Path, clock: Clock) -> Driver:
    """The pool's driver; the caller closes it. Refused when this install carries none of that name."""
    return open_driver(pool.driver, pool_facts(session, pool, home), clock)


def find_change(session: Session, change_id: int) -> ChangeRow:
    """NotFound for a number no change has."""
    row = session.get(ChangeRow, change_id)
    if row is None:
        raise NotFound("There is no change {number}.", number=change_id)
    return row


def changes(session: Session, states: Sequence[str] | None = None) -> Sequence[ChangeRow]:
    """Changes by number; `states` narrows them."""
    query = select(ChangeRow).order_by(ChangeRow.id)
    if states is not None:
        query = query.where(ChangeRow.state.in_(states))
    return session.scalars(query).all()


def change_steps(session: Session, change_id: int) -> Sequence[ChangeStepRow]:
    """A change's steps in their order."""
    query = select(ChangeStepRow).where(ChangeStepRow.change_id == change_id)
    return session.scalars(query.order_by(ChangeStepRow.position)).all()


def steps_by_change(session: Session, states: Sequence[str] | None = None) -> dict[int, list[ChangeStepRow]]:
    """The steps of every change, in their order, by its number; `states` of the changes narrows them."""
    query = select(ChangeStepRow).order_by(ChangeStepRow.change_id, ChangeStepRow.position)
    if states is not None:
        query = query.join(ChangeRow).where(ChangeRow.state.in_(states))
    found: dict[int, list[ChangeStepRow]] = {}
    for row in session.scalars(query):
        found.setdefault(row.change_id, []).append(row)
    return found


def change_step(session: Session, change_id: int, position: int) -> ChangeStepRow:
    """One step, which must exist."""
    query = select(ChangeStepRow).where(ChangeStepRow.change_id == change_id)
    return session.scalars(query.where(ChangeStepRow.position == position)).one()


def open_steps(
    session: Session, vm_ids: Sequence[int] | None = None
) -> Sequence[tuple[ChangeRow, ChangeStepRow]]:
    """Steps of changes still in hand that did something or may, with their change; `vm_ids` narrows them."""
    query = (
        select(ChangeRow, ChangeStepRow)
        .join(ChangeStepRow, ChangeStepRow.change_id == ChangeRow.id)
        .where(ChangeRow.state.in_(OPEN_STATES), ChangeStepRow.state != "failed")
        .order_by(ChangeRow.id, ChangeStepRow.position)
    )
    if vm_ids is not None:
        query = query.where(ChangeStepRow.vm_id.in_(vm_ids))
    return [(change, step) for change, step in session.execute(query)]


def held_resizes(session: Session) -> list[ChangeStepRow]:
    """The last resize of each machine, where it is done and its cloud was to keep the way back open."""
    query = select(ChangeStepRow).where(ChangeStepRow.kind == StepKind.RESIZE, ChangeStepRow.state == "done")
    last = {row.vm_id: row for row in session.scalars(query.order_by(ChangeStepRow.id))}
    return [row for row in last.values() if (row.after or {}).get("hold")]


def step_of(row: ChangeStepRow, name: str) -> Step:
    """A journalled row as the step it stands for."""
    return Step(StepKind(row.kind), row.vm_id, name, row.before, row.after, row.is_live)


def every(session: Session, table: type[Estate]) -> Sequence[Estate]:
    """All rows of pools, hosts, images or networks, removed ones included, by id."""
    return session.scalars(select(table).order_by(table.id)).all()
