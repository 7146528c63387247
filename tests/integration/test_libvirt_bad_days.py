"""Bad days on real hosts: storage that runs full, strangers' machines, daemons and guests that die in the midst."""

import hashlib
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.drivers.libvirt import images, power
from provisioning.drivers.libvirt.marks import NAMESPACE
from provisioning.model import MachineState
from provisioning.steps import (
    adopt_step,
    create_step,
    delete_step,
    evacuate_step,
    migrate_step,
    reboot_step,
    start_step,
    stop_step,
)
from tests.integration.labs.libvirt_lab import PATIENCE_SECONDS, guest_files
from tests.integration.libvirt_site import SMALL, awaited, domains, site_of, volumes

START = datetime(2026, 10, 1, tzinfo=UTC)
SIZE = Size(1, 64, {"ssd": 1})
MIB = 2**20
# A guest that hears no power button: a stop of it lasts as long as it may.
DEAF = "console=ttyS0 quiet rdinit=/bin/sleep"


@pytest.fixture
def opened(lab, tmp_path):
    lab.clear()
    drivers = []

    def open_one(images=None, tiers=None, **settings):
        facts = lab.pool_facts(tmp_path, **settings)
        options = {**facts.options, **({"tiers": tiers} if tiers else {})}
        facts = replace(facts, options=options, images=images or {})
        drivers.append(open_driver("libvirt", facts, DrivenClock(START)))
        return drivers[-1]

    yield open_one
    for driver in drivers:
        driver.close()
    lab.mend()


class Narrow:
    """On host a a storage pool of its own, of 1.1 GiB, which a machine's smallest disk fits into; files: how many."""

    def __init__(self, lab, number, files=1000):
        self.daemon, self.place = lab.hosts["a"], lab.base / f"narrow{number}"
        self.place.mkdir()
        options = f"size=1100m,nr_inodes={files + 1}"
        self.daemon.in_its_place("mount", "-t", "tmpfs", "-o", options, "narrow", str(self.place))
        self._connection = lab.connect("a")
        name = self.place.name
        xml = f"<pool type='dir'><name>{name}</name><target><path>{self.place}</path></target></pool>"
        self.tiers, self._pool = {"ssd": name}, self._connection.storagePoolDefineXML(xml)
        self._pool.create()

    def fill(self, name, mib):
        self.daemon.in_its_place("fallocate", "-l", f"{mib}M", str(self.place / name))

    def left(self):
        self._pool.refresh()
        return sorted(volume.name() for volume in self._pool.listAllVolumes())

    def end(self):
        self._pool.destroy()
        self._pool.undefine()
        self._connection.close()
        # Whoever still looks at it lets it go a moment later.
        self.daemon.in_its_place("umount", "-l", str(self.place))


@pytest.fixture
def narrow(lab):
    made = []

    def make(**options):
        made.append(Narrow(lab, len(list(lab.base.glob("narrow*"))), **options))
        return made[-1]

    yield make
    for each in made:
        each.end()


def image_of(folder, mib):
    path = folder / "image.raw"
    path.write_bytes(os.urandom(mib * MIB))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"source": path.name, "sha256": digest, **guest_files()}


def test_an_image_that_does_not_fit_is_refused_before_a_byte_is_sent(lab, opened, narrow, tmp_path):
    storage = narrow()
    storage.fill("theirs", 1090)
    driver = opened({"tiny": image_of(tmp_path, 12)}, storage.tiers)
    with pytest.raises(Refused) as refusal:
        driver.apply(create_step(1, "m", SIZE, host="a", image="tiny"))
    assert "is full: 12 MiB needed, 10 free" in str(refusal.value)
    assert storage.left() == ["theirs"] and domains(lab)["a"] == []


def test_storage_that_runs_full_while_an_image_is_sent_is_named_and_left_as_it_was(
    lab, opened, narrow, tmp_path, monkeypatch
):
    storage = narrow()
    driver = opened({"tiny": image_of(tmp_path, 12)}, storage.tiers)
    # There was room when we looked; then somebody else's data came.
    monkeypatch.setattr(images, "require_free_space", lambda *_: storage.fill("theirs", 1093))
    with pytest.raises(Refused) as refusal:
        driver.apply(create_step(1, "m", SIZE, host="a", image="tiny"))
    assert "No space left" in str(refusal.value), refusal.value
    assert storage.left() == ["theirs"] and domains(lab)["a"] == []
    assert driver.observe().machines == ()


