"""A host's lanes: deadlines, what is left behind, whose turn it is, and what libvirt's errors become."""

from threading import Event, Thread
from time import monotonic

import pytest

from cloudctl.core.clock import SystemClock
from cloudctl.core.errors import Refused, Unreachable
from provisioning.driver import HostUnreachable, PoolFacts, StillAtWork, open_driver
from provisioning.drivers.libvirt.failures import translated
from provisioning.drivers.libvirt.host import Host, answers, turns
from provisioning.drivers.libvirt.lane import MOST_LEFT_BEHIND, asking_nobody
from provisioning.drivers.libvirt.options import HostSettings

libvirt = pytest.importorskip("libvirt")
TEST = HostSettings("test:///default")


@pytest.fixture
def host():
    host = Host("n1", TEST)
    yield host
    host.close()


def test_a_question_is_answered_on_one_connection(host):
    first = host.ask(lambda connection: connection, 10)
    assert host.ask(lambda connection: connection, 10) is first
    assert host.ask(lambda connection: connection.getType(), 10) == "TEST"


def test_a_question_that_hangs_is_left_behind_and_the_next_one_is_answered(host):
    go = Event()
    with pytest.raises(Unreachable) as silence:
        host.ask(lambda _: go.wait(20), 0.05)
    assert str(silence.value) == "Host n1 does not answer."
    assert host.ask(lambda connection: connection.getType(), 10) == "TEST"
    go.set()


def test_a_host_on_which_everything_hangs_is_asked_no_more(host):
    go = Event()
    for _ in range(MOST_LEFT_BEHIND):
        with pytest.raises(Unreachable):
            host.ask(lambda _: go.wait(20), 0.02)
    began = monotonic()
    with pytest.raises(Unreachable):
        host.ask(lambda _: 1, 10)
    assert monotonic() - began < 5
    go.set()


def test_a_hanging_host_holds_up_no_other():
    go, hosts = Event(), [Host("n1", TEST), Host("n2", TEST)]
    told = answers(hosts, lambda host: lambda _: go.wait(20) if host.code == "n1" else 2, 0.3)
    assert dict(told.answered) == {"n2": 2} and set(told.silent) == {"n1"}
    go.set()
    for host in hosts:
        host.close()


def test_a_question_does_not_wait_for_a_step(host):
    go, begun = Event(), Event()
    step = Thread(target=host.carry_out, args=(lambda _: begun.set() or go.wait(20), 20))
    step.start()
    assert begun.wait(10)
    assert host.ask(lambda connection: connection.getType(), 10) == "TEST"
    go.set()
    step.join()


def test_steps_take_turns_on_a_host_and_waiting_costs_none_of_their_time(host):
    go, begun, told = Event(), Event(), []
    first = Thread(target=host.carry_out, args=(lambda _: begun.set() or go.wait(20), 20))
    first.start()
    assert begun.wait(10)
    second = Thread(target=lambda: told.append(host.carry_out(lambda _: "done", 0.5)))
    second.start()
    second.join(0.8)
    assert second.is_alive() and not told
    go.set()
    second.join(10)
    assert told == ["done"]
    first.join()


def test_nothing_is_done_on_a_host_beside_a_step_that_hangs_and_may_come_through(host):
    go, done = Event(), []
    with pytest.raises(Unreachable):
        host.carry_out(lambda _: (go.wait(20), done.append("first")), 0.05)
    with pytest.raises(Unreachable):
        host.carry_out(lambda _: done.append("second"), 20)
    go.set()
    end = monotonic() + 20
    while not done and monotonic() < end:
        go.wait(0.01)
    host.carry_out(lambda _: done.append("third"), 20)
    assert done == ["first", "third"]


