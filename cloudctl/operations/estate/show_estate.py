"""Lists and shows the estate: units, systems, pools, hosts, images, equipment, and what is held in each now."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core import estate
from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import NotFound
from cloudctl.core.money import yuan_text
from cloudctl.core.quantity import total
from cloudctl.core.tables import EquipmentRow, SystemRow, UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.estate.read_estate import read_estate
from metering.allocations import current_allocations, size_of
from metering.tables import AllocationRow
from provisioning import store
from provisioning.tables import HostRow, ImageRow, PoolRow, VmRow

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Held:
    """Allocations in force, with their machines' rows."""

    allocations: tuple[AllocationRow, ...]
    machines: Mapping[int, VmRow]

    @classmethod
    def read(cls, session: Session) -> "_Held":
        machines = {row.id: row for row in store.vms(session)}
        return cls(tuple(current_allocations(session).values()), machines)

    def row(self, chosen: Callable[[AllocationRow, VmRow], bool]) -> Row:
        """Machines and what they hold together, of those chosen."""
        sizes = [size_of(row) for row in self.allocations if chosen(row, self.machines[row.vm_id])]
        held = total(sizes)
        return {
            "machines": len(sizes),
            "vcpus": held.vcpus,
            "memory_mib": held.memory_mib,
            "storage_gib": held.storage_total_gib,
        }

    def names(self, chosen: Callable[[AllocationRow], bool]) -> list[str]:
        return sorted(self.machines[row.vm_id].name for row in self.allocations if chosen(row))


def show_inventory(ctx: Context) -> Row:
    """The site, how much of everything there is, and what is held in all."""
    with ctx.reading() as session:
        state = read_estate(session)
        held = _Held.read(session).row(lambda *_: True)
    inventory = state.inventory
    sections = ("units", "people", "systems", "pools", "hosts", "images", "networks", "equipment")
    counts = {section: len(getattr(inventory, section)) for section in sections}
    site = {"name": ctx.site.name, "timezone": str(ctx.site.zone), "currency": ctx.site.currency}
    return {**site, "language": ctx.site.language, **counts, **held, "state": state.digest}


