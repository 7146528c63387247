"""What the libvirt driver does with real guests, volumes and daemons, the bad days among it."""

import hashlib
import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import open_driver
from provisioning.drivers.libvirt import creation
from provisioning.model import MachineState
from provisioning.steps import (
    adopt_step,
    create_step,
    delete_step,
    evacuate_step,
    migrate_step,
    resize_step,
    start_step,
    stop_step,
)
from tests.integration.labs.libvirt_lab import guest_files
from tests.integration.libvirt_site import awaited, volumes

START = datetime(2026, 10, 1, tzinfo=UTC)
SIZE = Size(1, 160, {"ssd": 1})


class Pool:
    """The lab as a pool, and drivers on it."""

    def __init__(self, lab, folder):
        self.lab, self.folder, self.clock, self.opened = lab, folder, DrivenClock(START), []

    def driver(self, images=None, **settings):
        facts = replace(self.lab.pool_facts(self.folder, **settings), images=images or {})
        self.opened.append(open_driver("libvirt", facts, self.clock))
        return self.opened[-1]


@pytest.fixture
def pool(lab, tmp_path):
    lab.clear()
    pool = Pool(lab, tmp_path)
    yield pool
    for driver in pool.opened:
        driver.close()
    lab.mend()


@pytest.fixture
def image(tmp_path):
    """A qcow2 image of 64 MiB with the word MARK at its start; its options."""
    raw, path = tmp_path / "image.raw", tmp_path / "image.qcow2"
    raw.write_bytes(b"MARK" + bytes(64 * 2**20 - 4))
    subprocess.run(
        ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", "compat=1.1", raw, path], check=True
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return {"source": path.name, "sha256": digest, **guest_files()}


def machines(driver):
    return {machine.name: machine for machine in driver.observe().machines}


@pytest.mark.parametrize("clone", ["overlay", "full"])
def test_an_image_is_uploaded_once_and_every_machine_has_its_own_disk(lab, pool, image, clone):
    driver = pool.driver({"tiny": image}, clone=clone)
    for number, name in enumerate("mn", 1):
        driver.apply(create_step(number, name, SIZE, host="ab"[number - 1], image="tiny"))
    base = f"base-{image['sha256'][:32]}.qcow2"
    disks = [
        f"{name}-{number}-{part}" for number, name in enumerate("mn", 1) for part in ("seed.iso", "ssd.qcow2")
    ]
    assert volumes(lab) == sorted([base, f"{base}.whole", *disks])
    told = qemu_info(lab.base / "default" / "m-1-ssd.qcow2")
    assert ("backing file" in told) == (clone == "overlay")
    assert "compat: 1.1" in told and "virtual size: 1 GiB" in told
    content = subprocess.run(
        ["qemu-io", "-U", "-r", "-c", "read -v 0 4", lab.base / "default" / "m-1-ssd.qcow2"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "4d 41 52 4b" in content
    for number, name in enumerate("mn", 1):
        driver.apply(delete_step(number, name, SIZE, None))
    assert volumes(lab) == [base, f"{base}.whole"], "the image stays, all else is gone"


def qemu_info(path):
    return subprocess.run(["qemu-img", "info", "-U", path], check=True, capture_output=True, text=True).stdout


def test_the_guest_reads_its_seed(lab, pool):
    facts = lab.pool_facts(pool.folder)
    facts = replace(facts, options={**facts.options, "ssh_keys": ["ssh-ed25519 AAAAC3Nz someone@example"]})
    driver = open_driver("libvirt", facts, pool.clock)
    driver.apply(create_step(7, "tax-web-1", SIZE, host="a"))
    told = lab.console_text("a", "tax-web-1", "SEED user-data: ssh_pwauth")
    driver.close()
    assert "SEED meta-data: local-hostname: tax-web-1" in told
    assert "ssh-ed25519 AAAAC3Nz someone@example" in told
    assert "SEED network-config: version: 2" in told


@pytest.mark.parametrize("fault", ["missing", "other", "old", "too_large", "unknown"])
def test_an_image_that_is_not_as_it_should_be_is_refused_and_nothing_is_left(lab, pool, image, fault):
    size, code = SIZE, "tiny"
    if fault == "missing":
        image["source"] = "nowhere.qcow2"
    elif fault == "other":
        image["sha256"] = "0" * 64
    elif fault == "old":
        old = pool.folder / "old.qcow2"
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "compat=0.10", old, "1M"], check=True
        )
        image |= {"source": "old.qcow2", "sha256": None}
    elif fault == "too_large":
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", pool.folder / "large.qcow2", "3G"], check=True
        )
        image |= {"source": "large.qcow2", "sha256": None}
    else:
        code = "none"
    driver = pool.driver({"tiny": image})
    with pytest.raises(Refused):
        driver.apply(create_step(1, "m", size, host="a", image=code))
    assert machines(driver) == {}
    assert [name for name in volumes(lab) if not name.startswith("base-")] == []