def test_an_image_that_changes_while_it_is_sent_is_not_kept(lab, opened, tmp_path, monkeypatch):
    driver = opened({"tiny": image_of(tmp_path, 1)})
    theirs = tmp_path / "image.raw"
    monkeypatch.setattr(images, "require_free_space", lambda *_: theirs.write_bytes(bytes(MIB)))
    with pytest.raises(Refused) as refusal:
        driver.apply(create_step(1, "m", SIZE, host="a", image="tiny"))
    assert str(refusal.value) == f"{theirs} changed while it was uploaded."
    assert volumes(lab) == [] and domains(lab)["a"] == []


def test_storage_that_runs_full_while_disks_are_made_leaves_nothing_of_the_machine(lab, opened, narrow):
    storage = narrow(files=1)
    with pytest.raises(Refused) as refusal:
        opened(tiers=storage.tiers).apply(create_step(1, "m", SIZE, host="a"))
    assert "could not make m" in str(refusal.value) and "No space left" in str(refusal.value), refusal.value
    assert storage.left() == [] and domains(lab)["a"] == []


@pytest.mark.parametrize("host", "ab")
def test_a_strangers_machine_of_that_name_is_left_alone(lab, opened, host):
    connection = lab.connect(host)
    connection.defineXML(
        "<domain type='qemu'><name>m</name><memory>65536</memory><os><type>hvm</type></os></domain>"
    )
    driver = opened()
    with pytest.raises(Refused) as refusal:
        driver.apply(create_step(1, "m", SIZE, host="a"))
    assert str(refusal.value) == "The cloud has another machine of the name m."
    assert connection.lookupByName("m").isActive() == 0 and volumes(lab) == []
    connection.close()


def test_a_machine_that_its_host_starts_by_itself_does_not_run_twice_after_an_evacuation(lab, opened):
    """An adopted machine keeps its autostart. Where disks are files, QEMU's lock holds the second one off."""
    import libvirt

    driver = opened()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    connection = lab.connect("a")
    domain = connection.lookupByName("m")
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, None, NAMESPACE, 3)
    domain.setAutostart(1)
    connection.close()
    driver.apply(adopt_step(1, "m", SIZE, "a"))
    lab.hosts["a"].die()
    driver.apply(evacuate_step(1, "m", "a", "b"))
    lab.mend()
    log = lab.hosts["a"].base / "log" / "qemu" / "m.log"
    awaited(lambda: 'Failed to get "write" lock' in log.read_text())
    # Its QEMU has said so, and ends.
    awaited(lambda: domains(lab) == {"a": [("m", False)], "b": [("m", True)]})
    fresh = opened()
    assert [(fault.host, fault.reason) for fault in fresh.observe().faults] == [("a", "left_behind")]
    assert fresh.observe().machines[0].host == "b"


@pytest.fixture
def once_pressed(monkeypatch):
    """Does something as soon as a guest's power button is pressed: its step is under way. Waited for at the end."""
    begun, press, threads = threading.Event(), power._Button.press, []

    def pressed(button):
        begun.set()
        press(button)

    def arrange(what, *arguments):
        threads.append(threading.Thread(target=lambda: begun.wait(PATIENCE_SECONDS) and what(*arguments)))
        threads[-1].start()
        return threads[-1]

    monkeypatch.setattr(power._Button, "press", pressed)
    yield arrange
    begun.set()
    for thread in threads:
        thread.join()


def test_a_daemon_that_halts_in_the_midst_of_a_step_leaves_it_open_and_it_is_taken_up(
    lab, opened, once_pressed
):
    opened(cmdline=DEAF).apply(create_step(1, "m", SIZE, host="a"))
    late = once_pressed(lab.hosts["a"].send, signal.SIGSTOP)
    with pytest.raises(Unreachable):
        opened(stop_seconds=60, step_seconds=3).apply(stop_step(1, "m"))
    late.join()
    lab.mend()
    forced = stop_step(1, "m", power_off=True)
    fresh = opened(stop_seconds=0.2, power_off=False)
    fresh.apply(forced)
    assert fresh.observe().machines[0].state == MachineState.OFF


