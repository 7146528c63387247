"""The XML of a domain and of its volumes, built as a tree from values: no text of anybody's becomes markup."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.marks import NAMESPACE
from provisioning.drivers.libvirt.options import Boot, Nic

GUEST_AGENT = "org.qemu.guest_agent.0"
# Ports left free for disks that are plugged in while the machine runs.
FREE_PORTS = 4


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """A disk of a machine: a volume of a libvirt storage pool. gib 0: as large as its content."""

    target: str
    pool: str
    volume: str
    gib: int = 0
    format: str = "qcow2"
    is_readonly: bool = False


@dataclass(frozen=True, slots=True)
class Blueprint:
    """All that a domain's XML is made of. max_*: as far as it may grow while it runs. marks: our metadata."""

    uuid: str
    name: str
    domain_type: str
    vcpus: int
    max_vcpus: int
    memory_mib: int
    max_memory_mib: int
    boot: Boot
    disks: tuple[DiskPlan, ...]
    nics: tuple[Nic, ...]
    stats_seconds: int
    marks: ET.Element


def domain_xml(plan: Blueprint) -> str:
    """Refused for a text that XML cannot carry."""
    root = ET.Element("domain", type=plan.domain_type)
    _text(root, "name", plan.name)
    _text(root, "uuid", plan.uuid)
    ET.SubElement(root, "metadata").append(plan.marks)
    _text(root, "memory", str(plan.max_memory_mib), unit="MiB")
    _text(root, "currentMemory", str(plan.memory_mib), unit="MiB")
    _text(root, "vcpu", str(plan.max_vcpus), current=str(plan.vcpus))
    _boot(root, plan.boot)
    features = ET.SubElement(root, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    if plan.domain_type == "kvm":
        ET.SubElement(root, "cpu", mode="host-model")
    ET.SubElement(root, "clock", offset="utc")
    for event, action in (("poweroff", "destroy"), ("reboot", "restart"), ("crash", "destroy")):
        _text(root, f"on_{event}", action)
    _devices(ET.SubElement(root, "devices"), plan)
    return written(root)


def written(root: ET.Element) -> str:
    """The tree as text. Refused when a value has characters that no XML can hold."""
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    if any(ord(character) < 32 and character not in "\t\n\r" for character in text):
        raise Refused("A name or an option holds control characters.")
    return text


def disk_element(disk: DiskPlan) -> ET.Element:
    element = ET.Element("disk", type="volume", device="disk")
    # Without the host's cache: what the guest was told is written is on the disk, and it can move to another host.
    ET.SubElement(element, "driver", name="qemu", type=disk.format, cache="none", discard="unmap")
    ET.SubElement(element, "source", pool=disk.pool, volume=disk.volume)
    ET.SubElement(element, "target", dev=disk.target, bus="virtio")
    if disk.is_readonly:
        ET.SubElement(element, "readonly")
    return element


def volume_xml(name: str, capacity_bytes: int, kind: str, *, backing: tuple[str, str] | None = None) -> str:
    """A volume; kind: qcow2 or raw. backing: path and format of the image it lies over."""
    root = ET.Element("volume")
    _text(root, "name", name)
    _text(root, "capacity", str(capacity_bytes), unit="bytes")
    if kind == "qcow2":
        _text(root, "allocation", "0", unit="bytes")
    target = ET.SubElement(root, "target")
    ET.SubElement(target, "format", type=kind)
    if kind == "qcow2":
        _text(target, "compat", "1.1")
    if backing is not None:
        store = ET.SubElement(root, "backingStore")
        _text(store, "path", backing[0])
        ET.SubElement(store, "format", type=backing[1])
    return written(root)


def _boot(root: ET.Element, boot: Boot) -> None:
    os = ET.SubElement(root, "os")
    _text(os, "type", "hvm", arch="x86_64", machine="q35")
    if boot.kernel is None:
        ET.SubElement(os, "boot", dev="hd")
        return
    _text(os, "kernel", boot.kernel)
    if boot.initrd is not None:
        _text(os, "initrd", boot.initrd)
    if boot.cmdline is not None:
        _text(os, "cmdline", boot.cmdline)


def _devices(devices: ET.Element, plan: Blueprint) -> None:
    ET.SubElement(devices, "controller", type="pci", model="pcie-root")
    taken = len(plan.disks) + len(plan.nics) + 3
    for _ in range(taken + FREE_PORTS):
        ET.SubElement(devices, "controller", type="pci", model="pcie-root-port")
    ET.SubElement(devices, "controller", type="usb", model="none")
    devices.extend(disk_element(disk) for disk in plan.disks)
    devices.extend(_nic_element(nic, mac_of(plan.uuid, number)) for number, nic in enumerate(plan.nics))
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "target", port="0")
    console = ET.SubElement(devices, "console", type="pty")
    ET.SubElement(console, "target", type="serial", port="0")
    channel = ET.SubElement(devices, "channel", type="unix")
    ET.SubElement(channel, "target", type="virtio", name=GUEST_AGENT)
    balloon = ET.SubElement(devices, "memballoon", model="virtio")
    ET.SubElement(balloon, "stats", period=str(plan.stats_seconds))
    rng = ET.SubElement(devices, "rng", model="virtio")
    _text(rng, "backend", "/dev/urandom", model="random")


def mac_of(uuid: str, number: int) -> str:
    """The address of a machine's port: a local one, of forty bits of the machine's own number."""
    *first, last = UUID(uuid).bytes[-5:]
    return ":".join(f"{byte:02x}" for byte in (0x52, *first, last ^ number))


def _nic_element(nic: Nic, mac: str) -> ET.Element:
    """A tag on a bridge is an Open vSwitch's affair; a Linux bridge has one bridge per VLAN."""
    if nic.network is not None:
        element = ET.Element("interface", type="network")
        ET.SubElement(element, "source", network=nic.network)
    else:
        element = ET.Element("interface", type="bridge")
        ET.SubElement(element, "source", bridge=nic.bridge or "")
        if nic.vlan is not None:
            ET.SubElement(element, "virtualport", type="openvswitch")
    ET.SubElement(element, "mac", address=mac)
    if nic.vlan is not None:
        ET.SubElement(ET.SubElement(element, "vlan"), "tag", id=str(nic.vlan))
    ET.SubElement(element, "model", type="virtio")
    return element


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def with_size(xml: str, sizes: Mapping[str, int], marks: ET.Element) -> str:
    """A definition with another size and other marks. sizes: vcpus, max_vcpus, memory_mib, max_memory_mib."""
    root = ET.fromstring(xml)
    vcpu, memory, current = (_found(root, tag) for tag in ("vcpu", "memory", "currentMemory"))
    vcpu.text, memory.text = str(sizes["max_vcpus"]), str(sizes["max_memory_mib"])
    vcpu.set("current", str(sizes["vcpus"]))
    current.text = str(sizes["memory_mib"])
    for element in (memory, current):
        element.set("unit", "MiB")
    return with_marks(root, marks)


def with_marks(root: ET.Element, marks: ET.Element) -> str:
    metadata = root.find("metadata")
    if metadata is None:
        metadata = ET.SubElement(root, "metadata")
    for child in list(metadata):
        if child.tag == f"{{{NAMESPACE}}}machine":
            metadata.remove(child)
    metadata.append(marks)
    return written(root)


def _found(root: ET.Element, tag: str) -> ET.Element:
    element = root.find(tag)
    return element if element is not None else ET.SubElement(root, tag)
