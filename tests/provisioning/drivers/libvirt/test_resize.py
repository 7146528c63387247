"""Memory that a guest is asked to give back while it runs."""

from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.drivers.libvirt.resize import _live

pytest.importorskip("libvirt")


class Guest:
    """Keeps all memory that it has."""

    def __init__(self, memory_mib):
        self.has_mib, self.asked_mib = memory_mib, []

    def setMemoryFlags(self, kib, _flags):
        self.asked_mib.append(kib // 1024)

    def memoryStats(self):
        return {"actual": self.has_mib * 1024}


@pytest.mark.parametrize("defined_mib", [160, 128], ids=["first", "taken up after a kill"])
def test_memory_the_guest_keeps_is_its_own_again(defined_mib):
    guest = Guest(160)
    there = SimpleNamespace(
        domain=guest,
        definition=SimpleNamespace(name="m", vcpus=1, memory_mib=defined_mib),
        marks=SimpleNamespace(size=Size(1, 160)),
    )
    with pytest.raises(Refused):
        _live(SimpleNamespace(settings=SimpleNamespace(balloon_seconds=0.01)), there, Size(1, 128))
    assert guest.asked_mib == [128, 160]
