"""The power button of a guest: pressed by a thread of its own, for a QEMU that hangs never lets go of it."""

from threading import Event
from types import SimpleNamespace

import pytest

from provisioning.drivers.libvirt import power

libvirt = pytest.importorskip("libvirt")


class Guest:
    def __init__(self, answer=lambda: None, *, active=True):
        self._answer, self._active, self.pressed = answer, active, 0

    def isActive(self):
        return int(self._active)

    def shutdownFlags(self, _flags):
        self.pressed += 1
        self._answer()


def refuse():
    raise libvirt.libvirtError("no")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(power, "PRESS_AGAIN_SECONDS", 0.02)


def test_a_button_that_holds_whoever_presses_it_is_pressed_once():
    held, go = Event(), Event()
    guest = Guest(lambda: (held.set(), go.wait(20)))
    button = power._Button(SimpleNamespace(domain=guest))
    button.press()
    assert held.wait(20)
    button.press()
    assert guest.pressed == 1
    go.set()


def test_a_refusal_is_told_unless_the_guest_went_off_meanwhile():
    with pytest.raises(libvirt.libvirtError):
        power._Button(SimpleNamespace(domain=Guest(refuse))).press()
    power._Button(SimpleNamespace(domain=Guest(refuse, active=False))).press()
