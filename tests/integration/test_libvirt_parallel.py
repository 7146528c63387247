"""Steps on several real hosts at once: each host does one thing at a time, and none waits for another."""

import hashlib
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from threading import Event, Thread
from time import monotonic

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.drivers.libvirt import images, power
from provisioning.steps import create_step, delete_step, migrate_step, stop_step
from tests.integration.labs.libvirt_lab import PATIENCE_SECONDS, guest_files

START = datetime(2026, 10, 1, tzinfo=UTC)
SIZE = Size(1, 64, {"ssd": 1})


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "64M"], check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"source": path.name, "sha256": digest, **guest_files()}


@pytest.fixture
def opened(lab, tmp_path, image):
    """Opens drivers on the empty lab, each as a process of its own would."""
    lab.clear()
    drivers = []

    def open_one(**settings):
        facts = replace(lab.pool_facts(tmp_path, **settings), images={"tiny": image})
        drivers.append(open_driver("libvirt", facts, DrivenClock(START)))
        return drivers[-1]

    yield open_one
    for driver in drivers:
        driver.close()
    lab.mend()


def all_at_once(*jobs):
    with ThreadPoolExecutor(len(jobs)) as threads:
        return [future.result() for future in [threads.submit(job) for job in jobs]]


def creating(driver, number, name, host, **after):
    return lambda: driver.apply(create_step(number, name, SIZE, host=host, **after))


def test_an_image_is_uploaded_by_one_of_those_that_need_it_at_once(lab, opened, monkeypatch):
    uploads, fill = [], images.fill

    def watched(connection, volume, *rest):
        uploads.append(volume.name())
        fill(connection, volume, *rest)

    monkeypatch.setattr(images, "fill", watched)
    one, other = opened(), opened()
    all_at_once(
        *(
            creating(driver, number, name, host, image="tiny")
            for driver, number, name, host in [(one, 1, "m", "a"), (one, 2, "n", "b"), (other, 3, "o", "b")]
        )
    )
    assert len(uploads) == 1
    assert {machine.vm_id: machine.host for machine in one.observe().machines} == {1: "a", 2: "b", 3: "b"}
    all_at_once(*(lambda n=n: one.apply(delete_step(n, "mno"[n - 1], SIZE, None)) for n in (1, 2, 3)))
    assert len(list((lab.base / "default").iterdir())) == 2, "the image and the note that it is whole"


def test_machines_pass_each_other_between_two_hosts(lab, opened):
    driver = opened()
    creating(driver, 1, "m", "a")()
    creating(driver, 2, "n", "b")()
    all_at_once(
        lambda: driver.apply(migrate_step(1, "m", "a", "b")),
        lambda: driver.apply(migrate_step(2, "n", "b", "a")),
    )
    assert {machine.name: machine.host for machine in driver.observe().machines} == {"m": "b", "n": "a"}


def test_a_host_that_hangs_in_a_step_leaves_the_others_to_theirs(lab, opened):
    """The other's machine is off long before a step would be given up."""
    driver = opened(answer_seconds=6, step_seconds=120)
    creating(driver, 1, "m", "a")()
    creating(driver, 2, "n", "b")()
    begun, told = Event(), []

    def hang():
        begun.set()
        try:
            driver.apply(stop_step(1, "m"))
        except Unreachable as reason:
            told.append(reason)

    lab.hosts["a"].send(signal.SIGSTOP)
    began = monotonic()
    hanging = Thread(target=hang)
    hanging.start()
    assert begun.wait(PATIENCE_SECONDS)
    driver.apply(stop_step(2, "n"))
    assert monotonic() - began < 110
    hanging.join(PATIENCE_SECONDS)
    assert [reason.host for reason in told] == ["a"]


def test_a_question_is_answered_while_its_host_carries_out_a_step(lab, opened, monkeypatch):
    driver = opened(stop_seconds=PATIENCE_SECONDS, cmdline="console=ttyS0 quiet rdinit=/bin/sleep")
    creating(driver, 1, "deaf", "a")()
    begun, press = Event(), power._Button.press
    monkeypatch.setattr(power._Button, "press", lambda button: (begun.set(), press(button)))
    stopping = Thread(target=driver.apply, args=(stop_step(1, "deaf"),))
    stopping.start()
    assert begun.wait(PATIENCE_SECONDS)
    for _ in range(3):
        assert driver.observe().faults == ()
    assert stopping.is_alive(), "the guest hears nothing"
    connection = lab.connect("a")
    connection.lookupByName("deaf").destroy()
    connection.close()
    stopping.join(PATIENCE_SECONDS)
    assert not stopping.is_alive()
