"""A host's storage pools as tiers, and the volumes in them: found, made, filled, grown, removed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from time import monotonic, sleep
from typing import Any, Protocol
from xml.etree import ElementTree as ET

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.definition import Disk
from provisioning.drivers.libvirt.domain_xml import volume_xml
from provisioning.drivers.libvirt.failures import HostSilent, is_missing
from provisioning.drivers.libvirt.sdk import sdk

GIB = 2**30
# The tier of a disk that lies in no storage pool of the inventory.
ELSEWHERE = "other"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")
CHUNK = 1 << 18
# How long somebody else's upload to the same storage is waited for.
BUSY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Tiers:
    """A host's storage pools by tier. paths: where each pool's volumes lie, for disks that are given as files."""

    pools: Mapping[str, str]
    paths: Mapping[str, str]
    capacity_gib: Mapping[str, int]

    def tier_of(self, disk: Disk) -> str:
        same = [tier for tier, pool in self.pools.items() if disk.pool == pool]
        # Tiers may share a storage pool; then the name that we gave the volume tells.
        told = [tier for tier in same if str(disk.volume).endswith(f"-{tier}.qcow2")]
        if same:
            return (told or same)[0]
        for tier, pool in self.pools.items():
            place = self.paths.get(pool)
            if disk.path and place and disk.path.startswith(f"{place.rstrip('/')}/"):
                return tier
        return next(iter(self.pools)) if len(self.pools) == 1 else ELSEWHERE


def read_tiers(connection: Any, pools: Mapping[str, str], host: str) -> Tiers:
    """What the host has of the pool's tiers. A storage pool that does not run has no capacity."""
    paths, capacity = {}, {}
    known = {pool.name(): pool for pool in connection.listAllStoragePools()}
    for tier, name in pools.items():
        pool = known.get(name)
        if pool is None or not pool.isActive():
            capacity[tier] = 0
            continue
        paths[name] = ET.fromstring(pool.XMLDesc()).findtext("target/path", "")
        capacity[tier] = pool.info()[1] // GIB
    return Tiers(dict(pools), paths, capacity)


def storage_pool(connection: Any, name: str, host: str) -> Any:
    """Refused when the host has none of that name, or it is not running."""
    try:
        pool = connection.storagePoolLookupByName(name)
    except sdk().libvirtError as error:
        if is_missing(error):
            raise Refused("Host {host} has no storage pool {pool}.", host=host, pool=name) from None
        raise
    if not pool.isActive():
        raise Refused("Storage pool {pool} of host {host} is not running.", host=host, pool=name)
    return pool


def volume_name(machine: str, vm_id: int, part: str) -> str:
    """Ours by the machine's id, a person's by its name."""
    return f"{_UNFIT.sub('_', machine)}-{vm_id}-{part}"


def find_volume(pool: Any, name: str) -> Any:
    """None when the storage pool has none of that name."""
    try:
        return pool.storageVolLookupByName(name)
    except sdk().libvirtError as error:
        if is_missing(error):
            return None
        raise


def volume_of(connection: Any, disk: Disk) -> Any:
    """The volume of a disk, however it is named; None when no storage pool has it."""
    try:
        if disk.pool is not None and disk.volume is not None:
            return find_volume(connection.storagePoolLookupByName(disk.pool), disk.volume)
        return connection.storageVolLookupByPath(disk.path) if disk.path else None
    except sdk().libvirtError as error:
        if is_missing(error):
            return None
        raise


def volume_bytes(connection: Any, disk: Disk) -> tuple[int, int] | None:
    """What a disk can hold, and what it takes; None when no storage pool has it, or not any more."""
    volume = volume_of(connection, disk)
    try:
        return tuple(volume.info()[1:3]) if volume is not None else None
    except sdk().libvirtError as error:
        if is_missing(error):
            return None
        raise


def remove_volume(pool: Any, name: str) -> None:
    """Done before: nothing."""
    volume = find_volume(pool, name)
    if volume is not None:
        volume.delete(0)


def delete_volume(volume: Any, host: str) -> None:
    """Waits for what still fills it, such as a copy whose asker was killed."""
    _once_idle(lambda: volume.delete(0), volume.storagePoolLookupByVolume(), host)


def refresh(pool: Any, host: str) -> None:
    """Sees what other hosts have put into the same storage. It cannot while a volume of it is being filled."""
    _once_idle(lambda: pool.refresh(0), pool, host)


def _once_idle(work: Callable[[], object], pool: Any, host: str) -> None:
    """HostSilent when the storage pool does not come to rest in time."""
    libvirt, end = sdk(), monotonic() + BUSY_SECONDS
    # A pool, and a volume, that something is written to. In the words of its host's language, so not by its words.
    busy = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_OPERATION_INVALID)
    while True:
        try:
            work()
        except libvirt.libvirtError as error:
            if error.get_error_domain() != libvirt.VIR_FROM_STORAGE or error.get_error_code() not in busy:
                raise
            if monotonic() >= end:
                raise HostSilent(
                    "Storage pool {pool} of host {host} is still being filled.", host=host, pool=pool.name()
                ) from None
            sleep(0.5)
        else:
            return


def require_free_space(pool: Any, needed_bytes: int, host: str) -> None:
    refresh(pool, host)
    available = pool.info()[3]
    if available < needed_bytes:
        raise Refused(
            "Storage pool {pool} of host {host} is full: {need} MiB needed, {free} free.",
            pool=pool.name(),
            host=host,
            need=-(-needed_bytes // 2**20),
            free=available // 2**20,
        )


class Source(Protocol):
    """What bytes are read from."""

    def read(self, length: int, /) -> bytes: ...


def fill(connection: Any, volume: Any, source: Source, length: int) -> None:
    """Sends bytes into a volume."""
    stream = connection.newStream(0)
    volume.upload(stream, 0, length, 0)
    try:
        stream.sendAll(lambda _stream, wanted, _opaque: source.read(min(wanted, CHUNK)), None)
    except BaseException:
        stream.abort()
        raise
    stream.finish()


def write_raw(connection: Any, pool: Any, name: str, content: bytes) -> None:
    """A raw volume of exactly this content, in the place of one that may be there."""
    remove_volume(pool, name)
    volume = pool.createXML(volume_xml(name, len(content), "raw"), 0)
    fill(connection, volume, BytesIO(content), len(content))


def grow_volume(volume: Any, gib: int) -> None:
    """Never shrinks."""
    if volume.info()[1] < gib * GIB:
        volume.resize(gib * GIB, 0)
