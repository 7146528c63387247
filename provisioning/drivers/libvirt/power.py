"""Starts, stops and restarts machines: gently, with a deadline, by force only where the pool or the step says so."""

from datetime import datetime
from threading import Thread
from time import monotonic, sleep
from typing import Any

from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import Message, Refused
from provisioning.drivers.libvirt.definition import Found
from provisioning.drivers.libvirt.failures import is_missing
from provisioning.drivers.libvirt.marks import OFF, RUNNING, SHELVED, Marks
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.model import Applied, Step

# A guest that is still booting hears the button only later: it is pressed again.
PRESS_AGAIN_SECONDS = 3.0
LOOK_SECONDS = 0.1


def start(place: Workplace, there: Found, step: Step) -> Applied:
    marks = marks_of_ours(there)
    if marks.state == SHELVED:
        raise Refused("{name} is put aside; bring it back first.", name=step.name)
    return bring_up(place, there)


def bring_up(place: Workplace, there: Found) -> Applied:
    marks = marks_of_ours(there)
    if there.domain.isActive() and marks.state == RUNNING and not _is_paused(there):
        return place.applied(there, marks.state_at)
    if _is_paused(there):
        there.domain.resume()
    elif not there.domain.isActive():
        there.domain.create()
    now = place.clock.now()
    place.note(there, state=RUNNING, is_cycling=False, state_at=now, booted_at=now)
    return place.applied(there, now)


def stop(place: Workplace, there: Found, step: Step) -> Applied:
    return put_down(place, there, OFF, by_force=is_by_force(place, step))


def shelve(place: Workplace, there: Found, step: Step) -> Applied:
    """Off, its disks kept, and never started by itself: asked again too, for the first time may have been cut off."""
    applied = put_down(place, there, SHELVED, by_force=is_by_force(place, step))
    if there.domain.autostart():
        there.domain.setAutostart(0)
    return applied


def unshelve(place: Workplace, there: Found, step: Step) -> Applied:
    marks = marks_of_ours(there)
    if marks.state != SHELVED and there.domain.isActive():
        return place.applied(there, marks.state_at)
    return bring_up(place, there)


def put_down(place: Workplace, there: Found, state: str, *, by_force: bool) -> Applied:
    marks = marks_of_ours(there)
    if not there.domain.isActive() and marks.state in (state, SHELVED):
        return place.applied(there, marks.state_at)
    shut_down(place, there, by_force=by_force)
    now = place.clock.now()
    place.note(there, state=state, is_cycling=False, state_at=now)
    return place.applied(there, now)


def reboot(place: Workplace, there: Found, step: Step) -> Applied:
    """A new process: what waits in the definition for a restart takes effect too."""
    marks, wanted = marks_of_ours(there), parse_instant(str((step.after or {})["not_before"]))
    is_running = bool(there.domain.isActive())
    if not is_running and not marks.is_cycling:
        raise Refused("{name} is not running.", name=step.name)
    if is_running and not marks.is_cycling and _not_before(marks.booted_at, wanted):
        return place.applied(there, marks.booted_at)
    cycle_down(place, there, by_force=is_by_force(place, step))
    return place.applied(there, cycle_up(place, there))


def _not_before(instant: datetime | None, wanted: datetime) -> bool:
    return instant is not None and instant >= wanted


def cycle_down(place: Workplace, there: Found, *, by_force: bool) -> None:
    """Off for a moment; whoever finds it so later knows that it is to run again."""
    if not there.domain.isActive():
        return
    place.note(there, is_cycling=True)
    try:
        shut_down(place, there, by_force=by_force)
    except Refused:
        place.note(there, is_cycling=False)
        raise


def cycle_up(place: Workplace, there: Found) -> datetime:
    """The instant at which it runs again."""
    if not there.domain.isActive():
        there.domain.create()
    now = place.clock.now()
    place.note(there, is_cycling=False, booted_at=now)
    return now


def shut_down(place: Workplace, there: Found, *, by_force: bool) -> None:
    """Refused when the guest does not follow in time and force is not asked for."""
    libvirt, domain = sdk(), there.domain
    end = monotonic() + place.settings.stop_seconds
    button, press_at = _Button(there), monotonic()
    while domain.isActive() and monotonic() < end:
        if _is_paused(there):
            break
        if monotonic() >= press_at:
            if button.refusal is not None:
                break
            button.press()
            press_at = monotonic() + PRESS_AGAIN_SECONDS
        sleep(LOOK_SECONDS)
    if not domain.isActive():
        return
    if not by_force:
        if button.refusal is not None:
            raise button.refusal
        raise Refused(
            "{name} did not shut down within {seconds} s.",
            name=there.definition.name,
            seconds=f"{place.settings.stop_seconds:g}",
            hint=Message(
                "It may still do so. Else power it off: “cloudctl vm stop {name} --power-off”.",
                {"name": there.definition.name},
            ),
        )
    try:
        domain.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL)
    except libvirt.libvirtError:
        cut(domain)


def cut(domain: Any) -> None:
    """Off at once, unless it went off by itself meanwhile."""
    try:
        domain.destroy()
    except sdk().libvirtError as error:
        if not is_missing(error) and domain.isActive():
            raise


class _Button:
    """A guest's power button. A QEMU that hangs never lets go of who presses it: that is a thread of its own.

    refusal: of the last pressing. It may be its QEMU's end, so a guest that is still there a little later means it.
    """

    def __init__(self, there: Found) -> None:
        self._there = there
        self._thread: Thread | None = None
        self.refusal: Exception | None = None

    def press(self) -> None:
        """Nothing while it is still being pressed."""
        if self._thread is not None and self._thread.is_alive():
            return
        self.refusal = None
        self._thread = Thread(target=self._press, name="power button", daemon=True)
        self._thread.start()
        self._thread.join(PRESS_AGAIN_SECONDS)

    def _press(self) -> None:
        libvirt = sdk()
        try:
            self._there.domain.shutdownFlags(libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN)
        except libvirt.libvirtError as refusal:
            # Late is no refusal: its QEMU owes somebody else an answer, and may yet be powered off.
            if refusal.get_error_code() != libvirt.VIR_ERR_OPERATION_TIMEOUT:
                self.refusal = refusal


def _is_paused(there: Found) -> bool:
    state = there.domain.state()[0]
    return bool(state == sdk().VIR_DOMAIN_PAUSED)


def is_by_force(place: Workplace, step: Step) -> bool:
    return bool((step.after or {}).get("power_off", place.settings.power_off))


def marks_of_ours(there: Found) -> Marks:
    assert there.marks is not None
    return there.marks