def test_two_that_work_on_the_same_two_hosts_never_wait_for_each_other():
    one, other = Host("n1", TEST), Host("n2", TEST)
    ended = []

    def move(source, target):
        for _ in range(50):
            with turns(source, target):
                target.carry_out(lambda _: None, 10)
        ended.append(source.code)

    threads = [Thread(target=move, args=pair, daemon=True) for pair in ((one, other), (other, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ended) == ["n1", "n2"]
    for host in (one, other):
        host.close()


def test_an_error_of_ours_comes_through_as_it_is(host):
    def refuse(_):
        raise Refused("There is nothing to change.")

    with pytest.raises(Refused):
        host.ask(refuse, 10)


def test_nobody_is_asked_for_a_password():
    assert asking_nobody("qemu+ssh://c@n1/system") == "qemu+ssh://c@n1/system?no_tty=1"
    assert asking_nobody("qemu+ssh://n1/system?keyfile=/k") == "qemu+ssh://n1/system?keyfile=/k&no_tty=1"
    assert asking_nobody("qemu+tls://n1/system") == "qemu+tls://n1/system"


class Said:
    def __init__(self, code, domain, text):
        self._code, self._domain, self._text = code, domain, text

    def get_error_code(self):
        return self._code

    def get_error_domain(self):
        return self._domain

    def __str__(self):
        return self._text


RPC, QEMU, STORAGE = libvirt.VIR_FROM_RPC, libvirt.VIR_FROM_QEMU, libvirt.VIR_FROM_STORAGE
SYSTEM, INTERNAL = libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_ERR_INTERNAL_ERROR
SAID = {
    (libvirt.VIR_ERR_AUTH_FAILED, RPC, "authentication failed"): "credentials_refused",
    (SYSTEM, RPC, "Cannot recv data: Permission denied (publickey)"): "credentials_refused",
    (SYSTEM, RPC, "The server certificate is expired"): "tls_failed",
    (INTERNAL, RPC, "client socket is closed"): "host_unreachable",
    (SYSTEM, STORAGE, "No space left on device"): None,
    (INTERNAL, QEMU, "process exited\n while connecting"): None,
}


@pytest.mark.parametrize("said", SAID, ids=lambda said: said[2])
def test_errors_say_who_does_not_answer_and_who_says_no(said):
    ours, word = translated(Said(*said), "n1"), SAID[said]
    assert isinstance(ours, Unreachable if word else Refused) and getattr(ours, "word", None) == word
    assert "n1" in str(ours) and "\n" not in str(ours)


def test_a_machine_whose_qemu_is_late_says_nothing_of_its_host():
    late = translated(Said(libvirt.VIR_ERR_OPERATION_TIMEOUT, QEMU, "cannot acquire state change lock"), "n1")
    assert isinstance(late, StillAtWork) and not isinstance(late, HostUnreachable)


def test_a_pool_without_the_sdk_says_what_to_install(monkeypatch, tmp_path):
    from provisioning.drivers.libvirt import sdk

    def missing():
        raise ImportError("libvirt")

    monkeypatch.setattr(sdk, "_loaded", missing)
    with pytest.raises(Refused) as refusal:
        open_driver("libvirt", PoolFacts("gov", {}, {}, tmp_path), SystemClock())
    assert "gov" in str(refusal.value) and "[libvirt]" in str(refusal.value.hint)


def test_opening_a_pool_connects_nowhere(tmp_path):
    facts = PoolFacts("gov", {}, {"n1": {"uri": "qemu+tcp://192.0.2.1/system"}}, tmp_path)
    open_driver("libvirt", facts, SystemClock()).close()


def test_libvirts_own_mock_is_observed_as_foreign_machines(tmp_path):
    facts = PoolFacts("mock", {}, {"n1": {"uri": "test:///default"}}, tmp_path)
    driver = open_driver("libvirt", facts, SystemClock())
    found = driver.observe()
    assert [(machine.name, machine.vm_id, machine.host) for machine in found.machines] == [
        ("test", None, "n1")
    ]
    assert found.hosts[0].is_up and found.hosts[0].vcpus > 0
    driver.close()


def test_libvirts_own_mock_is_looked_at_closely(tmp_path):
    facts = PoolFacts(
        "mock", {"tiers": {"ssd": "default-pool"}}, {"n1": {"uri": "test:///default"}}, tmp_path
    )
    driver = open_driver("libvirt", facts, SystemClock())
    found = driver.inspect("n1")
    (observed,) = driver.observe().hosts
    driver.close()
    assert found.facts == observed and found.hypervisor.startswith("TEST ") and found.processor
    assert len(found.cells) == 2 and sum(cell.memory_mib for cell in found.cells) > 0
    (storage,) = found.storage
    assert (storage.name, storage.kind, storage.tier, storage.capacity_gib) == (
        "default-pool", "dir", "ssd", 100,
    )  # fmt: skip
    assert [(network.name, network.is_active, network.bridge) for network in found.networks] == [
        ("default", True, "virbr0")
    ]
    with pytest.raises(Refused):
        driver.inspect("n2")