def test_an_image_that_machines_lie_over_is_never_written_again(lab, pool, image):
    """Not even where somebody tidied the note away that its upload was whole."""
    driver = pool.driver({"tiny": image})
    driver.apply(create_step(1, "m", SIZE, host="a", image="tiny"))
    base = lab.base / "default" / f"base-{image['sha256'][:32]}.qcow2"
    base.with_name(f"{base.name}.whole").unlink()
    before = base.stat()
    driver.apply(create_step(2, "n", SIZE, host="b", image="tiny"))
    assert (base.stat().st_ino, base.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_an_upload_that_was_cut_off_is_begun_anew(lab, pool, image):
    driver = pool.driver({"tiny": image})
    driver.apply(create_step(1, "m", SIZE, host="a", image="tiny"))
    driver.apply(delete_step(1, "m", SIZE, "a"))
    base = lab.base / "default" / f"base-{image['sha256'][:32]}.qcow2"
    whole = base.read_bytes()
    base.with_name(f"{base.name}.whole").unlink()
    base.write_bytes(whole[:1000])
    driver.apply(create_step(2, "n", SIZE, host="b", image="tiny"))
    assert base.read_bytes() == whole


class Killed(Exception):
    """As a SIGKILL would: nothing of ours runs after it."""


@pytest.mark.parametrize("at", ["_make_volumes", "_make_disk", "write_raw", "_finished"])
def test_a_create_cut_off_anywhere_is_completed_and_nothing_is_doubled(lab, pool, monkeypatch, at):
    def kill(*_args, **_kwargs):
        raise Killed

    step = create_step(1, "m", Size(1, 160, {"hdd": 1, "ssd": 1}), host="a")
    with monkeypatch.context() as patch:
        patch.setattr(creation, at, kill)
        with pytest.raises(Killed):
            pool.driver().apply(step)
    pool.clock.advance(timedelta(minutes=5))
    driver = pool.driver()
    assert driver.apply(step).at == pool.clock.now()
    found = driver.observe().machines
    assert [(each.vm_id, each.state) for each in found] == [(1, MachineState.RUNNING)]
    assert volumes(lab) == ["m-1-hdd.qcow2", "m-1-seed.iso", "m-1-ssd.qcow2"]
    driver.apply(delete_step(1, "m", SIZE, "a"))
    assert volumes(lab) == []


def test_a_volume_that_is_there_already_is_not_ours_to_overwrite(lab, pool):
    place = lab.base / "default" / "m-1-ssd.qcow2"
    place.write_bytes(b"somebody's data")
    driver = pool.driver()
    with pytest.raises(Refused) as refusal:
        driver.apply(create_step(1, "m", SIZE, host="a"))
    assert "m-1-ssd.qcow2" in str(refusal.value)
    assert place.read_bytes() == b"somebody's data"


def test_a_stop_is_graceful_and_a_deaf_guest_is_powered_off_only_where_that_was_asked_for(lab, pool):
    driver = pool.driver(stop_seconds=240, power_off=False)
    driver.apply(create_step(1, "m", SIZE, host="a"))
    lab.wait_for_guest("a", "m")
    driver.apply(stop_step(1, "m"))
    reason = lab.connect("a").lookupByName("m").state()
    assert reason[1] == 1, "shut down by the guest, not destroyed"
    deaf = pool.driver(stop_seconds=1, power_off=False, cmdline="console=ttyS0 quiet rdinit=/bin/sleep")
    deaf.apply(create_step(2, "deaf", SIZE, host="a"))
    with pytest.raises(Refused) as refusal:
        deaf.apply(stop_step(2, "deaf"))
    assert "did not shut down within 1 s" in str(refusal.value)
    assert machines(deaf)["deaf"].state == MachineState.RUNNING
    forced = stop_step(2, "deaf")
    deaf.apply(replace(forced, after={**forced.after, "power_off": True}))
    assert machines(deaf)["deaf"].state == MachineState.OFF


def test_a_guest_moves_while_it_runs(lab, pool):
    driver = pool.driver()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    lab.wait_for_guest("a", "m")
    before = driver.measure().readings[0]
    driver.apply(migrate_step(1, "m", "a", "b"))
    found = machines(driver)["m"]
    assert (found.host, found.state, found.size) == ("b", MachineState.RUNNING, SIZE)
    after = driver.measure().readings[0]
    assert after.host == "b" and after.counter_key != before.counter_key
    assert lab.connect("a").listAllDomains() == []
    # Off, and back again.
    driver.apply(stop_step(1, "m"))
    driver.apply(migrate_step(1, "m", "b", "a"))
    assert (machines(driver)["m"].host, machines(driver)["m"].state) == ("a", MachineState.OFF)
    driver.apply(start_step(1, "m"))


def test_a_host_that_dies_as_a_guest_comes_to_it_is_named(lab, pool):
    driver = pool.driver()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    connection = lab.connect("a")
    connection.lookupByName("m").migrateSetMaxSpeed(1)
    place = lab.hosts["b"].base / "run" / "qemu" / "m.pid"
    with ThreadPoolExecutor(1) as thread:
        moving = thread.submit(driver.apply, migrate_step(1, "m", "a", "b"))
        awaited(lambda: moving.done() or place.exists())
        lab.hosts["b"].die()
        with pytest.raises(Unreachable) as reason:
            moving.result()
    assert str(reason.value).startswith("Host b does not answer"), reason.value
    lab.mend()
    connection.lookupByName("m").migrateSetMaxSpeed(1000)
    connection.close()
    driver.apply(migrate_step(1, "m", "a", "b"))
    assert (machines(driver)["m"].host, machines(driver)["m"].state) == ("b", MachineState.RUNNING)


def test_what_a_dead_host_kept_does_not_start_twice(lab, pool):
    driver = pool.driver()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    lab.hosts["a"].die()
    with pytest.raises(Unreachable):
        driver.apply(start_step(1, "m"))
    driver.apply(evacuate_step(1, "m", "a", "b"))
    lab.hosts["a"].come_back()
    lab.hosts["b"].send(signal.SIGSTOP)
    # The old host is back, the new one silent: the old definition does not pass for the machine.
    late = pool.driver(answer_seconds=4)
    assert [fault.reason for fault in late.observe().faults] == ["host_unreachable", "left_behind"]
    with pytest.raises(Unreachable):
        late.apply(start_step(1, "m"))
    assert lab.connect("a").lookupByName("m").isActive() == 0
    lab.mend()
    fresh = pool.driver()
    assert [(fault.host, fault.vm_id, fault.reason) for fault in fresh.observe().faults] == [
        ("a", 1, "left_behind")
    ]
    fresh.apply(delete_step(1, "m", SIZE, "b"))
    assert fresh.observe().faults == () and volumes(lab) == []


def test_a_stuck_guest_is_named_and_the_others_are_measured(lab, pool):
    driver = pool.driver(answer_seconds=8)
    for number, name in enumerate("mn", 1):
        driver.apply(create_step(number, name, SIZE, host="a"))
    driver.apply(create_step(3, "o", SIZE, host="b"))
    os.kill(lab.hosts["a"].guest_pid("m"), signal.SIGSTOP)
    try:
        found = driver.measure()
        assert {reading.vm_id for reading in found.readings} == {2, 3}
        assert [(fault.host, fault.vm_id, fault.reason) for fault in found.faults] == [
            ("a", 1, "machine_stuck")
        ]
    finally:
        os.kill(lab.hosts["a"].guest_pid("m"), signal.SIGCONT)
    fresh = pool.driver()
    awaited(lambda: not fresh.measure().faults)
    assert {reading.vm_id for reading in fresh.measure().readings} == {1, 2, 3}


def test_a_silent_host_holds_up_nobody(lab, pool):
    pool.driver().apply(create_step(1, "m", SIZE, host="a"))
    driver = pool.driver(answer_seconds=5)
    lab.hosts["b"].send(signal.SIGSTOP)
    found = driver.observe()
    assert [machine.name for machine in found.machines] == ["m"]
    assert [(fault.host, fault.reason) for fault in found.faults] == [("b", "host_unreachable")]
    assert {host.code: host.is_up for host in found.hosts} == {"a": True, "b": False}
    lab.mend()
    assert pool.driver().observe().faults == ()


def test_a_machine_that_stands_already_is_adopted_as_it_is(lab, pool):
    import libvirt

    driver = pool.driver()
    driver.apply(create_step(1, "old-erp", SIZE, host="b", system="x"))
    connection = lab.connect("b")
    domain = connection.lookupByName("old-erp")
    domain.setMetadata(2, None, None, "urn:cloudctl:machine:1", 3)
    domain.setMemoryStatsPeriod(0, 3)
    # Until its next start only.
    domain.setVcpusFlags(2, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    found = machines(driver)["old-erp"]
    assert (found.vm_id, found.size) == (None, Size(2, 160, {"ssd": 1}))
    with pytest.raises(Refused):
        driver.apply(adopt_step(5, "old-erp", SIZE, "b"))
    process = lab.hosts["b"].guest_pid("old-erp")
    step = adopt_step(5, "old-erp", found.size, "b", external_id=found.external_id, system="tax", unit="fin")
    first = driver.apply(step)
    pool.clock.advance(timedelta(hours=1))
    assert pool.driver().apply(step).at == first.at
    after = machines(driver)["old-erp"]
    assert (after.vm_id, after.labels) == (5, {"system": "tax", "unit": "fin"})
    assert lab.hosts["b"].guest_pid("old-erp") == process and "period='10'" in domain.XMLDesc()
    connection.close()


def test_a_disk_that_others_grew_shows_and_never_shrinks(lab, pool):
    driver = pool.driver()
    driver.apply(create_step(1, "m", SIZE, host="a"))
    domain = lab.connect("a").lookupByName("m")
    domain.blockResize("vda", 3 * 2**30, 1)
    assert machines(driver)["m"].size.storage_gib == {"ssd": 3}
    with pytest.raises(Refused):
        driver.apply(resize_step(1, "m", SIZE, Size(1, 160, {"ssd": 2})))
    assert domain.blockInfo("vda")[0] == 3 * 2**30


def test_memory_shrinks_live_only_if_the_guest_gives_it(lab, pool):
    driver = pool.driver(balloon_seconds=1, cmdline="console=ttyS0 quiet rdinit=/bin/sleep")
    driver.apply(create_step(1, "deaf", SIZE, host="a"))
    less = Size(1, 128, {"ssd": 1})
    with pytest.raises(Refused):
        driver.apply(resize_step(1, "deaf", SIZE, less))
    assert machines(driver)["deaf"].size == SIZE
    driver.apply(resize_step(1, "deaf", SIZE, less, is_live=False))
    assert machines(driver)["deaf"].size == less


def test_a_size_that_its_definition_does_not_bear_leaves_the_machine_running_as_it_was(lab, pool):
    """A person gave its processors an order of their own, which another number of them does not fit into."""
    driver = pool.driver(stop_seconds=0.2, headroom_vcpus=1)
    driver.apply(create_step(1, "m", SIZE, host="a"))
    connection = lab.connect("a")
    text = connection.lookupByName("m").XMLDesc(2)
    order = "<topology sockets='1' cores='1' threads='1'/>"
    connection.defineXML(text.replace("</cpu>", f"{order}</cpu>", 1))
    connection.close()
    with pytest.raises(Refused) as refusal:
        driver.apply(resize_step(1, "m", SIZE, Size(2, 160, {"ssd": 1}), is_live=False))
    assert "could not start in its new size" in str(refusal.value) and "topology" in str(refusal.value)
    found = machines(driver)["m"]
    assert (found.state, found.size) == (MachineState.RUNNING, SIZE)


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("qemu+unix:///system?socket=/nowhere", "does not answer"),
        ("qemu+tcp://127.0.0.1:1/system", "does not answer"),
        ("qemu+tls://127.0.0.1:1/system?pkipath=/nowhere", "TLS"),
        ("qemu+ssh://nobody@127.0.0.1:1/system", "does not answer"),
        ("nonsense://", "does not answer"),
    ],
)
def test_a_host_that_cannot_be_reached_says_why(lab, tmp_path, uri, words):
    facts = lab.pool_facts(tmp_path)
    facts = replace(facts, hosts={**facts.hosts, "b": {"uri": uri, "domain_type": "qemu"}})
    driver = open_driver("libvirt", facts, DrivenClock(START))
    assert [fault.host for fault in driver.observe().faults] == ["b"]
    with pytest.raises(Unreachable) as reason:
        driver.apply(create_step(1, "m", SIZE, host="b"))
    assert words in str(reason.value)
    driver.close()


def test_a_storage_pool_that_is_full_or_missing_is_named(lab, pool, image):
    facts = lab.pool_facts(pool.folder)
    nowhere = replace(facts, options={**facts.options, "tiers": {"ssd": "nowhere"}})
    driver = open_driver("libvirt", nowhere, pool.clock)
    with pytest.raises(Refused):
        driver.apply(create_step(1, "m", SIZE, host="a"))
    driver.close()
    driver = pool.driver()
    with pytest.raises(Refused) as refusal:
        driver.apply(create_step(1, "m", Size(1, 160, {"ssd": 10**6}), host="a"))
    assert "GiB of ssd" in str(refusal.value.problems[0])
    assert machines(driver) == {} and volumes(lab) == []


def test_a_probe_tells_what_runs_from_what_is_only_said_to_run(lab, pool):
    found = {result.kind: result for result in pool.driver().probe("a")}
    assert found["qemu"].works and found["qemu"].seconds < 20
    assert found["kvm"].works or found["kvm"].reason or not found["kvm"].is_offered
    assert volumes(lab) == [] and lab.connect("a").listAllDomains() == []
