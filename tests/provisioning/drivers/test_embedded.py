"""The simulated cloud: figures that depend on history and time alone, and workloads like a city's."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import InvalidInput, Refused
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.drivers.embedded.chance import chance, machine_key
from provisioning.drivers.embedded.faults import Faults, StepFault, read_faults, write_faults
from provisioning.drivers.embedded.workload import GIB, NAMES, SLOT_US, SLOTS_A_DAY, Workloads
from provisioning.steps import create_step, delete_step, migrate_step, resize_step, start_step, stop_step

START = datetime(2026, 10, 1, tzinfo=UTC)
SIZE = Size(4, 8192, {"ssd": 100})


def cloud(folder, clock, *, hosts=2, vcpus=32, **options):
    capacity = {"vcpus": vcpus, "memory_mib": 2**18, "storage_gib": {"ssd": 10**5}}
    facts = PoolFacts(
        "lab",
        {"seed": 7, "overcommit": {"cpu": 64}, **options},
        {f"n{number}": capacity for number in range(1, hosts + 1)},
        folder,
    )
    return EmbeddedDriver(facts, clock)


def populated(folder, clock, count=12, **options):
    driver = cloud(folder, clock, **options)
    for number in range(1, count + 1):
        driver.apply(create_step(number, f"m-{number}", SIZE, host=f"n{number % 2 + 1}"))
    return driver


def plain(measurement):
    return [tuple(reading) for reading in measurement.readings]


def test_reading_the_same_instant_again_gives_the_same_figures(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock)
    clock.advance(timedelta(days=2, seconds=1234))
    first = driver.measure()
    assert driver.measure() == first
    assert cloud(tmp_path, clock).measure() == first, "another process reads the same"


def test_skipped_sweeps_lose_nothing(tmp_path):
    answers = []
    for name, steps in (("every", 400), ("once", 1)):
        clock = DrivenClock(START)
        driver = populated(tmp_path / name, clock)
        for _ in range(steps):
            clock.advance(timedelta(days=10) / steps)
            measurement = driver.measure()
        answers.append(plain(measurement))
    assert answers[0] == answers[1]


def test_carrying_counters_forward_on_disk_changes_no_figure(tmp_path):
    """A driver that reads every six hours for 20 days, in a new process each time, against one that reads once."""
    clocks = [DrivenClock(START), DrivenClock(START)]
    for name, clock in zip("ab", clocks, strict=True):
        populated(tmp_path / name, clock).close()
    for _ in range(80):
        clocks[0].advance(timedelta(hours=6, seconds=17))
        driver = cloud(tmp_path / "a", clocks[0])
        often = plain(driver.measure())
        driver.close()
    clocks[1].move_to(clocks[0].now())
    assert plain(cloud(tmp_path / "b", clocks[1]).measure()) == often


@settings(max_examples=15)
@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=8), st.data())
def test_a_counter_is_a_function_of_history_and_time(tmp_path_factory, gaps, data):
    """Whatever is done when: looking in between makes no difference to what is read afterwards."""
    folder = tmp_path_factory.mktemp("cloud")
    clocks = DrivenClock(START), DrivenClock(START)
    watched, silent = populated(folder / "w", clocks[0], 6), populated(folder / "s", clocks[1], 6)
    sizes = dict.fromkeys(range(1, 7), SIZE)
    for gap in gaps:
        vm = data.draw(st.integers(1, 6))
        new = Size(data.draw(st.integers(1, 8)), 8192, {"ssd": 100})
        step = data.draw(
            st.sampled_from(
                [
                    resize_step(vm, f"m-{vm}", sizes[vm], new, is_live=data.draw(st.booleans())),
                    stop_step(vm, f"m-{vm}"),
                    start_step(vm, f"m-{vm}"),
                    migrate_step(vm, f"m-{vm}", None, f"n{data.draw(st.integers(1, 2))}"),
                ]
            )
        )
        for clock in clocks:
            clock.advance(timedelta(seconds=gap))
        watched.measure()
        watched.apply(step)
        silent.apply(step)
        watched.measure()
    assert watched.measure() == silent.measure()


def test_the_same_seed_gives_the_same_workload_and_another_another(tmp_path):
    figures = []
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        clock = DrivenClock(START)
        driver = populated(tmp_path / name, clock, seed=seed)
        clock.advance(timedelta(days=1))
        figures.append(plain(driver.measure()))
    assert figures[0] == figures[1] != figures[2]


def test_chance_is_the_same_on_every_platform():
    """Figures once computed by hand from the published algorithm; they pin the bits."""
    keys = np.array([machine_key(7, "vm-1"), 0], np.uint64).reshape(-1, 1)
    drawn = chance(keys, 3, np.array([0, 1, 5_900_000]), 1_000_000)
    assert drawn.tolist() == [
        [reference(int(key), 3, slot) for slot in (0, 1, 5_900_000)] for key in keys.ravel()
    ]


def reference(key, stream, slot):
    mask = 2**64 - 1
    bits = (key + stream * 0xD1B54A32D192ED03 + slot * 0x9E3779B97F4A7C15) & mask
    bits = ((bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9) & mask
    bits = ((bits ^ (bits >> 27)) * 0x94D049BB133111EB) & mask
    bits ^= bits >> 31
    return (bits >> 32) * 1_000_000 >> 32


@pytest.fixture(scope="module")
def month():
    """A month of 2,000 machines' demand, in shares of the size they were born with."""
    count, first = 2000, int(START.timestamp()) * 1_000_000 // SLOT_US
    one = np.ones(count, np.int64)
    keys = np.array([machine_key(1, f"vm-{number}") for number in range(count)], np.uint64)
    workloads = Workloads.of(keys, one * 4_000_000, one * 8 * GIB, one * 100 * GIB, one * first)
    demand = workloads.demand(np.arange(first, first + 31 * SLOTS_A_DAY, 4))
    return workloads, np.minimum(demand.cpu, 4_000_000) / 4e6, demand


