"""What is deleted with a machine, and what keeps it from being deleted."""

from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.definition import Found, read_definition
from provisioning.drivers.libvirt.removal import delete

pytest.importorskip("libvirt")
MARKS = "<cloudctl:machine xmlns:cloudctl='urn:cloudctl:machine:1' {}/>".format(
    "vm_id='1' name='m' state='off' host='a' vcpus='1' memory_mib='64'"
)
REMOTE = "<disk type='network' device='disk'><source protocol='rbd' name='p/v'/><target dev='vda'/></disk>"


def test_a_machine_is_not_deleted_whose_disk_cannot_be():
    text = f"<domain><name>m</name><metadata>{MARKS}</metadata><devices>{REMOTE}</devices></domain>"
    there = Found(SimpleNamespace(), read_definition(text))
    with pytest.raises(Refused) as refusal:
        delete(SimpleNamespace(connection=SimpleNamespace(), host="a"), there)
    assert "m: vda lies in no storage pool of host a" in str(refusal.value)
