"""Reads the ledger's estate in the inventory's own form: what plans compare with, and what is exported."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, TypeVar, cast

from sqlalchemy.orm import Session

from cloudctl.core import estate
from cloudctl.core.audit import digest
from cloudctl.core.database import canonical_json
from cloudctl.core.identity import Role
from cloudctl.core.inventory.history import Held, merged
from cloudctl.core.inventory.libvirt_settings import LibvirtSettings
from cloudctl.core.inventory.model import (
    Equipment,
    Flavor,
    Host,
    Image,
    Inventory,
    Network,
    Overcommit,
    Person,
    Pool,
    Site,
    SizeChange,
    System,
    Unit,
    Vm,
)
from cloudctl.core.inventory.openstack_settings import OpenStackSettings
from cloudctl.core.inventory.plan import document_of
from cloudctl.core.quantity import Size
from cloudctl.core.tables import EquipmentRow, PersonRow, SiteRow, SystemRow, UnitRow
from cloudctl.core.yaml_source import YamlModel
from metering.allocations import EVER, allocations_between, size_of
from metering.tables import AllocationRow
from provisioning import store
from provisioning.planner import Present
from provisioning.tables import HostRow, ImageRow, NetworkRow, PoolRow, VmRow

M = TypeVar("M", bound=YamlModel)


@dataclass(frozen=True, slots=True)
class EstateState:
    """inventory: every section filled. machines: by name, retired ones too. founders: logins no file may remove."""

    inventory: Inventory
    machines: Mapping[str, Present]
    founders: frozenset[str]

    @property
    def digest(self) -> str:
        """Changes whenever anything does that a plan is made from."""
        machines = {name: [machine.vm_id, machine.state] for name, machine in self.machines.items()}
        content = {"inventory": document_of(self.inventory), "machines": machines}
        return digest(canonical_json(content).encode(), "sha256")


def read_estate(session: Session) -> EstateState:
    """The whole estate as the ledger has it."""
    codes = _Codes.read(session)
    machines = _machines(session, codes)
    people = estate.people(session)
    images = tuple(_image(row, codes) for row in _in_force(store.every(session, ImageRow)))
    known = {(image.pool, image.code) for image in images}
    inventory = _built(
        Inventory,
        version=1,
        site=_site(session.get_one(SiteRow, 1)),
        units=tuple(map(_unit, estate.units(session))),
        people=tuple(_person(row, codes) for row in people),
        systems=tuple(_system(row, codes) for row in estate.systems(session)),
        pools=tuple(map(_pool, store.pools(session))),
        hosts=tuple(_host(row, codes) for row in _in_force(store.every(session, HostRow))),
        images=images,
        networks=tuple(_network(row, codes) for row in _in_force(store.every(session, NetworkRow))),
        vms=tuple(_vm(machine, known) for machine in machines.values() if _is_declared(machine)),
        equipment=tuple(_equipment(row, codes) for row in estate.equipment(session)),
    )
    return EstateState(inventory, machines, frozenset(row.login for row in people if row.is_founder))


@dataclass(frozen=True, slots=True)
class _Codes:
    """Codes by id, of everything there ever was."""

    units: dict[int, str]
    systems: dict[int, str]
    pools: dict[int, PoolRow]

    @classmethod
    def read(cls, session: Session) -> "_Codes":
        pools = {row.id: row for row in store.every(session, PoolRow)}
        return cls(estate.unit_codes(session), estate.system_codes(session), pools)


def _built(model: type[M], **values: Any) -> M:
    """A model of what was checked when it entered the ledger."""
    return cast(M, model.model_construct(**values))


def _in_force(rows: Sequence[Any]) -> Iterator[Any]:
    return (row for row in rows if row.removed_at is None)


def _machines(session: Session, codes: _Codes) -> dict[str, Present]:
    held = {
        vm_id: list(rows)
        for vm_id, rows in groupby(allocations_between(session, *EVER), lambda row: row.vm_id)
    }
    return {row.name: _present(row, held.get(row.id, []), codes) for row in store.vms(session)}


def _present(row: VmRow, held: Sequence[AllocationRow], codes: _Codes) -> Present:
    pool = codes.pools[row.pool_id]
    is_external = pool.driver == "external"
    end = held[-1].end if held else None
    return Present(
        vm_id=row.id,
        name=row.name,
        system=codes.systems[row.system_id],
        pool=pool.code,
        state=row.state,
        is_external=is_external,
        size=size_of(held[-1]) if held and end is None else None,
        host=row.host,
        image=row.image,
        network=row.network,
        history=merged(Held(item.start, size_of(item)) for item in held) if is_external else (),
        until=end if is_external else None,
    )


def _is_declared(machine: Present) -> bool:
    """Whether an inventory names it: what is there, and of an external pool also what was."""
    return bool(machine.history) if machine.is_external else machine.size is not None


def _vm(machine: Present, images: Collection[tuple[str, str]]) -> Vm:
    """An image that has left the inventory since is not named any more."""
    size = machine.history[0].size if machine.history else machine.size or Size(0, 0)
    return _built(
        Vm,
        name=machine.name,
        system=machine.system,
        pool=machine.pool,
        vcpus=size.vcpus,
        memory_mib=size.memory_mib,
        storage_gib=dict(size.storage_gib),
        image=machine.image if (machine.pool, machine.image) in images else None,
        network=machine.network,
        since=machine.history[0].start if machine.history else None,
        until=machine.until,
        sizes=tuple(_changes(machine.history)),
    )


def _changes(history: Sequence[Held]) -> Iterator[SizeChange]:
    for before, after in pairwise(history):
        values: dict[str, Any] = {"from": after.start, "vcpus": None, "memory_mib": None, "storage_gib": None}
        for key in ("vcpus", "memory_mib", "storage_gib"):
            if getattr(after.size, key) != getattr(before.size, key):
                value = getattr(after.size, key)
                values[key] = dict(value) if key == "storage_gib" else value
        yield _built(SizeChange, **values)


def _site(row: SiteRow) -> Site:
    return _built(Site, name=row.name, timezone=row.timezone, currency=row.currency, language=row.language)


def _unit(row: UnitRow) -> Unit:
    return _built(Unit, code=row.code, name=row.name, contact=row.contact)


def _person(row: PersonRow, codes: _Codes) -> Person:
    unit = codes.units[row.unit_id] if row.unit_id is not None else None
    return _built(
        Person,
        login=row.login,
        name=row.name,
        unit=unit,
        roles=tuple(map(Role, row.roles)),
        ssh_keys=tuple(row.ssh_keys),
    )


def _system(row: SystemRow, codes: _Codes) -> System:
    return _built(
        System,
        code=row.code,
        name=row.name,
        unit=codes.units[row.unit_id],
        level=row.level,
        window=row.window,
        status=row.status,
    )


def _pool(row: PoolRow) -> Pool:
    overcommit = row.options.get("overcommit")
    return _built(
        Pool,
        code=row.code,
        name=row.name,
        driver=row.driver,
        provider=row.provider or None,
        overcommit=_built(Overcommit, **overcommit) if overcommit else None,
        tiers=row.options.get("tiers", {}),
        boot_tier=row.options.get("boot_tier"),
        flavors=tuple(_built(Flavor, **flavor) for flavor in row.options.get("flavors", ())),
        seed=row.options.get("seed"),
        traces=row.options.get("traces"),
        cloud=row.options.get("cloud"),
        ssh_keys=tuple(row.options.get("ssh_keys", ())),
        libvirt=_built(LibvirtSettings, **row.options["libvirt"]) if row.options.get("libvirt") else None,
        openstack=_built(OpenStackSettings, **_listed(row.options["openstack"]))
        if row.options.get("openstack")
        else None,
    )


def _listed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of JSON as the form's tuples."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def _host(row: HostRow, codes: _Codes) -> Host:
    return _built(
        Host,
        code=row.code,
        pool=codes.pools[row.pool_id].code,
        uri=row.uri,
        rack=row.rack,
        domain_type=row.options.get("domain_type"),
        migrate_uri=row.options.get("migrate_uri"),
        vcpus=row.options.get("vcpus"),
        memory_mib=row.options.get("memory_mib"),
        storage_gib=row.options.get("storage_gib", {}),
    )


def _image(row: ImageRow, codes: _Codes) -> Image:
    pool = codes.pools[row.pool_id].code
    return _built(Image, code=row.code, pool=pool, source=row.source, sha256=row.sha256, **dict(row.options))


def _network(row: NetworkRow, codes: _Codes) -> Network:
    pool = codes.pools[row.pool_id].code
    return _built(Network, code=row.code, pool=pool, bridge=row.bridge, vlan=row.vlan, **dict(row.options))


def _equipment(row: EquipmentRow, codes: _Codes) -> Equipment:
    return _built(
        Equipment,
        code=row.code,
        unit=codes.units[row.unit_id],
        kind=row.kind,
        condition=row.condition,
        bought=row.bought,
        yearly_cost=row.yearly_cost_fen,
    )
