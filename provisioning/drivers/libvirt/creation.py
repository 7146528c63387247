"""Makes a machine: first its definition, which names all that will be its own, then volumes and seed, then it starts.

The definition is the journal: what it names while its marks say "making" is ours to throw away and make again, and
nothing of ours is ever without one. So a create that was cut off anywhere is begun anew, and nothing is doubled.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.definition import Found, found
from provisioning.drivers.libvirt.domain_xml import Blueprint, DiskPlan, domain_xml, mac_of, volume_xml
from provisioning.drivers.libvirt.failures import said, translated
from provisioning.drivers.libvirt.images import Base, CheckedImage, checked_image, ensure_base
from provisioning.drivers.libvirt.marks import MAKING, RUNNING, Marks, namespaced
from provisioning.drivers.libvirt.options import Boot, Image, Nic, Settings
from provisioning.drivers.libvirt.removal import remove
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.seed import seed_iso
from provisioning.drivers.libvirt.storage import (
    GIB,
    find_volume,
    refresh,
    require_free_space,
    storage_pool,
    volume_name,
    write_raw,
)
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Applied, Step
from provisioning.steps import keys_let_in, wanted_size

TARGETS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a create asks for, its image checked."""

    step: Step
    size: Size
    image: CheckedImage | None
    boot: Boot
    nic: Nic | None

    def word(self, key: str) -> str:
        return str((self.step.after or {}).get(key) or "")


def wanted_machine(step: Step, pool_boot: Boot, image: Image | None, nic: Nic | None, folder: Path) -> Wanted:
    """Reads the image file: before the host is asked for anything."""
    checked = checked_image(image, folder) if image is not None and image.source else None
    boot = image.boot if image is not None and image.boot.kernel else pool_boot
    if checked is not None and (image is None or not image.boot.kernel):
        # An image brings its own kernel, unless it says otherwise itself.
        boot = Boot()
    return Wanted(step, wanted_size(step), checked, boot, nic)


def create(place: Workplace, wanted: Wanted) -> Applied:
    step = wanted.step
    there = place.find(step.vm_id, step.name)
    if there is not None:
        assert there.marks is not None
        if there.marks.state != MAKING:
            if place.size_of(there) != wanted.size:
                raise Refused("The cloud has a machine {name} of another size.", name=step.name)
            return place.applied(there, there.marks.created_at)
        if there.domain.isActive():
            return _finished(place, there)
        remove(place, there)
    if place.named(step.name) is not None:
        raise Refused("The cloud has another machine of the name {name}.", name=step.name)
    place.require_room(step.name, wanted.size)
    return _made(place, wanted)


def _made(place: Workplace, wanted: Wanted) -> Applied:
    disks = disk_plans(place.settings, wanted)
    _require_unused(place, disks)
    base = None
    if wanted.image is not None:
        base = ensure_base(place, disks[0].pool, wanted.image)
    xml = domain_xml(_blueprint(place, wanted, disks))
    there = found(place.connection.defineXML(xml))
    try:
        _make_volumes(place, wanted, there, disks, base)
        there.domain.create()
    except sdk().libvirtError as error:
        reason = translated(error, place.host)
        if isinstance(reason, Refused):
            remove(place, there)
            raise Refused(
                "Host {host} could not make {name}: {reason}",
                host=place.host,
                name=wanted.step.name,
                reason=said(error),
            ) from None
        raise
    except Refused:
        remove(place, there)
        raise
    return _finished(place, there)


def _finished(place: Workplace, there: Found) -> Applied:
    now = place.clock.now()
    place.note(there, state=RUNNING, created_at=now, sized_at=now, moved_at=now, state_at=now, booted_at=now)
    return place.applied(there, now)


