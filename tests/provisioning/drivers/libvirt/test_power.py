"""The power button of a guest: pressed by a thread of its own, for a QEMU that hangs never lets go of it."""

from threading import Event
from types import SimpleNamespace

import pytest

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt import power

libvirt = pytest.importorskip("libvirt")


class Guest:
    """answer: what pressing it does. looks_left: how often it still seems to run; None: for ever."""

    def __init__(self, answer=lambda: None):
        self._answer, self.pressed, self.looks_left = answer, 0, None

    def isActive(self):
        if self.looks_left:
            self.looks_left -= 1
            return 1
        return int(self.looks_left is None)

    def state(self):
        return [libvirt.VIR_DOMAIN_RUNNING, 1]

    def destroyFlags(self, _flags):
        self.looks_left = 0

    def shutdownFlags(self, _flags):
        self.pressed += 1
        self._answer()


def refuse():
    raise libvirt.libvirtError("no")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(power, "PRESS_AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(power, "LOOK_SECONDS", 0.01)


def test_a_button_that_holds_whoever_presses_it_is_pressed_once():
    held, go = Event(), Event()
    guest = Guest(lambda: (held.set(), go.wait(20)))
    button = power._Button(SimpleNamespace(domain=guest))
    button.press()
    assert held.wait(20)
    button.press()
    assert guest.pressed == 1
    go.set()


def put_off(guest, *, by_force=False, seconds=20):
    place = SimpleNamespace(settings=SimpleNamespace(stop_seconds=seconds))
    there = SimpleNamespace(domain=guest, definition=SimpleNamespace(name="m"))
    power.shut_down(place, there, by_force=by_force)


def test_a_button_that_cannot_be_pressed_is_told_or_the_guest_powered_off():
    with pytest.raises(libvirt.libvirtError):
        put_off(Guest(refuse))
    guest = Guest(refuse)
    put_off(guest, by_force=True)
    assert not guest.isActive() and guest.pressed == 1


def test_a_guest_that_ends_as_its_button_is_pressed_is_off():
    """Its QEMU is gone, and libvirt has not heard of it yet."""
    guest = Guest(refuse)
    guest.looks_left = 2
    put_off(guest)
    assert guest.pressed == 1


def test_a_guest_that_hears_nothing_is_refused_or_powered_off():
    with pytest.raises(Refused):
        put_off(Guest(), seconds=0.1)
    guest = Guest()
    put_off(guest, by_force=True, seconds=0.1)
    assert not guest.isActive() and guest.pressed > 1


def test_a_button_that_was_late_once_is_pressed_again():
    answers = iter([libvirt.VIR_ERR_OPERATION_TIMEOUT])

    def answer():
        if (code := next(answers, None)) is not None:
            raise said(code)

    guest = Guest(answer)
    button = power._Button(SimpleNamespace(domain=guest))
    button.press()
    button.press()
    assert guest.pressed == 2


def said(code):
    error = libvirt.libvirtError("said")
    error.err = (code, libvirt.VIR_FROM_QEMU, "said", 2, "", None, None, 0, 0)
    return error


@pytest.mark.parametrize("code", [libvirt.VIR_ERR_OPERATION_INVALID, libvirt.VIR_ERR_NO_DOMAIN])
def test_what_goes_off_by_itself_is_off(code):
    def answer():
        raise said(code)

    power.cut(SimpleNamespace(destroy=answer, isActive=lambda: 0))
    if code == libvirt.VIR_ERR_OPERATION_INVALID:
        with pytest.raises(libvirt.libvirtError):
            power.cut(SimpleNamespace(destroy=answer, isActive=lambda: 1))
