"""Removes a machine: powered off, its volumes deleted, and its definition last, for that is what names them."""

from typing import Any

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.archive import Stone
from provisioning.drivers.libvirt.definition import Disk, Found
from provisioning.drivers.libvirt.power import cut
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import delete_volume, volume_of
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Applied


def delete(place: Workplace, there: Found) -> Applied:
    """Nothing of it is left. What lies in no storage pool cannot be deleted from here: refused before anything is."""
    assert there.marks is not None
    for disk in there.definition.storage:
        if disk.pool is None and volume_of(place.connection, disk) is None:
            raise Refused(
                "{name}: {path} lies in no storage pool of host {host}; move it there or delete it yourself.",
                name=there.definition.name,
                path=disk.path or disk.target,
                host=place.host,
            )
    remove(place, there)
    now = place.clock.now()
    place.archive.bury(there.marks.vm_id, Stone(now, there.definition.uuid))
    return Applied(now, there.definition.uuid, None)


def remove(place: Workplace, there: Found) -> None:
    """Done in part before: the rest."""
    cut(there.domain)
    for disk in there.definition.disks:
        if is_its_own(disk, there):
            volume = volume_of(place.connection, disk)
            if volume is not None:
                delete_volume(volume, place.host)
    forget(there.domain)


def is_its_own(disk: Disk, there: Found) -> bool:
    """Its storage, and the seed that we made; not a CD that somebody put in."""
    if disk.is_storage:
        return True
    assert there.marks is not None
    return disk.volume is not None and disk.volume.endswith(f"-{there.marks.vm_id}-seed.iso")


def forget(domain: Any) -> None:
    """The definition with all that hangs on it; no disk is touched."""
    libvirt = sdk()
    domain.undefineFlags(
        libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
        | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
        | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    )