def disk_plans(settings: Settings, wanted: Wanted) -> tuple[DiskPlan, ...]:
    """One disk per tier, the boot tier's first, which is the system disk; then the seed. Refused for other tiers."""
    step, tiers, boot = wanted.step, settings.tiers, settings.boot_tier
    unknown = [tier for tier in wanted.size.storage_gib if tier not in tiers]
    if unknown:
        raise Refused("The pool has no storage tier “{tier}”.", tier=unknown[0])
    if wanted.image is not None and not wanted.size.storage_gib:
        raise Refused("{name}: an image needs storage to lie on.", name=step.name)
    disks = [
        data_disk(step.name, step.vm_id, tier, tiers[tier], f"vd{TARGETS[number]}", wanted.size)
        for number, tier in enumerate(sorted(wanted.size.storage_gib, key=lambda each: (each != boot, each)))
    ]
    if disks:
        seed = volume_name(step.name, step.vm_id, "seed.iso")
        # The last letter: data disks may follow later.
        disks.append(DiskPlan("vdz", disks[0].pool, seed, format="raw", is_readonly=True))
    return tuple(disks)


def data_disk(name: str, vm_id: int, tier: str, pool: str, target: str, size: Size) -> DiskPlan:
    return DiskPlan(target, pool, volume_name(name, vm_id, f"{tier}.qcow2"), size.storage_gib[tier])


def _require_unused(place: Workplace, disks: tuple[DiskPlan, ...]) -> None:
    """A volume that stands where ours is to be may be somebody's data."""
    for disk in disks:
        pool = storage_pool(place.connection, disk.pool, place.host)
        refresh(pool, place.host)
        if find_volume(pool, disk.volume) is not None:
            raise Refused(
                "Storage pool {pool} of host {host} has a volume {volume} already.",
                pool=disk.pool,
                host=place.host,
                volume=disk.volume,
            )


def _blueprint(place: Workplace, wanted: Wanted, disks: tuple[DiskPlan, ...]) -> Blueprint:
    step, size, settings = wanted.step, wanted.size, place.settings
    marks = Marks(step.vm_id, step.name, MAKING, place.host, size, wanted.word("system"), wanted.word("unit"))
    return Blueprint(
        uuid=str(uuid4()),
        name=step.name,
        domain_type=place.host_settings.domain_type,
        vcpus=size.vcpus,
        max_vcpus=size.vcpus * settings.headroom_vcpus,
        memory_mib=size.memory_mib,
        max_memory_mib=size.memory_mib * settings.headroom_memory,
        boot=wanted.boot,
        disks=disks,
        nics=(wanted.nic,) if wanted.nic else (),
        stats_seconds=settings.stats_seconds,
        marks=namespaced(marks),
    )


def _make_volumes(
    place: Workplace, wanted: Wanted, there: Found, disks: tuple[DiskPlan, ...], base: Base | None
) -> None:
    for number, disk in enumerate(disks):
        pool = storage_pool(place.connection, disk.pool, place.host)
        if disk.is_readonly:
            step, settings = wanted.step, place.settings
            mac = mac_of(there.definition.uuid, 0) if wanted.nic else None
            keys = keys_let_in(step, settings.ssh_keys)
            content = seed_iso(f"cloudctl-{step.vm_id}", step.name, settings.user, keys, mac)
            write_raw(place.connection, pool, disk.volume, content)
            continue
        _make_disk(place, pool, disk, base if number == 0 else None)


def _make_disk(place: Workplace, pool: Any, disk: DiskPlan, base: Base | None) -> None:
    capacity = disk.gib * GIB
    if base is None:
        pool.createXML(volume_xml(disk.volume, capacity, "qcow2"), 0)
        return
    if base.image.capacity_bytes > capacity:
        raise Refused(
            "The image needs {need} GiB, the system disk has {have}.",
            need=-(-base.image.capacity_bytes // GIB),
            have=capacity // GIB,
        )
    if place.settings.clone == "full":
        require_free_space(pool, base.image.length, place.host)
        volume = pool.createXMLFrom(
            volume_xml(disk.volume, base.image.capacity_bytes, "qcow2"), base.volume, 0
        )
        volume.resize(capacity, 0)
    else:
        pool.createXML(volume_xml(disk.volume, capacity, "qcow2", backing=(base.path, base.image.kind)), 0)
