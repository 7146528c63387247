"""What a host has: its capacity, and every domain on it, in a few bulk questions and a small one per domain."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.addresses import Leases, leased, leases
from provisioning.drivers.libvirt.definition import Definition, Disk, Found, found
from provisioning.drivers.libvirt.failures import is_missing
from provisioning.drivers.libvirt.interrupted import is_arriving
from provisioning.drivers.libvirt.marks import SHELVED
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import GIB, Tiers, read_tiers, volume_bytes
from provisioning.model import HostFacts, LiveRange, Machine, MachineState

Stats = Mapping[str, Any]
USUAL_PAGE_KIB = 4


@dataclass(frozen=True, slots=True)
class Sighting:
    """A machine on a host. moved_at: since when it is said to stand there; of two, the later is right.

    is_arriving: it is on its way here, and stands elsewhere until then.
    """

    machine: Machine
    moved_at: datetime | None
    is_arriving: bool = False


@dataclass(frozen=True, slots=True)
class HostView:
    """One host at one instant."""

    facts: HostFacts
    sightings: tuple[Sighting, ...]


def look(connection: Any, code: str, pools: Mapping[str, str], *, is_shared: bool = False) -> HostView:
    """is_shared: all hosts of the pool see the same storage."""
    tiers = read_tiers(connection, pools, code)
    sightings = tuple(_sightings(connection, code, tiers))
    return HostView(host_facts(connection, code, tiers, is_shared=is_shared), sightings)


def host_facts(connection: Any, code: str, tiers: Tiers, *, is_shared: bool) -> HostFacts:
    info, storage = connection.getInfo(), dict(tiers.capacity_gib)
    shared = frozenset(storage) if is_shared else frozenset[str]()
    return HostFacts(code, True, int(info[2]), memory_mib(connection, int(info[1])), storage, shared)


def memory_mib(connection: Any, plain_mib: int) -> int:
    """The memory of all NUMA cells less what is set aside in huge pages, which plain guests cannot have."""
    kib = sum(int(cell.findtext("memory", "0")) - huge_pages_kib(cell) for cell in numa_cells(connection))
    return kib // 1024 or plain_mib


def numa_cells(connection: Any) -> list[ET.Element]:
    return ET.fromstring(connection.getCapabilities()).findall("host/topology/cells/cell")


def huge_pages_kib(cell: ET.Element) -> int:
    pages = ((int(each.get("size", "0")), int(each.text or 0)) for each in cell.findall("pages"))
    return sum(size * count for size, count in pages if size > USUAL_PAGE_KIB)


def bulk_stats(connection: Any, groups: int) -> list[tuple[Any, Stats]]:
    """All domains in one question. One whose QEMU is busy with an earlier question is told of in part.

    So a stuck QEMU hangs the first who asks, and only him.
    """
    libvirt = sdk()
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    try:
        return list(connection.getAllDomainStats(groups, flags))
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (libvirt.VIR_ERR_INVALID_ARG, libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED):
            raise
        # libvirt's test driver knows no flags.
        return list(connection.getAllDomainStats(groups, 0))


def _sightings(connection: Any, code: str, tiers: Tiers) -> Iterator[Sighting]:
    libvirt = sdk()
    groups = libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_VCPU | libvirt.VIR_DOMAIN_STATS_BLOCK
    seen = list(described(bulk_stats(connection, groups)))
    ports = (port for there, _ in seen for port in there.definition.interfaces)
    given = leases(connection, code, {port.network for port in ports if port.network})
    for there, stats in seen:
        yield _sighting(connection, there, stats, code, tiers, given)


def described(told: Iterable[tuple[Any, Stats]]) -> Iterator[tuple[Found, Stats]]:
    """Domains with their definitions, but for those that went while we looked."""
    for domain, stats in told:
        try:
            there = found(domain)
        except sdk().libvirtError as error:
            if is_missing(error):
                continue
            raise
        yield there, stats


def _sighting(
    connection: Any, there: Found, stats: Stats, code: str, tiers: Tiers, given: Leases
) -> Sighting:
    definition, marks = there.definition, there.marks
    vcpus = int(stats.get("vcpu.current", definition.vcpus)) if is_active(stats) else definition.vcpus
    size = Size(vcpus, definition.memory_mib, storage_gib(connection, definition, stats, tiers))
    labels = {"title": definition.title} if definition.title else {}
    machine = Machine(
        definition.uuid,
        definition.name,
        marks.vm_id if marks else None,
        code,
        machine_state(stats, there),
        size,
        {**labels, **(marks.labels if marks else {})},
        leased(definition.interfaces, given),
        live=LiveRange(definition.vcpus, definition.max_vcpus, definition.max_memory_mib),
    )
    # Halted it is until it has arrived; and only then a further question is worth its time.
    is_halted = marks is not None and machine.state == MachineState.PAUSED
    return Sighting(machine, marks.moved_at if marks else None, is_halted and is_arriving(there.domain))


def storage_gib(connection: Any, definition: Definition, stats: Stats, tiers: Tiers) -> dict[str, int]:
    """Per tier what its disks can hold; as we last made them where the host cannot say."""
    storage: dict[str, int] = {}
    for extent in extents(connection, definition, stats):
        if extent.capacity is None:
            return dict(definition.marks.size.storage_gib) if definition.marks else storage
        tier = tiers.tier_of(extent.disk)
        storage[tier] = storage.get(tier, 0) + -(-extent.capacity // GIB)
    return storage


@dataclass(frozen=True, slots=True)
class Extent:
    """A disk in bytes: what it can hold, and what it takes of the host's storage; None: unknown."""

    disk: Disk
    capacity: int | None
    used: int | None
    written: int


def extents(connection: Any, definition: Definition, stats: Stats) -> Iterator[Extent]:
    """Of the disks that are storage. QEMU tells while it runs, the storage pool while it does not."""
    told = _blocks(stats)
    for disk in definition.storage:
        number = told.get(disk.target)
        capacity = stats.get(f"block.{number}.capacity")
        # What runs has an allocation, too: a high-water mark of this run, which is no use of storage.
        used = stats.get(f"block.{number}.{'physical' if is_active(stats) else 'allocation'}")
        if capacity is None and not is_active(stats):
            capacity, used = volume_bytes(connection, disk) or (None, None)
        yield Extent(disk, capacity, used, int(stats.get(f"block.{number}.wr.bytes", 0)))


def _blocks(stats: Stats) -> dict[str, int]:
    """Number by target; of several under one name the first is the disk, the others lie below it."""
    numbers: dict[str, int] = {}
    for number in range(int(stats.get("block.count", 0))):
        numbers.setdefault(str(stats.get(f"block.{number}.name")), number)
    return numbers


def machine_state(stats: Stats, there: Found) -> MachineState:
    libvirt = sdk()
    state = stats.get("state.state")
    if state in (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED):
        is_shelved = there.marks is not None and there.marks.state == SHELVED
        return MachineState.SHELVED if is_shelved else MachineState.OFF
    if state in (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED):
        return MachineState.PAUSED
    known = (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED, libvirt.VIR_DOMAIN_SHUTDOWN)
    return MachineState.RUNNING if state in known else MachineState.UNKNOWN


def is_active(stats: Stats) -> bool:
    libvirt = sdk()
    off = (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED, libvirt.VIR_DOMAIN_NOSTATE)
    return stats.get("state.state", libvirt.VIR_DOMAIN_NOSTATE) not in off
