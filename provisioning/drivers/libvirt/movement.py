"""Moves machines between hosts: live or off while both answer, and from the archive when the old host is dead."""

from collections.abc import Iterable
from dataclasses import replace
from xml.etree import ElementTree as ET

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.definition import Definition, Disk, Found, found, read_definition
from provisioning.drivers.libvirt.domain_xml import with_marks
from provisioning.drivers.libvirt.failures import HostSilent, said
from provisioning.drivers.libvirt.interrupted import await_letting_go, is_leaving
from provisioning.drivers.libvirt.marks import RUNNING, namespaced
from provisioning.drivers.libvirt.power import cycle_down, cycle_up, is_by_force, marks_of_ours
from provisioning.drivers.libvirt.removal import forget
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import refresh, storage_pool, volume_of
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Applied, Step

# Caches under which what a guest has written is on the disk, for the other host to read.
SAFE_CACHES = ("none", "directsync")


def made_ready(place: Workplace, there: Found) -> Workplace:
    """The host it comes to, which must have room, its storage, and no other machine of its name."""
    _make_way(place, there.definition, marks_of_ours(there).vm_id)
    place.require_room(there.definition.name, place.size_of(there), without=there.definition.uuid)
    _require_disks(place, there.definition.name, there.definition.disks)
    return place


def _make_way(place: Workplace, definition: Definition, vm_id: int) -> None:
    """What an evacuation or a cut-off move left of this very machine here goes, disks untouched."""
    stale = place.named(definition.name)
    if stale is not None and stale.UUIDString() == definition.uuid:
        await_letting_go(stale, definition.name, place.host)
        stale = place.named(definition.name)
    if stale is not None:
        if stale.UUIDString() != definition.uuid or stale.isActive():
            raise Refused("The cloud has another machine of the name {name}.", name=definition.name)
        forget(stale)
    place.archive.clear_remnant(vm_id, place.host)


def _require_disks(place: Workplace, name: str, disks: Iterable[Disk]) -> None:
    for disk in disks:
        if disk.is_elsewhere:
            continue
        if disk.pool is not None:
            refresh(storage_pool(place.connection, disk.pool, place.host), place.host)
        if volume_of(place.connection, disk) is None:
            raise Refused(
                "{name}: host {host} does not see its disk {volume}; the hosts of its pool do not share it.",
                name=name,
                host=place.host,
                volume=disk.volume or disk.path or disk.target,
            )


def migrate(source: Workplace, target: Workplace, there: Found, step: Step) -> None:
    """On the source's thread. The client holds both ends, so the hosts need not log in to one another."""
    libvirt, domain = sdk(), there.domain
    if is_leaving(domain):
        domain.resume()
    if domain.isActive() and not step.is_live:
        cycle_down(source, there, by_force=is_by_force(source, step))
    flags = libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    if domain.isActive():
        flags |= libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_AUTO_CONVERGE
        if source.settings.shared_storage and _is_cache_safe(there):
            # libvirt knows shared storage by its file system; here the inventory says that it is.
            flags |= libvirt.VIR_MIGRATE_UNSAFE
    else:
        flags |= libvirt.VIR_MIGRATE_OFFLINE
    parameters = {}
    if target.host_settings.migrate_uri and domain.isActive():
        parameters[libvirt.VIR_MIGRATE_PARAM_URI] = target.host_settings.migrate_uri
    try:
        domain.migrate3(target.connection, parameters, flags)
    except libvirt.libvirtError as error:
        if marks_of_ours(found(domain)).is_cycling:
            cycle_up(source, found(domain))
        if not target.connection.isAlive():
            raise HostSilent(
                "Host {host} does not answer: {reason}", host=target.host, reason=said(error)
            ) from None
        raise


def arrived(place: Workplace, there: Found) -> Applied:
    """Notes that it stands here now, and runs again if it was off for the journey alone."""
    marks = marks_of_ours(there)
    if marks.is_cycling:
        cycle_up(place, found(there.domain))
        there = found(there.domain)
    elif marks.host == place.host:
        return place.applied(there, marks.moved_at)
    now = place.clock.now()
    place.note(there, host=place.host, moved_at=now)
    return place.applied(there, now)


def _is_cache_safe(there: Found) -> bool:
    return all(disk.cache in SAFE_CACHES for disk in there.definition.storage)


def evacuate(place: Workplace, step: Step) -> Applied:
    """Starts a machine of a dead, fenced host from shared storage, by the definition we kept."""
    kept = place.archive.definition(step.vm_id)
    if kept is None:
        raise Refused(
            "{name}: its definition was never kept here, so it cannot be started elsewhere.", name=step.name
        )
    before = read_definition(kept)
    marks = before.marks
    if marks is None:
        raise Refused("The cloud has no machine {name}.", name=step.name)
    _make_way(place, before, step.vm_id)
    place.require_room(step.name, marks.size, without=before.uuid)
    _require_disks(place, step.name, before.disks)
    xml = with_marks(ET.fromstring(kept), namespaced(replace(marks, is_cycling=False)))
    return taken_over(place, found(place.connection.defineXML(xml)))


def taken_over(place: Workplace, there: Found) -> Applied:
    """Starts what ran on the dead host; done before: nothing, however it stands by now."""
    marks = marks_of_ours(there)
    if marks.host == place.host:
        return place.applied(there, marks.moved_at)
    if marks.state == RUNNING:
        _start(there)
    now = place.clock.now()
    booted = {"booted_at": now} if marks.state == RUNNING else {}
    place.note(there, host=place.host, moved_at=now, **booted)
    return place.applied(there, now)


def _start(there: Found) -> None:
    """If it cannot start here, it does not stand here."""
    try:
        if not there.domain.isActive():
            there.domain.create()
    except sdk().libvirtError:
        forget(there.domain)
        raise
