"""What a host must have of a machine's disks before it comes there."""

from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.definition import read_definition
from provisioning.drivers.libvirt.movement import _require_disks

libvirt = pytest.importorskip("libvirt")
EMPTY = "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>"
REMOTE = "<disk type='network' device='disk'><source protocol='rbd' name='p/v'/><target dev='vda'/></disk>"
LOCAL = "<disk type='file' device='disk'><source file='/srv/own.img'/><target dev='vdb'/></disk>"


def blind(_path):
    error = libvirt.libvirtError("none")
    error.err = (libvirt.VIR_ERR_NO_STORAGE_VOL, libvirt.VIR_FROM_STORAGE, "none", 2, "", None, None, 0, 0)
    raise error


BLIND = SimpleNamespace(connection=SimpleNamespace(storageVolLookupByPath=blind), host="b")


def disks(*elements):
    return read_definition(f"<domain><name>m</name><devices>{''.join(elements)}</devices></domain>").disks


def test_an_empty_drive_and_a_disk_on_the_network_are_everywhere():
    _require_disks(BLIND, "m", disks(EMPTY, REMOTE))


def test_a_disk_that_the_host_does_not_see_keeps_the_machine_where_it_is():
    with pytest.raises(Refused) as refusal:
        _require_disks(BLIND, "m", disks(EMPTY, LOCAL))
    assert "host b does not see its disk /srv/own.img" in str(refusal.value)
