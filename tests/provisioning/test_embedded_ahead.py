"""A simulated cloud asked for many sweeps at once answers what it would have answered one by one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.drivers.embedded.faults import Faults, write_faults
from provisioning.series import Foresighted
from provisioning.steps import create_step, resize_step, stop_step

START = datetime(2026, 9, 1, tzinfo=UTC)
COLUMNS = (
    "cpu_ns",
    "steal_ns",
    "memory_used_bytes",
    "storage_used_bytes",
    "disk_written_bytes",
    "network_bytes",
)
SMALL, LARGE = Size(2, 4096, {"ssd": 50}), Size(16, 65536, {"ssd": 900})


def cloud(folder: Path, clock: DrivenClock) -> EmbeddedDriver:
    """Two hosts, twelve machines; the second host has few cores, so that there is steal."""
    hosts = {"n1": capacity(64), "n2": capacity(6)}
    options = {"seed": 7, "overcommit": {"cpu": 20}}
    return EmbeddedDriver(PoolFacts("gov", options, hosts, folder), clock)


def capacity(vcpus: int) -> dict[str, object]:
    return {"vcpus": vcpus, "memory_mib": 2**20, "storage_gib": {"ssd": 20000}}


def populate(driver: EmbeddedDriver, clock: DrivenClock) -> None:
    for number in range(1, 13):
        clock.advance(timedelta(seconds=17))
        size = SMALL if number % 2 else LARGE
        driver.apply(create_step(number, f"m-{number}", size, host="n1" if number % 3 else "n2"))
    clock.advance(timedelta(seconds=101))
    driver.apply(resize_step(2, "m-2", LARGE, SMALL.__class__(4, 8192, {"ssd": 900}), is_live=False))
    driver.apply(stop_step(5, "m-5"))


@pytest.mark.parametrize("faults", [Faults(), Faults(hosts_down=("n2",), stuck=("m-4",))])
def test_sweeps_ahead_equal_sweeps_one_by_one(tmp_path: Path, faults: Faults) -> None:
    answers = []
    instants = [START + timedelta(hours=1, seconds=300 * step) for step in range(700)]
    for name in ("ahead", "singly"):
        clock = DrivenClock(START)
        driver = cloud(tmp_path / name, clock)
        populate(driver, clock)
        write_faults(tmp_path / name, faults)
        if name == "ahead":
            assert isinstance(driver, Foresighted)
            series = driver.measure_ahead(instants)
        else:
            for instant in instants:
                clock.move_to(instant)
                answers.append(driver.measure())
        driver.close()
    assert series.first == answers[0]
    for column in COLUMNS:
        singly = [[getattr(reading, column) for reading in answer.readings] for answer in answers]
        assert np.array_equal(np.asarray(getattr(series, column)), np.array(singly).T)


def test_after_a_look_ahead_the_next_sweep_goes_on_from_there(tmp_path: Path) -> None:
    clock = DrivenClock(START)
    driver = cloud(tmp_path, clock)
    populate(driver, clock)
    instants = [START + timedelta(hours=1, seconds=300 * step) for step in range(1, 1000)]
    series = driver.measure_ahead(instants)
    clock.move_to(instants[-1])
    last = [int(value) for value in np.asarray(series.cpu_ns)[:, -1]]
    assert [reading.cpu_ns for reading in driver.measure().readings] == last
    driver.close()


def test_a_cloud_without_machines_has_nothing_to_say(tmp_path: Path) -> None:
    clock = DrivenClock(START)
    driver = cloud(tmp_path, clock)
    series = driver.measure_ahead([START, START + timedelta(seconds=300)])
    assert series.first == driver.measure()
    assert np.asarray(series.cpu_ns).shape == (0, 2)
    driver.close()
