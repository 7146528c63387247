"""What libvirt's figures come to, and which of them are not to be believed."""

import pytest

from provisioning.drivers.libvirt import readings
from provisioning.drivers.libvirt.survey import memory_mib

pytest.importorskip("libvirt")
NOW = 1_790_000_000
RUNNING, SHUT_OFF = 1, 5
USUAL = {
    "state.state": RUNNING,
    "balloon.available": 1000,
    "balloon.usable": 400,
    "balloon.last-update": NOW - 10,
    "balloon.rss": 1,
    "vcpu.current": 2,
    "vcpu.0.time": 5,
    "vcpu.0.delay": 2,
    "vcpu.3.time": 7,
    "vcpu.3.delay": 1,
    "cpu.time": 99,
    "net.count": 1,
    "net.0.rx.bytes": 10,
    "net.0.tx.bytes": 3,
}


def memory(**changes):
    stats = {**USUAL, **{key.replace("_", "-"): value for key, value in changes.items()}}
    return readings._memory(stats, NOW * 1_000_000)


def test_memory_used_is_what_the_guest_has_less_what_it_could_give():
    assert memory() == 600 * 1024


@pytest.mark.parametrize(
    "changes",
    [
        {"balloon.last_update": NOW - 301},
        {"balloon.usable": 2**64 - 1},
        {"balloon.usable": -1},
        {"balloon.usable": 1001},
        {"balloon.usable": None},
        {"balloon.available": None},
    ],
    ids=str,
)
def test_memory_that_was_not_told_or_told_long_ago_is_unknown(changes):
    assert memory(**changes) is None


def test_the_vcpus_time_counts_not_the_emulators_and_steal_is_kept_apart():
    assert readings._vcpu_sum(USUAL, "time") == 12
    assert readings._vcpu_sum(USUAL, "delay") == 3


def test_both_ways_of_the_network_count():
    assert readings._network(USUAL) == 13
    assert readings._network({"net.count": 0}) is None


def test_a_guest_whose_qemu_owes_an_answer_is_stuck():
    silent = {key: value for key, value in USUAL.items() if key != "balloon.rss"}
    assert readings.is_stuck(silent) and not readings.is_stuck(USUAL)
    assert not readings.is_stuck({**silent, "state.state": SHUT_OFF})


class Capable:
    def __init__(self, cells):
        self._cells = cells

    def getCapabilities(self):
        return f"<capabilities><host><topology><cells>{self._cells}</cells></topology></host></capabilities>"


def test_memory_set_aside_in_huge_pages_is_not_a_guests():
    cell = (
        "<cell id='0'><memory unit='KiB'>8388608</memory><pages unit='KiB' size='4'>1048576</pages>"
        "<pages unit='KiB' size='2048'>1024</pages></cell>"
    )
    assert memory_mib(Capable(cell * 2), 99) == 2 * (8192 - 2048)
    assert memory_mib(Capable(""), 99) == 99
