"""Volumes that go while we look, and storage that is busy with what somebody else began."""

from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Unreachable
from provisioning.drivers.libvirt import storage
from provisioning.drivers.libvirt.definition import Disk
from provisioning.drivers.libvirt.storage import delete_volume, refresh, volume_bytes

libvirt = pytest.importorskip("libvirt")
DISK = Disk("vda", "default", "m-1-ssd.qcow2", None, "none", is_storage=True)


def said(code):
    """In whatever language the host speaks."""
    error = libvirt.libvirtError("说不行")
    error.err = (code, libvirt.VIR_FROM_STORAGE, "说不行", 2, "", None, None, 0, 0)
    return error


def answering(*answers):
    """A call that raises these one after the other, and then works."""
    left = list(answers)

    def call(*_):
        if left:
            raise left.pop(0)

    call.left = left
    return call


def pool(**calls):
    return SimpleNamespace(name=lambda: "default", **calls)


def test_a_volume_that_goes_while_we_look_is_none():
    volume = SimpleNamespace(info=answering(said(libvirt.VIR_ERR_NO_STORAGE_VOL)))
    place = pool(storageVolLookupByName=lambda _: volume)
    assert volume_bytes(SimpleNamespace(storagePoolLookupByName=lambda _: place), DISK) is None


def test_storage_that_is_written_to_is_waited_for(monkeypatch):
    monkeypatch.setattr(storage, "sleep", lambda _: None)
    seen = answering(said(libvirt.VIR_ERR_INTERNAL_ERROR), said(libvirt.VIR_ERR_INTERNAL_ERROR))
    refresh(pool(refresh=seen), "a")
    gone = answering(said(libvirt.VIR_ERR_OPERATION_INVALID))
    delete_volume(SimpleNamespace(delete=gone, storagePoolLookupByVolume=pool), "a")
    assert seen.left == gone.left == []


def test_storage_that_never_rests_leaves_the_step_open(monkeypatch):
    monkeypatch.setattr(storage, "BUSY_SECONDS", 0)
    with pytest.raises(Unreachable):
        refresh(pool(refresh=answering(said(libvirt.VIR_ERR_INTERNAL_ERROR))), "a")


def test_any_other_trouble_of_storage_is_told_at_once():
    with pytest.raises(libvirt.libvirtError):
        refresh(pool(refresh=answering(said(libvirt.VIR_ERR_SYSTEM_ERROR))), "a")
