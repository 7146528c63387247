"""A domain's definition as we read it: its size, its disks, its marks."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Any

from provisioning.drivers.libvirt.marks import NAMESPACE, Marks, read_marks
from provisioning.drivers.libvirt.sdk import sdk

_UNITS = {
    "b": 1,
    "bytes": 1,
    "KB": 1000,
    "k": 1024,
    "KiB": 1024,
    "M": 2**20,
    "MiB": 2**20,
    "GiB": 2**30,
    "G": 2**30,
}


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk of a domain: a volume of a storage pool, or a path on the host. is_storage: no CD, no seed."""

    target: str
    pool: str | None
    volume: str | None
    path: str | None
    cache: str
    is_storage: bool

    @property
    def is_elsewhere(self) -> bool:
        """No volume or file of the host: an empty CD drive, or something that QEMU reaches over the network."""
        return self.pool is None and self.path is None


@dataclass(frozen=True, slots=True)
class Interface:
    """A network port of a domain. network: the libvirt network it is plugged into, if any."""

    mac: str
    network: str | None


@dataclass(frozen=True, slots=True)
class Definition:
    """What the persistent definition says, which a restart will bring about."""

    uuid: str
    name: str
    title: str
    vcpus: int
    max_vcpus: int
    memory_mib: int
    max_memory_mib: int
    disks: tuple[Disk, ...]
    interfaces: tuple[Interface, ...]
    marks: Marks | None
    xml: str

    @property
    def storage(self) -> tuple[Disk, ...]:
        return tuple(disk for disk in self.disks if disk.is_storage)


@dataclass(frozen=True, slots=True)
class Found:
    """A domain of a host, with its definition."""

    domain: Any
    definition: Definition

    @property
    def marks(self) -> Marks | None:
        return self.definition.marks


def found(domain: Any) -> Found:
    flags = sdk().VIR_DOMAIN_XML_INACTIVE | sdk().VIR_DOMAIN_XML_SECURE
    try:
        text = domain.XMLDesc(flags)
    except sdk().libvirtError as error:
        if error.get_error_code() != sdk().VIR_ERR_OPERATION_DENIED:
            raise
        text = domain.XMLDesc(sdk().VIR_DOMAIN_XML_INACTIVE)
    return Found(domain, read_definition(text))


def read_definition(text: str) -> Definition:
    root = ET.fromstring(text)
    max_vcpus = int(root.findtext("vcpu", "1"))
    vcpu = root.find("vcpu")
    current = vcpu.get("current") if vcpu is not None else None
    most = _mib(root.find("memory"))
    memory = _mib(root.find("currentMemory")) or most
    return Definition(
        root.findtext("uuid", ""),
        root.findtext("name", ""),
        root.findtext("title", ""),
        int(current or max_vcpus),
        max_vcpus,
        memory,
        most,
        tuple(_disk(element) for element in root.iterfind("devices/disk")),
        tuple(_interface(element) for element in root.iterfind("devices/interface")),
        read_marks(root.find(f"metadata/{{{NAMESPACE}}}machine")),
        text,
    )


def _mib(element: ET.Element | None) -> int:
    if element is None or not element.text:
        return 0
    return int(element.text) * _UNITS.get(element.get("unit", "KiB"), 1024) // 2**20


def _interface(element: ET.Element) -> Interface:
    mac, source = element.find("mac"), element.find("source")
    address = mac.get("address", "") if mac is not None else ""
    return Interface(address.lower(), source.get("network") if source is not None else None)


def _disk(element: ET.Element) -> Disk:
    source, target, driver = element.find("source"), element.find("target"), element.find("driver")
    origin = source.attrib if source is not None else {}
    return Disk(
        target.get("dev", "") if target is not None else "",
        origin.get("pool"),
        origin.get("volume"),
        origin.get("file") or origin.get("dev"),
        driver.get("cache", "default") if driver is not None else "default",
        element.get("device", "disk") == "disk" and element.find("readonly") is None,
    )
