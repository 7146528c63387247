"""Adoption in the simulated cloud: our id on a machine that carries none, once, and nothing else about it changes."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts, open_driver
from provisioning.steps import adopt_step, create_step

SIZE = Size(2, 4096, {"ssd": 50})
HOSTS = {"h1": {"vcpus": 16, "memory_mib": 65536, "storage_gib": {"ssd": 1000}}}


@pytest.fixture
def clock():
    return DrivenClock(datetime(2026, 10, 1, tzinfo=UTC))


@pytest.fixture
def driver(tmp_path, clock):
    """A cloud with one machine, `wild`, that carries no id of ours."""
    opened = open_driver("embedded", PoolFacts("lab", {"seed": 7}, HOSTS, tmp_path), clock)
    opened.apply(create_step(9, "wild", SIZE, host="h1"))
    with closing(sqlite3.connect(tmp_path / "cloud.sqlite")) as cloud, cloud:
        cloud.execute("UPDATE machine SET vm_id = NULL")
    clock.advance(timedelta(hours=2))
    yield opened
    opened.close()


def test_adopting_twice_is_adopting_once(driver, clock):
    first = driver.apply(adopt_step(5, "wild", SIZE, "h1"))
    clock.advance(timedelta(minutes=5))

    assert driver.apply(adopt_step(5, "wild", SIZE, "h1")) == first
    assert first.at == clock.now() - timedelta(minutes=5)
    assert [machine.vm_id for machine in driver.observe().machines] == [5]


def test_an_adopted_machine_is_measured_from_the_counters_it_had(driver):
    assert driver.measure().readings == ()
    driver.apply(adopt_step(5, "wild", SIZE, "h1"))

    (reading,) = driver.measure().readings
    assert reading.vm_id == 5
    assert reading.cpu_ns > 0


@pytest.mark.parametrize(("name", "size"), [("other", SIZE), ("wild", Size(4, 4096, {"ssd": 50}))])
def test_what_is_not_there_as_it_was_seen_is_not_adopted(driver, name, size):
    with pytest.raises(Refused):
        driver.apply(adopt_step(5, name, size, "h1"))
    assert [machine.vm_id for machine in driver.observe().machines] == [None]


def test_somebody_elses_machine_is_not_adopted(driver):
    driver.apply(adopt_step(5, "wild", SIZE, "h1"))

    with pytest.raises(Refused, match="without an owner"):
        driver.apply(adopt_step(6, "wild", SIZE, "h1"))
