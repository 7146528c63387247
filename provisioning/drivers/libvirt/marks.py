"""What we write into a domain's metadata: whose machine it is, what it is to be, and since when."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from cloudctl.core.clock import parse_instant
from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.failures import is_missing
from provisioning.drivers.libvirt.sdk import sdk

NAMESPACE = "urn:cloudctl:machine:1"
PREFIX = "cloudctl"
MAKING, RUNNING, OFF, SHELVED = "making", "running", "off", "shelved"


@dataclass(frozen=True, slots=True)
class Marks:
    """state: making until a create is whole; then what was last asked for: running, off or shelved.

    is_cycling: it is off for a moment, by our hand, and will run again. host: where it stood when moved_at was written.
    The instants are our clock's, of the moment after a thing was done.
    """

    vm_id: int
    name: str
    state: str
    host: str
    size: Size
    system: str = ""
    unit: str = ""
    is_cycling: bool = False
    created_at: datetime | None = None
    sized_at: datetime | None = None
    moved_at: datetime | None = None
    state_at: datetime | None = None
    booted_at: datetime | None = None
    adopted_at: datetime | None = None

    @property
    def labels(self) -> Mapping[str, str]:
        known = {"system": self.system, "unit": self.unit}
        return {key: value for key, value in known.items() if value}


INSTANTS = tuple(each.name for each in fields(Marks) if each.name.endswith("_at"))


def marks_element(marks: Marks, tag: str) -> ET.Element:
    attributes = {
        "vm_id": str(marks.vm_id),
        "name": marks.name,
        "state": marks.state,
        "host": marks.host,
        "vcpus": str(marks.size.vcpus),
        "memory_mib": str(marks.size.memory_mib),
    }
    attributes |= marks.labels
    if marks.is_cycling:
        attributes["cycling"] = "1"
    for name in INSTANTS:
        instant = getattr(marks, name)
        if instant is not None:
            attributes[name] = instant.isoformat()
    element = ET.Element(tag, attributes)
    for tier, gib in marks.size.storage_gib.items():
        ET.SubElement(element, tag.replace("machine", "storage"), tier=tier, gib=str(gib))
    return element


def namespaced(marks: Marks) -> ET.Element:
    """The element as it stands in a domain's XML."""
    element = marks_element(marks, f"{PREFIX}:machine")
    element.set(f"xmlns:{PREFIX}", NAMESPACE)
    return element


def read_marks(element: ET.Element | None) -> Marks | None:
    """None when there are none, or when what stands there is not ours to understand."""
    if element is None:
        return None
    try:
        storage = {
            str(child.get("tier")): int(str(child.get("gib")))
            for child in element
            if child.tag.rpartition("}")[2] == "storage"
        }
        values: dict[str, Any] = {
            name: parse_instant(element.attrib[name]) for name in INSTANTS if name in element.attrib
        }
        return Marks(
            vm_id=int(element.attrib["vm_id"]),
            name=element.attrib["name"],
            state=element.attrib["state"],
            host=element.attrib["host"],
            size=Size(int(element.attrib["vcpus"]), int(element.attrib["memory_mib"]), storage),
            system=element.get("system", ""),
            unit=element.get("unit", ""),
            is_cycling=element.get("cycling") == "1",
            **values,
        )
    except (KeyError, ValueError):
        return None


def marks_of(domain: Any) -> Marks | None:
    """A domain's marks, in one small question."""
    libvirt = sdk()
    try:
        text = domain.metadata(
            libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG
        )
    except libvirt.libvirtError as error:
        if is_missing(error):
            return None
        raise
    return read_marks(ET.fromstring(text))


def write_marks(domain: Any, marks: Marks) -> None:
    """Into the definition, and into what runs."""
    libvirt = sdk()
    text = ET.tostring(marks_element(marks, "machine"), encoding="unicode")
    where = libvirt.VIR_DOMAIN_AFFECT_CONFIG
    if domain.isActive():
        where |= libvirt.VIR_DOMAIN_AFFECT_LIVE
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, text, PREFIX, NAMESPACE, where)
