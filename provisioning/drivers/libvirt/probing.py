"""Tries each way a host says it can run guests: boots something tiny, and believes nothing else."""

import xml.etree.ElementTree as ET
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.domain_xml import DiskPlan, disk_element, written
from provisioning.drivers.libvirt.failures import is_missing, said
from provisioning.drivers.libvirt.power import cut
from provisioning.drivers.libvirt.probe_sector import probe_disk
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import remove_volume, storage_pool, write_raw
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Probe

# Even emulation needs but a second or so; a busy host some times that.
ENOUGH_SECONDS = 20.0
TYPES = ("kvm", "qemu")


def probe(place: Workplace) -> tuple[Probe, ...]:
    """One result per domain type. Nothing of it is left on the host."""
    if not place.settings.tiers:
        raise Refused("A probe needs a storage pool: the pool names no tiers.")
    pool = storage_pool(place.connection, next(iter(place.settings.tiers.values())), place.host)
    # One that was cut off is written over by the next.
    volume = f"cloudctl-probe-{place.host}.img"
    offered = _offered(place.connection)
    write_raw(place.connection, pool, volume, probe_disk())
    try:
        return tuple(
            _tried(place.connection, kind, DiskPlan("vda", pool.name(), volume, format="raw"))
            if kind in offered
            else Probe(kind, is_offered=False, works=False)
            for kind in TYPES
        )
    finally:
        remove_volume(pool, volume)


def _offered(connection: Any) -> set[str]:
    """What the capabilities claim."""
    root = ET.fromstring(connection.getCapabilities())
    guests = [guest for guest in root.iterfind("guest") if guest.findtext("os_type") == "hvm"]
    return {
        str(domain.get("type"))
        for guest in guests
        for arch in guest.iterfind("arch")
        if arch.get("name") == "x86_64"
        for domain in arch.iterfind("domain")
    }


def _tried(connection: Any, kind: str, disk: DiskPlan) -> Probe:
    """A passing guest: it goes with our connection, should we be killed."""
    began = monotonic()
    try:
        domain = connection.createXML(_xml(kind, disk), sdk().VIR_DOMAIN_START_AUTODESTROY)
    except sdk().libvirtError as error:
        return Probe(kind, is_offered=True, works=False, reason="refused", detail=said(error))
    while (is_running := _runs(domain)) and monotonic() - began < ENOUGH_SECONDS:
        sleep(0.05)
    seconds = round(monotonic() - began, 2)
    if is_running:
        cut(domain)
        return Probe(kind, is_offered=True, works=False, seconds=seconds, reason="never_got_there")
    return Probe(kind, is_offered=True, works=True, seconds=seconds)


def _runs(domain: Any) -> bool:
    try:
        return bool(domain.isActive())
    except sdk().libvirtError as error:
        if is_missing(error):
            return False
        raise


def _xml(kind: str, disk: DiskPlan) -> str:
    root = ET.Element("domain", type=kind)
    ET.SubElement(root, "name").text = f"cloudctl-probe-{uuid4().hex[:8]}"
    ET.SubElement(root, "memory", unit="MiB").text = "32"
    ET.SubElement(root, "vcpu").text = "1"
    os = ET.SubElement(root, "os")
    ET.SubElement(os, "type", arch="x86_64", machine="q35").text = "hvm"
    ET.SubElement(os, "boot", dev="hd")
    ET.SubElement(ET.SubElement(root, "features"), "acpi")
    ET.SubElement(root, "on_reboot").text = "destroy"
    devices = ET.SubElement(root, "devices")
    devices.append(disk_element(disk))
    ET.SubElement(devices, "controller", type="usb", model="none")
    ET.SubElement(devices, "memballoon", model="none")
    return written(root)
