"""Gives a machine another size: live where that is known to be safe, else with a power cycle.

Never live: taking vCPUs away (QEMU crashed on the next reset), and never at all: shrinking a disk (libvirt cuts it off
without a word). Live: vCPUs up to the maximum it was started with, memory by the balloon up to its maximum, larger
disks, and a disk on a further tier.
"""

from collections.abc import Mapping
from time import monotonic, sleep

from cloudctl.core.errors import Message, Refused
from cloudctl.core.quantity import Size
from provisioning.driver import StillAtWork
from provisioning.drivers.libvirt.creation import TARGETS, data_disk
from provisioning.drivers.libvirt.definition import Definition, Disk, Found, found
from provisioning.drivers.libvirt.domain_xml import disk_element, volume_xml, with_size, written
from provisioning.drivers.libvirt.failures import said, translated
from provisioning.drivers.libvirt.marks import namespaced
from provisioning.drivers.libvirt.power import cycle_down, cycle_up, is_by_force, marks_of_ours
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import (
    GIB,
    find_volume,
    grow_volume,
    refresh,
    remove_volume,
    storage_pool,
    volume_bytes,
    volume_of,
)
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Applied, Step
from provisioning.steps import wanted_size

# A balloon that came within this of its goal is there.
BALLOON_SLACK = 1.02


def resize(place: Workplace, there: Found, step: Step) -> Applied:
    marks, size, has = marks_of_ours(there), wanted_size(step), place.size_of(there)
    if has == size and marks.size == size and not marks.is_cycling:
        return place.applied(there, marks.sized_at)
    for tier, gib in has.storage_gib.items():
        if size.storage_gib.get(tier, 0) < gib:
            raise Refused("{name}: a disk cannot shrink in place.", name=step.name)
    unknown = [tier for tier in size.storage_gib if tier not in place.settings.tiers]
    if unknown:
        raise Refused("The pool has no storage tier “{tier}”.", tier=unknown[0])
    place.require_room(step.name, size, without=there.definition.uuid)
    is_active = bool(there.domain.isActive())
    if is_active and step.is_live and not marks.is_cycling and fits_live(there.definition, size):
        _live(place, there, size)
    elif is_active or marks.is_cycling:
        _cold(place, there, step, size)
    else:
        there = _defined(place, there, size)
    _grow_disks(place, there, size)
    now = place.clock.now()
    place.note(there, size=size, sized_at=now)
    return place.applied(there, now)


def fits_live(definition: Definition, size: Size) -> bool:
    return definition.vcpus <= size.vcpus <= definition.max_vcpus and (
        size.memory_mib <= definition.max_memory_mib
    )


def _live(place: Workplace, there: Found, size: Size) -> None:
    """Memory first, for that can be given back when the guest does not follow."""
    libvirt, domain, has = sdk(), there.domain, there.definition
    both = libvirt.VIR_DOMAIN_AFFECT_LIVE | libvirt.VIR_DOMAIN_AFFECT_CONFIG
    # One that was cut off while the guest gave memory back has that size in its definition already.
    before_mib = max(has.memory_mib, marks_of_ours(there).size.memory_mib)
    if size.memory_mib != before_mib:
        domain.setMemoryFlags(size.memory_mib * 1024, both)
        if size.memory_mib < before_mib and not _balloon_follows(place, there, size.memory_mib):
            domain.setMemoryFlags(before_mib * 1024, both)
            raise Refused(
                "{name} does not give memory back while it runs.",
                name=has.name,
                hint=Message(
                    "Its guest has no balloon driver, or needs the memory: resize with --power-cycle."
                ),
            )
    if size.vcpus > has.vcpus:
        try:
            domain.setVcpusFlags(size.vcpus, both)
        except libvirt.libvirtError:
            domain.setMemoryFlags(before_mib * 1024, both)
            raise