def test_a_daemon_that_dies_in_the_midst_of_a_step_is_reconciled_when_it_is_back(lab, opened, once_pressed):
    driver = opened(stop_seconds=60, cmdline=DEAF)
    driver.apply(create_step(1, "m", SIZE, host="a"))
    late = once_pressed(lab.hosts["a"].die)
    with pytest.raises(Unreachable):
        driver.apply(reboot_step(1, "m", datetime(2026, 10, 1, 1, tzinfo=UTC)))
    late.join()
    assert [fault.reason for fault in driver.observe().faults] == ["host_unreachable"]
    lab.mend()
    # The host lost power: its guest is off, and our note says that it was off for a moment only.
    fresh = opened(stop_seconds=0.2)
    fresh.apply(reboot_step(1, "m", datetime(2026, 10, 1, 1, tzinfo=UTC)))
    (machine,) = fresh.observe().machines
    assert (machine.state, fresh.observe().faults) == (MachineState.RUNNING, ())


def test_a_guest_whose_qemu_dies_is_seen_off_and_starts_again(lab, opened):
    driver = opened()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    os.kill(lab.hosts["a"].guest_pid("m"), signal.SIGKILL)
    awaited(lambda: driver.observe().machines[0].state == MachineState.OFF)
    driver.apply(start_step(1, "m"))
    assert driver.observe().machines[0].state == MachineState.RUNNING
    driver.apply(delete_step(1, "m", SIZE, "a"))
    assert volumes(lab) == []


def kill_guest(lab, host):
    os.kill(lab.hosts[host].guest_pid("m"), signal.SIGKILL)


def kill_guest_once_awaited(lab, host, target):
    """As soon as the other host has made a place for it."""
    place, end = lab.hosts[target].base / "run" / "qemu" / "m.pid", time.monotonic() + PATIENCE_SECONDS
    while not place.exists() and time.monotonic() < end:
        time.sleep(0.005)
    kill_guest(lab, host)


def test_a_guest_whose_qemu_dies_while_it_is_restarted_runs_all_the_same(lab, opened, once_pressed):
    driver = opened(stop_seconds=60, power_off=False, cmdline=DEAF)
    driver.apply(create_step(1, "m", SIZE, host="a"))
    late = once_pressed(kill_guest, lab, "a")
    driver.apply(reboot_step(1, "m", datetime(2026, 10, 1, 0, 30, tzinfo=UTC)))
    late.join()
    (machine,) = driver.observe().machines
    assert machine.state == MachineState.RUNNING


def test_a_guest_whose_qemu_dies_while_it_moves_stands_where_it_stood(lab, opened):
    driver = opened()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    connection = lab.connect("a")
    connection.lookupByName("m").migrateSetMaxSpeed(1)
    connection.close()
    late = threading.Thread(target=kill_guest_once_awaited, args=(lab, "a", "b"))
    late.start()
    with pytest.raises((Refused, Unreachable)):
        driver.apply(migrate_step(1, "m", "a", "b"))
    late.join()
    assert domains(lab) == {"a": [("m", False)], "b": []}
    driver.apply(migrate_step(1, "m", "a", "b"))
    driver.apply(start_step(1, "m"))
    assert domains(lab) == {"a": [], "b": [("m", True)]}


def test_the_command_leaves_a_step_uncertain_and_resume_settles_it(lab, tmp_path, monkeypatch):
    lab.clear()
    monkeypatch.setenv("CLOUDCTL_MACHINES_RETRIES", "0")
    site = site_of(lab, tmp_path, stop_seconds=60, cmdline=DEAF)
    site.apply({"name": "tax-1", **SMALL})
    host = site.vm("tax-1")["host"]
    with ThreadPoolExecutor(1) as thread:
        told = thread.submit(site.run, "vm", "stop", "tax-1", "--yes", wanted=6)
        awaited(lambda: told.done() or site.json("change", "list", "--open"))
        lab.hosts[host].die()
        told.result()
    (left,) = site.json("change", "list", "--open")
    assert f"in hand: change {left['change']}" in site.run("vm", "start", "tax-1", "--yes", wanted=5)
    site.run("change", "resume", left["change"], "--yes", wanted=6)
    lab.mend()
    site.run("change", "resume", left["change"], "--yes")
    assert site.vm("tax-1")["power"] == "off" and site.json("change", "list", "--open") == []
    site.run("vm", "start", "tax-1", "--yes")
    site.run("inventory", "drift", "--check")
