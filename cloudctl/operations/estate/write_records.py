"""Writes an inventory's records into the ledger's rows: units, people, systems, pools and what belongs to them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core import estate
from cloudctl.core.inventory.draft import Key, key_of
from cloudctl.core.inventory.model import (
    Equipment,
    Host,
    Image,
    Inventory,
    Network,
    Person,
    Pool,
    System,
    Unit,
)
from cloudctl.core.inventory.plan import PlanStep
from cloudctl.core.tables import EquipmentRow, PersonRow, SiteRow, SystemRow, UnitRow
from metering.allocations import Holder, current_allocations, hold, size_of
from provisioning import store
from provisioning.tables import HostRow, ImageRow, NetworkRow, PoolRow


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger's rows by the keys of their entries, removed ones too; new ones are entered as they come."""

    session: Session
    now: datetime
    rows: dict[str, dict[Key, Any]]

    @classmethod
    def opened(cls, session: Session, now: datetime) -> "Books":
        pools = {row.id: row.code for row in store.every(session, PoolRow)}
        rows: dict[str, dict[Key, Any]] = {
            "units": {(row.code,): row for row in estate.units(session, removed=True)},
            "people": {(row.login,): row for row in estate.people(session, removed=True)},
            "systems": {(row.code,): row for row in estate.systems(session, removed=True)},
            "equipment": {(row.code,): row for row in estate.equipment(session, removed=True)},
            "pools": {(row.code,): row for row in store.every(session, PoolRow)},
            "hosts": {(pools[row.pool_id], row.code): row for row in store.every(session, HostRow)},
            "images": {(pools[row.pool_id], row.code): row for row in store.every(session, ImageRow)},
            "vms": {(row.name,): row for row in store.vms(session)},
            "networks": {(pools[row.pool_id], row.code): row for row in store.every(session, NetworkRow)},
        }
        return cls(session, now, rows)

    def id_of(self, section: str, code: str) -> int:
        return int(self.rows[section][code,].id)

    def holder(self, system: str, pool: str) -> Holder:
        """Who holds a machine of that system in that pool, from now on."""
        row = self.rows["systems"][system,]
        return Holder(row.id, row.unit_id, self.id_of("pools", pool))


def write_records(books: Books, steps: Sequence[PlanStep], wanted: Inventory) -> None:
    """Carries out adds and changes, in the steps' order."""
    entries = {
        section: {key_of(section, entry): entry for entry in getattr(wanted, section) or ()}
        for section in books.rows
    }
    for step in steps:
        if step.kind == "remove":
            continue
        if step.section == "site":
            _write_site(books.session.get_one(SiteRow, 1), step)
        else:
            _write(books, step, entries[step.section][step.key])


def remove_records(books: Books, steps: Sequence[PlanStep]) -> None:
    """Carries out removals: the rows stay, for the past refers to them."""
    for step in steps:
        if step.kind == "remove":
            books.rows[step.section][step.key].removed_at = books.now
    books.session.flush()


def _write(books: Books, step: PlanStep, entry: Any) -> None:
    new_row, fill = _WRITERS[step.section]
    row = books.rows[step.section].get(step.key)
    if row is None:
        row = new_row(books, entry)
        books.rows[step.section][step.key] = row
    row.removed_at = None
    fill(books, row, entry)
    books.session.add(row)
    books.session.flush()


def _write_site(row: SiteRow, step: PlanStep) -> None:
    for key, value in (step.after or {}).items():
        setattr(row, key, value)


def _fill_unit(_books: Books, row: UnitRow, entry: Unit) -> None:
    row.name, row.contact = entry.name, entry.contact


def _fill_person(books: Books, row: PersonRow, entry: Person) -> None:
    row.name, row.roles = entry.name, sorted(map(str, entry.roles))
    row.unit_id = books.id_of("units", entry.unit) if entry.unit else None
    row.ssh_keys = list(entry.ssh_keys)


def _fill_system(books: Books, row: SystemRow, entry: System) -> None:
    owner = books.id_of("units", entry.unit)
    changes_hands = row.unit_id is not None and row.unit_id != owner
    row.name, row.unit_id = entry.name, owner
    row.level, row.window, row.status = entry.level, entry.window, entry.status
    if changes_hands:
        _hand_over(books, row)


def _hand_over(books: Books, system: SystemRow) -> None:
    """What the system's machines hold they hold for the new unit from now on; the past stays the old one's."""
    for row in current_allocations(books.session).values():
        if row.system_id == system.id:
            holder = Holder(system.id, system.unit_id, row.pool_id)
            hold(books.session, row.vm_id, holder, size_of(row), books.now, "transfer")


def _fill_pool(_books: Books, row: PoolRow, entry: Pool) -> None:
    row.name, row.driver, row.provider = entry.name, entry.driver, entry.provider or ""
    options = entry.model_dump(
        include={
            "overcommit",
            "tiers",
            "boot_tier",
            "flavors",
            "seed",
            "traces",
            "cloud",
            "ssh_keys",
            "libvirt",
            "openstack",
        },
        exclude_none=True,
    )
    row.options = {key: value for key, value in options.items() if value not in ({}, ())}


def _fill_host(_books: Books, row: HostRow, entry: Host) -> None:
    row.uri, row.rack = entry.uri, entry.rack
    options = entry.model_dump(
        include={"vcpus", "memory_mib", "storage_gib", "domain_type", "migrate_uri"}, exclude_none=True
    )
    row.options = {key: value for key, value in options.items() if value != {}}


def _fill_image(_books: Books, row: ImageRow, entry: Image) -> None:
    row.source, row.sha256 = entry.source, entry.sha256
    row.options = entry.model_dump(include={"kernel", "initrd", "cmdline"}, exclude_none=True)


def _fill_network(_books: Books, row: NetworkRow, entry: Network) -> None:
    row.bridge, row.vlan = entry.bridge, entry.vlan
    row.options = entry.model_dump(
        include={"network", "physical_network", "cidr", "gateway"}, exclude_none=True
    )


def _fill_equipment(books: Books, row: EquipmentRow, entry: Equipment) -> None:
    row.unit_id = books.id_of("units", entry.unit)
    row.kind, row.condition, row.bought = entry.kind, entry.condition, entry.bought
    row.yearly_cost_fen = {str(item): fen for item, fen in entry.yearly_cost.items()}


def _in_pool(table: type[Any]) -> Callable[[Books, Any], Any]:
    return lambda books, entry: table(code=entry.code, pool_id=books.id_of("pools", entry.pool))


# section -> what makes a row from an entry, and what brings a row to an entry
_WRITERS: dict[str, tuple[Callable[[Books, Any], Any], Callable[[Books, Any, Any], None]]] = {
    "units": (lambda _books, entry: UnitRow(code=entry.code), _fill_unit),
    "people": (lambda _books, entry: PersonRow(login=entry.login, is_founder=False), _fill_person),
    "systems": (lambda _books, entry: SystemRow(code=entry.code), _fill_system),
    "pools": (lambda _books, entry: PoolRow(code=entry.code), _fill_pool),
    "hosts": (_in_pool(HostRow), _fill_host),
    "images": (_in_pool(ImageRow), _fill_image),
    "networks": (_in_pool(NetworkRow), _fill_network),
    "equipment": (lambda _books, entry: EquipmentRow(code=entry.code), _fill_equipment),
}
