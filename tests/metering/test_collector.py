"""What two readings say about the time between them."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metering.collector import Held, take
from provisioning.model import Reading

MINUTES_5 = 300_000_000
LONGEST = MINUTES_5 * 3 // 2
HELD = {1: Held(7, 0, None, 4, 8192, 100)}
SECOND_NS = 1_000_000_000


def read(at_us: int, cpu_ns: int | None = 0, **changed: Any) -> Reading:
    reading = Reading(1, "n1", at_us, "running", "n1/1", cpu_ns, 0, 5, 6, 0, 0, 4, 8192, 100)
    return reading._replace(**changed)


def one(before: Reading, now: Reading, held: dict[int, Held] = HELD) -> Any:
    taken = take({1: before}, [now], held, LONGEST)
    assert len(taken.samples) == 1
    return taken.samples[0]


def test_a_counters_rise_is_the_use_of_the_interval() -> None:
    sample = one(read(10, 100, network_bytes=1), read(10 + MINUTES_5, 100 + SECOND_NS, network_bytes=9))
    assert (sample.start_us, sample.end_us) == (10, 10 + MINUTES_5)
    assert (sample.cpu_ns, sample.cpu_quality, sample.network_bytes) == (SECOND_NS, "measured", 8)
    assert (sample.allocation, sample.vcpus, sample.memory_mib, sample.storage_gib) == (7, 4, 8192, 100)
    assert (sample.memory_used_bytes, sample.storage_used_bytes) == (5, 6)


def test_a_new_counter_life_is_bounded_by_what_it_shows() -> None:
    sample = one(read(10, 900), read(10 + MINUTES_5, 30, counter_key="n1/2"))
    assert (sample.cpu_ns, sample.cpu_quality, sample.memory_quality) == (30, "bounded", "measured")


def test_a_counter_that_fell_began_anew() -> None:
    sample = one(read(10, 900), read(10 + MINUTES_5, 30))
    assert (sample.cpu_ns, sample.cpu_quality) == (30, "bounded")


def test_a_new_life_that_claims_more_than_the_interval_holds_is_unknown() -> None:
    sample = one(read(10, 900), read(10 + MINUTES_5, 4 * 301 * SECOND_NS, counter_key="n2/1"))
    assert (sample.cpu_ns, sample.cpu_quality) == (None, "unknown")


def test_a_rate_above_the_vcpus_is_kept_as_it_is() -> None:
    sample = one(read(0, 0), read(MINUTES_5, 4 * 320 * SECOND_NS))
    assert (sample.cpu_ns, sample.cpu_quality) == (4 * 320 * SECOND_NS, "measured")


def test_a_machine_that_is_off_used_nothing_and_that_is_measured() -> None:
    off = {"state": "off", "counter_key": "", "memory_used_bytes": None}
    sample = one(read(10, None, **off), read(10 + MINUTES_5, 5 * SECOND_NS, **off))
    assert (sample.cpu_ns, sample.memory_used_bytes, sample.network_bytes) == (0, 0, 0)
    assert (sample.cpu_quality, sample.memory_quality, sample.storage_quality) == (
        "measured",
        "measured",
        "measured",
    )


def test_the_interval_in_which_it_went_off_is_bounded() -> None:
    sample = one(read(10, 900), read(10 + MINUTES_5, None, state="off", counter_key=""))
    assert (sample.cpu_ns, sample.cpu_quality) == (0, "bounded")


def test_what_is_not_reported_is_unknown_and_never_zero() -> None:
    sample = one(
        read(10, 900),
        read(10 + MINUTES_5, None, memory_used_bytes=None, storage_used_bytes=None, steal_ns=None),
    )
    assert (sample.cpu_ns, sample.steal_ns, sample.memory_used_bytes, sample.storage_used_bytes) == (
        None,
    ) * 4
    assert (sample.cpu_quality, sample.memory_quality, sample.storage_quality) == ("unknown",) * 3


def test_a_counter_not_known_before_gives_no_use() -> None:
    assert one(read(10, None), read(10 + MINUTES_5, 900)).cpu_ns is None


def test_an_unknown_state_says_nothing_of_cpu() -> None:
    assert one(read(10, 0), read(10 + MINUTES_5, 900, state="unknown")).cpu_ns is None


def test_a_first_reading_and_one_read_twice_give_nothing() -> None:
    assert not take({}, [read(10, 5)], HELD, LONGEST).samples
    assert not take({1: read(10, 5)}, [read(10, 5)], HELD, LONGEST).samples


def test_after_missed_sweeps_it_counts_anew_and_says_since_when() -> None:
    taken = take({1: read(10, 5)}, [read(11 + LONGEST, 500)], HELD, LONGEST)
    assert not taken.samples
    assert taken.interrupted == {1: 10}


def test_a_machine_that_holds_nothing_is_named() -> None:
    assert take({1: read(10, 5)}, [read(10 + MINUTES_5, 9)], {}, LONGEST).unallocated == [1]
    ended = {1: HELD[1]._replace(end_us=20)}
    assert take({1: read(10, 5)}, [read(10 + MINUTES_5, 9)], ended, LONGEST).unallocated == [1]


def test_a_sample_is_stamped_with_the_allocation_that_ends_with_it() -> None:
    until = {1: HELD[1]._replace(end_us=10 + MINUTES_5)}
    assert one(read(10, 5), read(10 + MINUTES_5, 9), until).allocation == 7


@given(st.lists(st.tuples(st.integers(0, 10**15), st.booleans()), min_size=2, max_size=30))
def test_use_is_never_negative_and_adds_up_within_a_life(steps: list[tuple[int, bool]]) -> None:
    readings, life = [], 0
    for number, (counter, is_reset) in enumerate(steps):
        life += is_reset
        readings.append(read(1 + number * MINUTES_5, counter, counter_key=f"n1/{life}"))
    for before, now in pairwise(readings):
        used = one(before, now).cpu_ns
        assert used is None or used >= 0
        if used is not None and before.counter_key == now.counter_key and now.cpu_ns >= before.cpu_ns:  # type: ignore[operator]
            assert used == now.cpu_ns - before.cpu_ns  # type: ignore[operator]
