"""The XML that is made of values: as golden files keep it, and whatever a value holds."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.definition import read_definition
from provisioning.drivers.libvirt.domain_xml import (
    Blueprint,
    DiskPlan,
    disk_element,
    domain_xml,
    volume_xml,
    with_size,
    written,
)
from provisioning.drivers.libvirt.marks import RUNNING, Marks, namespaced, read_marks
from provisioning.drivers.libvirt.options import Boot, Nic

GOLDEN = Path(__file__).parents[3] / "golden" / "libvirt"
AT = datetime(2026, 10, 1, 8, tzinfo=UTC)
NO_KERNEL = Boot()
MARKS = Marks(
    7, "tax-db-1", RUNNING, "n1", Size(4, 8192, {"ssd": 40, "hdd": 100}), "tax", "fin",
    created_at=AT, sized_at=AT, moved_at=AT, state_at=AT, booted_at=AT,
)  # fmt: skip


def blueprint(name="tax-db-1", domain_type="kvm", boot=NO_KERNEL, nics=(), marks=MARKS):
    return Blueprint(
        uuid="6f6b4f52-5a2e-4a3c-9f1e-0c10dc71e001",
        name=name,
        domain_type=domain_type,
        vcpus=4,
        max_vcpus=8,
        memory_mib=8192,
        max_memory_mib=16384,
        boot=boot,
        disks=(
            DiskPlan("vda", "default", f"{name}-7-ssd.qcow2", 40),
            DiskPlan("vdb", "bulk", f"{name}-7-hdd.qcow2", 100),
            DiskPlan("vdz", "default", f"{name}-7-seed.iso", format="raw", is_readonly=True),
        ),
        nics=nics,
        stats_seconds=10,
        marks=namespaced(marks),
    )


MADE = {
    "vlan-on-open-vswitch.xml": lambda: domain_xml(blueprint(nics=(Nic(None, "br-gov", 120),))),
    "linux-bridge.xml": lambda: domain_xml(blueprint(nics=(Nic(None, "br-office", None),))),
    "kernel-and-network.xml": lambda: domain_xml(
        blueprint(
            domain_type="qemu",
            boot=Boot("/boot/vmlinuz", "/boot/initrd.gz", "console=ttyS0 quiet"),
            nics=(Nic("office", None, None),),
        )
    ),
    "overlay.xml": lambda: volume_xml(
        "tax-db-1-7-ssd.qcow2", 40 * 2**30, "qcow2", backing=("/pool/base-12.qcow2", "qcow2")
    ),
    "added-disk.xml": lambda: written(disk_element(DiskPlan("vdc", "fast", "tax-db-1-7-nvme.qcow2", 10))),
}


@pytest.mark.parametrize("name", sorted(MADE))
def test_xml_is_as_somebody_last_looked_at_it(request, name):
    made, path = MADE[name]() + "\n", GOLDEN / name
    if request.config.getoption("--update-golden"):
        path.write_text(made, encoding="utf-8")
    assert path.exists(), (
        f"there is no golden file {name}: look at what was made, then run with --update-golden"
    )
    assert made == path.read_text(encoding="utf-8")


HOSTILE = ["</name><devices>", "a&b", "'\"><x y='", "]]>", "<!--", "&#0;", "税务-1", "x" * 500]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name):
    plain, hostile = ET.fromstring(domain_xml(blueprint())), ET.fromstring(domain_xml(blueprint(name)))
    assert hostile.findtext("name") == name
    assert [element.tag for element in hostile.iter()] == [element.tag for element in plain.iter()]
    assert hostile.find("devices/disk/source").get("volume") == f"{name}-7-ssd.qcow2"


@pytest.mark.parametrize("name", ["a\x00b", "a\x1bb"])
def test_what_xml_cannot_carry_is_refused(name):
    with pytest.raises(Refused):
        domain_xml(blueprint(name))


def test_a_definition_reads_back_as_it_was_made():
    read = read_definition(domain_xml(blueprint()))
    assert (read.vcpus, read.max_vcpus, read.memory_mib, read.max_memory_mib) == (4, 8, 8192, 16384)
    assert [disk.target for disk in read.storage] == ["vda", "vdb"], "a seed is no storage"
    assert read.marks == MARKS


def test_another_size_changes_nothing_else():
    before = domain_xml(blueprint())
    sizes = {"vcpus": 2, "max_vcpus": 4, "memory_mib": 4096, "max_memory_mib": 4096}
    after = with_size(before, sizes, namespaced(MARKS))
    read = read_definition(after)
    assert (read.vcpus, read.max_vcpus, read.memory_mib, read.max_memory_mib) == (2, 4, 4096, 4096)
    assert read.disks == read_definition(before).disks and after.count("cloudctl:machine ") == 1


def test_what_others_wrote_into_the_metadata_stays():
    theirs = "<x:machine xmlns:x='urn:theirs' rack='4'/>"
    before = domain_xml(blueprint()).replace("</metadata>", f"{theirs}</metadata>")
    sizes = {"vcpus": 2, "max_vcpus": 4, "memory_mib": 4096, "max_memory_mib": 4096}
    after = ET.fromstring(with_size(before, sizes, namespaced(MARKS)))
    assert [each.get("rack") for each in after.iterfind("metadata/{urn:theirs}machine")] == ["4"]


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)


@given(name=texts, system=texts, cycling=st.booleans())
def test_marks_survive_being_written(name, system, cycling):
    marks = Marks(3, name, RUNNING, "n1", Size(1, 512), system, is_cycling=cycling, adopted_at=AT)
    assert read_marks(ET.fromstring(ET.tostring(namespaced(marks)))) == marks


@pytest.mark.parametrize(
    "text", ["<m/>", "<m vm_id='x' name='a' state='off' host='h' vcpus='1' memory_mib='1'/>"]
)
def test_marks_that_are_not_ours_are_none(text):
    assert read_marks(ET.fromstring(text)) is None and read_marks(None) is None