def list_units(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        held = _Held.read(session)
        return [_unit(session, row, held) for row in estate.units(session)]


def show_unit(ctx: Context, code: str) -> Row:
    """The unit, in force or removed. NotFound."""
    with ctx.reading() as session:
        row = estate.find_unit(session, code)
        people = [person.login for person in estate.people(session) if person.unit_id == row.id]
        systems = [system.code for system in estate.systems(session, unit_id=row.id)]
        owned = [item.code for item in estate.equipment(session) if item.unit_id == row.id]
        parts = {"systems": systems, "people": people, "equipment": owned, "removed_at": row.removed_at}
        return {**_unit(session, row, _Held.read(session)), **parts}


def list_systems(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        held, units = _Held.read(session), estate.unit_codes(session)
        return [_system(row, units, held) for row in estate.systems(session)]


def show_system(ctx: Context, code: str) -> Row:
    """The system, in force or removed. NotFound."""
    with ctx.reading() as session:
        row, held = estate.find_system(session, code), _Held.read(session)
        names = held.names(lambda item: item.system_id == row.id)
        shown = _system(row, estate.unit_codes(session), held)
        return {**shown, "vms": names, "removed_at": row.removed_at}


def list_pools(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        held = _Held.read(session)
        return [_pool(session, row, held) for row in store.pools(session)]


def show_pool(ctx: Context, code: str) -> Row:
    """NotFound."""
    with ctx.reading() as session:
        row = store.find_pool(session, code)
        return {**_pool(session, row, _Held.read(session)), "options": row.options}


def list_hosts(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        held, pools = _Held.read(session), {row.id: row for row in store.pools(session)}
        return [_host(row, pools[row.pool_id].code, held) for row in store.hosts(session)]


def show_host(ctx: Context, code: str) -> Row:
    """A host by "POOL/CODE", or by its code where only one pool has it. NotFound."""
    row = _one(list_hosts(ctx), code, "There is no host “{code}”.")
    with ctx.reading() as session:
        held = _Held.read(session)
        pool, host = store.find_host(session, f"{row['pool']}/{row['code']}")
        names = held.names(lambda item: _stands_on(held.machines[item.vm_id], pool.id, row["code"]))
        closed = host.closed or {}
        aside = [
            vm.name
            for vm in held.machines.values()
            if vm.state == "shelved" and _stands_on(vm, pool.id, host.code)
        ]
    return {
        **row,
        "shut_by": closed.get("by"),
        "shut_at": parse_instant(closed["at"]) if closed else None,
        "shut_reason": closed.get("reason"),
        "fenced": bool(closed.get("fenced")),
        "vms": names,
        "put_aside": sorted(aside),
    }


def list_images(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        pools = {row.id: row.code for row in store.pools(session)}
        return [_image(row, pools[row.pool_id]) for row in store.images(session)]


def show_image(ctx: Context, code: str) -> Row:
    """An image by "POOL/CODE", or by its code where only one pool has it. NotFound."""
    return _one(list_images(ctx), code, "There is no image “{code}”.")


def list_equipment(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        units = estate.unit_codes(session)
        return [_equipment(row, units, ctx.site.currency) for row in estate.equipment(session)]


def show_equipment(ctx: Context, code: str) -> Row:
    """The equipment, in force or removed. NotFound."""
    with ctx.reading() as session:
        row = estate.find_equipment(session, code)
        shown = _equipment(row, estate.unit_codes(session), ctx.site.currency)
        return {**shown, "removed_at": row.removed_at}


def _unit(session: Session, row: UnitRow, held: _Held) -> Row:
    shown: Row = {"code": row.code, "name": row.name, "contact": row.contact}
    shown["systems"] = len(estate.systems(session, unit_id=row.id))
    return {**shown, **held.row(lambda item, _: item.unit_id == row.id)}


def _system(row: SystemRow, units: Mapping[int, str], held: _Held) -> Row:
    shown = {
        "code": row.code,
        "name": row.name,
        "unit": units[row.unit_id],
        "level": row.level,
        "window": row.window,
        "status": row.status,
    }
    return {**shown, **held.row(lambda item, _: item.system_id == row.id)}


def _pool(session: Session, row: PoolRow, held: _Held) -> Row:
    shown: Row = {"code": row.code, "name": row.name, "driver": row.driver, "provider": row.provider}
    shown["simulated"] = row.driver == "embedded"
    shown["hosts"] = len(store.hosts(session, row.id))
    return {**shown, **held.row(lambda item, _: item.pool_id == row.id)}


def _host(row: HostRow, pool: str, held: _Held) -> Row:
    """Capacity is None where the cloud reports it; held: what its machines' allocations come to."""
    shown = {
        "pool": pool,
        "code": row.code,
        "uri": row.uri,
        "rack": row.rack,
        "draining": not row.accepting,
        "capacity_vcpus": row.options.get("vcpus"),
        "capacity_memory_mib": row.options.get("memory_mib"),
        "capacity_storage_gib": row.options.get("storage_gib"),
    }
    return {**shown, **held.row(lambda _, vm: _stands_on(vm, row.pool_id, row.code))}


def _stands_on(vm: VmRow, pool_id: int, host: str) -> bool:
    return vm.pool_id == pool_id and vm.host == host


def _image(row: ImageRow, pool: str) -> Row:
    return {"pool": pool, "code": row.code, "source": row.source, "sha256": row.sha256}


def _equipment(row: EquipmentRow, units: Mapping[int, str], currency: str) -> Row:
    return {
        "code": row.code,
        "unit": units[row.unit_id],
        "kind": row.kind,
        "condition": row.condition,
        "bought": row.bought.isoformat() if row.bought else None,
        "yearly_cost": {item: yuan_text(fen) for item, fen in sorted(row.yearly_cost_fen.items())},
        "yearly_total": yuan_text(sum(row.yearly_cost_fen.values())),
        "currency": currency,
    }


def _one(rows: Iterable[Row], code: str, missing: str) -> Row:
    found = [row for row in rows if code in (row["code"], f"{row['pool']}/{row['code']}")]
    if not found:
        raise NotFound(missing, code=code)
    if len(found) > 1:
        names = ", ".join(f"{row['pool']}/{row['code']}" for row in found)
        raise NotFound("“{code}” is in several pools; name one of {names}.", code=code, names=names)
    return found[0]
