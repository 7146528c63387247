"""Looks closely at one host: hypervisor, NUMA cells, storage pools, networks."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from typing import Any

from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import GIB, read_tiers
from provisioning.drivers.libvirt.survey import host_facts, huge_pages_kib, numa_cells
from provisioning.host_details import HostDetails, NetworkPlace, NumaCell, StoragePlace


def inspect(connection: Any, code: str, tiers: Mapping[str, str], *, is_shared: bool) -> HostDetails:
    """tiers: storage tier -> storage pool. is_shared: all hosts of the pool see the same storage."""
    return HostDetails(
        host_facts(connection, code, read_tiers(connection, tiers, code), is_shared=is_shared),
        hypervisor=f"{connection.getType()} {_version(connection.getVersion())}",
        manager=f"libvirt {_version(connection.getLibVersion())}",
        processor=str(connection.getInfo()[0]),
        cells=tuple(_cells(connection)),
        storage=tuple(sorted(_storage(connection, tiers), key=lambda each: each.name)),
        networks=tuple(sorted(_networks(connection), key=lambda each: each.name)),
    )


def _version(number: int) -> str:
    """libvirt writes 9.0.1 as 9000001."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def _cells(connection: Any) -> Iterator[NumaCell]:
    for cell in numa_cells(connection):
        yield NumaCell(
            int(cell.get("id", "0")),
            len(cell.findall("cpus/cpu")),
            int(cell.findtext("memory", "0")) // 1024,
            huge_pages_kib(cell) // 1024,
        )


def _storage(connection: Any, tiers: Mapping[str, str]) -> Iterator[StoragePlace]:
    of_pool = {pool: tier for tier, pool in tiers.items()}
    for pool in connection.listAllStoragePools():
        kind = ET.fromstring(pool.XMLDesc()).get("type", "")
        _, capacity, _, free = pool.info()
        tier = of_pool.get(pool.name())
        yield StoragePlace(
            pool.name(), kind, bool(pool.isActive()), tier, int(capacity) // GIB, int(free) // GIB
        )


def _networks(connection: Any) -> Iterator[NetworkPlace]:
    libvirt = sdk()
    try:
        networks = connection.listAllNetworks()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_NO_SUPPORT:
            raise
        # A host that only has bridges needs no network driver.
        return
    for network in networks:
        bridge = ET.fromstring(network.XMLDesc()).find("bridge")
        name = bridge.get("name") if bridge is not None else None
        yield NetworkPlace(network.name(), bool(network.isActive()), name)