def _balloon_follows(place: Workplace, there: Found, memory_mib: int) -> bool:
    end = monotonic() + place.settings.balloon_seconds
    while monotonic() < end:
        if there.domain.memoryStats().get("actual", 0) <= memory_mib * 1024 * BALLOON_SLACK:
            return True
        sleep(0.2)
    return False


def _cold(place: Workplace, there: Found, step: Step, size: Size) -> None:
    """If it cannot start in its new size, it starts in its old one, and nothing was done."""
    cycle_down(place, there, by_force=is_by_force(place, step))
    before = there.definition
    try:
        _defined(place, there, size)
        cycle_up(place, there)
    except sdk().libvirtError as error:
        place.connection.defineXML(before.xml)
        cycle_up(place, there)
        raise Refused(
            "{name} could not start in its new size: {reason}", name=step.name, reason=said(error)
        ) from None


def _defined(place: Workplace, there: Found, size: Size) -> Found:
    """The size that the next start brings; and the room to grow from there."""
    current, settings = found(there.domain).definition, place.settings
    assert current.marks is not None
    sizes: Mapping[str, int] = {
        "vcpus": size.vcpus,
        "max_vcpus": size.vcpus * settings.headroom_vcpus,
        "memory_mib": size.memory_mib,
        "max_memory_mib": size.memory_mib * settings.headroom_memory,
    }
    return found(place.connection.defineXML(with_size(current.xml, sizes, namespaced(current.marks))))


def _grow_disks(place: Workplace, there: Found, size: Size) -> None:
    """Last, for a disk never shrinks again. A failure here leaves the step open, to be taken up again."""
    try:
        tiers = place.tiers()
        for tier, gib in size.storage_gib.items():
            disks = [disk for disk in there.definition.storage if tiers.tier_of(disk) == tier]
            if disks:
                _grow(place, there, disks, gib)
            else:
                _add_disk(place, there, tier, size)
    except sdk().libvirtError as error:
        if not isinstance(translated(error, place.host), Refused):
            raise
        raise StillAtWork(
            "Host {host}: the disks of {name} are not yet as wanted: {reason}",
            host=place.host,
            name=there.definition.name,
            reason=said(error),
        ) from None


def _grow(place: Workplace, there: Found, disks: list[Disk], gib: int) -> None:
    """Several disks on one tier: the last one grows by what is missing."""
    held = (volume_bytes(place.connection, disk) for disk in disks[:-1])
    others = sum(-(-each[0] // GIB) for each in held if each is not None)
    last, wanted = volume_of(place.connection, disks[-1]), gib - others
    if last is None or last.info()[1] >= wanted * GIB:
        return
    if there.domain.isActive():
        # Asked of QEMU right before: a block device is never made smaller than it is.
        if there.domain.blockInfo(disks[-1].target)[0] < wanted * GIB:
            there.domain.blockResize(disks[-1].target, wanted * GIB, sdk().VIR_DOMAIN_BLOCK_RESIZE_BYTES)
        storage = last.storagePoolLookupByVolume()
        refresh(storage, place.host)
    else:
        grow_volume(last, wanted)


def _add_disk(place: Workplace, there: Found, tier: str, size: Size) -> None:
    marks, libvirt = marks_of_ours(there), sdk()
    disk = data_disk(
        there.definition.name, marks.vm_id, tier, place.settings.tiers[tier], _free_target(there), size
    )
    pool = storage_pool(place.connection, disk.pool, place.host)
    refresh(pool, place.host)
    if find_volume(pool, disk.volume) is not None:
        # Made by a try that was cut off: no domain has it, its name is this machine's, and nothing was written to it.
        remove_volume(pool, disk.volume)
    pool.createXML(volume_xml(disk.volume, disk.gib * GIB, "qcow2"), 0)
    where = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if there.domain.isActive():
        where |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    there.domain.attachDeviceFlags(written(disk_element(disk)), where)


def _free_target(there: Found) -> str:
    taken = {disk.target for disk in there.definition.disks}
    return next(f"vd{letter}" for letter in TARGETS if f"vd{letter}" not in taken)