def of_profile(month, name):
    workloads, _, _ = month
    return (workloads.profile == NAMES.index(name)).ravel()


def test_most_machines_are_under_used(month):
    _, cpu, _ = month
    assert 0.09 < cpu.mean() < 0.27
    assert (cpu.mean(axis=1) < 0.5).mean() > 0.7


def test_some_are_starved_and_some_idle_without_any_traffic(month):
    _, cpu, demand = month
    p95 = np.quantile(cpu, 0.95, axis=1)
    assert 3 <= (p95 > 0.85).sum() <= 60
    idle = of_profile(month, "idle")
    assert 0.04 < idle.mean() < 0.1
    assert p95[idle].max() < 0.03
    assert not demand.network[idle].any() and not demand.disk[idle].any()
    assert demand.network[~idle].any(axis=1).all()


def test_offices_sleep_at_night_and_on_sundays(month):
    _, cpu, _ = month
    office = cpu[of_profile(month, "office")].reshape(-1, 31, SLOTS_A_DAY // 4).mean(axis=0)
    # 2026-10-01 is a Thursday; slots are in UTC, the offices eight hours ahead of it.
    thursday, sunday = office[0], office[3]
    assert thursday[2 * 3] > 3 * thursday[17 * 3]
    assert sunday[2 * 3] < thursday[2 * 3] / 2


def test_growing_systems_grow(month):
    _, cpu, _ = month
    growing = cpu[of_profile(month, "growing")]
    weeks = growing[:, : 28 * 72].reshape(len(growing), 4, -1).mean(axis=(0, 2))
    assert (np.diff(weeks) > 0.005).all()


def test_a_smaller_machine_is_busier(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock)
    clock.advance(timedelta(days=7))
    before = {reading.vm_id: reading.cpu_ns for reading in driver.measure().readings}
    for vm in before:
        driver.apply(resize_step(vm, f"m-{vm}", SIZE, Size(2, 8192, {"ssd": 100})))
    clock.advance(timedelta(days=7))
    use = [(before[r.vm_id], r.cpu_ns - before[r.vm_id]) for r in driver.measure().readings]
    same = [abs(first - second) < first // 4 for first, second in use]
    assert sum(same) >= len(same) - 3, "the work stays about the same, so half the cores run twice as hot"


def test_a_crowded_host_makes_its_machines_wait(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=40, vcpus=4)
    clock.advance(timedelta(days=3))
    readings = driver.measure().readings
    assert sum(reading.steal_ns for reading in readings) > 0
    for code in ("n1", "n2"):
        used = sum(reading.cpu_ns for reading in readings if reading.host == code)
        assert used <= 3 * 86400 * 10**9 * 4, "a host gives no more than it has"


def test_a_machine_that_is_off_uses_nothing_and_counts_anew_when_started(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=1)
    clock.advance(timedelta(hours=5))
    driver.apply(stop_step(1, "m-1"))
    (off,) = driver.measure().readings
    clock.advance(timedelta(hours=5))
    (later,) = driver.measure().readings
    assert (later.cpu_ns, later.memory_used_bytes) == (off.cpu_ns, 0)
    driver.apply(start_step(1, "m-1"))
    (on,) = driver.measure().readings
    assert on.cpu_ns == 0 and on.counter_key != off.counter_key


def test_storage_grows_and_stays_within_the_disk(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=30)
    first = sum(reading.storage_used_bytes for reading in driver.measure().readings)
    clock.advance(timedelta(days=200))
    readings = driver.measure().readings
    assert sum(reading.storage_used_bytes for reading in readings) > first * 1.1
    assert all(reading.storage_used_bytes <= 100 * GIB for reading in readings)


def test_recorded_traces_are_replayed_from_a_machines_birth(tmp_path):
    (tmp_path / "recorded").mkdir()
    rows = "".join(f"{cpu},{memory}\n" for cpu, memory in ((50, 25), (0, 12.5), (150, 80)))
    (tmp_path / "recorded" / "m-1.csv").write_text("cpu_percent,memory_percent\n" + rows)
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=1, traces="recorded")
    seen = []
    for _ in range(4):
        clock.advance(timedelta(seconds=300))
        (reading,) = driver.measure().readings
        seen.append((reading.cpu_ns, reading.memory_used_bytes))
    slot = 300 * 10**9
    assert [cpu for cpu, _ in seen] == [2 * slot, 2 * slot, 6 * slot, 8 * slot]
    assert seen[0][1] == pytest.approx(8 * GIB // 8, rel=1e-3)


@pytest.mark.parametrize("text", ["cpu,memory\n1,2\n", "cpu_percent,memory_percent\n", ""])
def test_a_trace_without_its_header_or_rows_is_refused(tmp_path, text):
    (tmp_path / "m-1.csv").write_text(text)
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=1, traces=".")
    with pytest.raises(InvalidInput, match=r"m-1\.csv:1:1"):
        driver.measure()


def test_every_wrong_row_of_a_trace_is_named(tmp_path):
    (tmp_path / "m-1.csv").write_text("cpu_percent,memory_percent\n1,2\nx,3\n4\n-1,3\nNaN,1\n")
    driver = populated(tmp_path, DrivenClock(START), count=1, traces=".")
    with pytest.raises(InvalidInput) as refusal:
        driver.measure()
    assert [str(reason.place).split(":")[-2] for reason in refusal.value.problems] == ["3", "4", "5", "6"]


def test_a_stuck_machine_is_a_fault_and_the_others_are_read(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=3)
    write_faults(tmp_path, Faults(stuck=("m-2",)))
    measurement = driver.measure()
    assert sorted(reading.vm_id for reading in measurement.readings) == [1, 3]
    assert [(fault.vm_id, fault.reason) for fault in measurement.faults] == [(2, "machine_stuck")]


def test_a_faults_file_comes_back_as_it_was_written_and_a_wrong_one_is_refused(tmp_path):
    faults = Faults(True, ("n1",), ("m",), (StepFault("m", "*", "late", 5),))
    write_faults(tmp_path, faults)
    assert read_faults(tmp_path) == faults
    (tmp_path / "faults.json").write_text('{"hosts_down": 3}')
    with pytest.raises(InvalidInput, match="hosts_down"):
        read_faults(tmp_path)


def test_a_host_grown_in_the_inventory_counts_from_then_on(tmp_path):
    clock = DrivenClock(START)
    populated(tmp_path, clock, count=40, vcpus=4).close()
    clock.advance(timedelta(days=2))
    before = plain(cloud(tmp_path, clock, vcpus=4).measure())
    larger = cloud(tmp_path, clock, vcpus=400)
    assert plain(larger.measure()) == before, "the past was lived on the smaller host"
    clock.advance(timedelta(days=2))
    steal = [row[6] for row in before]
    assert [reading.steal_ns for reading in larger.measure().readings] == steal


def test_a_host_that_left_the_inventory_stays_while_machines_stand_on_it(tmp_path):
    clock = DrivenClock(START)
    populated(tmp_path, clock, count=4).close()
    one = cloud(tmp_path, clock, hosts=1)
    assert [host.code for host in one.observe().hosts] == ["n1", "n2"]
    for machine in one.observe().machines:
        if machine.host == "n2":
            one.apply(delete_step(machine.vm_id, machine.name, SIZE, "n2"))
    assert [host.code for host in cloud(tmp_path, clock, hosts=1).observe().hosts] == ["n1"]


def test_the_cloud_keeps_its_own_promises(tmp_path):
    driver = cloud(tmp_path, DrivenClock(START), overcommit={"cpu": 1})
    driver.apply(create_step(1, "m-1", Size(30, 1024), host="n1"))
    with pytest.raises(Refused, match="Host n1 has no room for m-2"):
        driver.apply(create_step(2, "m-2", Size(3, 1024), host="n1"))


def test_disks_replaced_by_hand_may_be_smaller_and_change_no_counter(tmp_path):
    clock = DrivenClock(START)
    driver = cloud(tmp_path, clock)
    driver.apply(create_step(1, "m-1", Size(2, 2048, {"ssd": 400}), host="n1"))
    clock.advance(timedelta(days=1))
    before = driver.measure().readings[0]
    driver.replace_storage(1, {"ssd": 100})
    driver.replace_storage(99, {"ssd": 100})
    assert driver.observe().machines[0].size == Size(2, 2048, {"ssd": 100})
    after = driver.measure().readings[0]
    assert (after.cpu_ns, after.counter_key, after.storage_gib) == (before.cpu_ns, before.counter_key, 100)


def test_it_says_that_it_is_simulated(tmp_path):
    assert cloud(tmp_path, DrivenClock(START)).is_simulated


def test_a_few_machines_are_measured_as_all_would_be(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=12, vcpus=3)
    clock.advance(timedelta(days=3, seconds=77))
    write_faults(tmp_path, Faults(stuck=("m-4",)))
    whole = driver.measure()
    few = driver.measure_some([3, 4, 8, 99])
    assert few.readings == tuple(reading for reading in whole.readings if reading.vm_id in (3, 8))
    assert few.faults == whole.faults
    write_faults(tmp_path, Faults(hosts_down=("n1",)))
    assert [fault.host for fault in driver.measure_some([2]).faults] == ["n1"]
