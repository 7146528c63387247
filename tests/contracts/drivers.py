"""The drivers that the contract suite runs against, each with a pool of its own to work on.

A driver of a service that is not at hand skips on a laptop and fails in CI.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cloudctl.core.clock import DrivenClock
from provisioning.driver import Driver, PoolFacts, open_driver
from provisioning.drivers.embedded.faults import Faults, write_faults

START = datetime(2026, 10, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Bench:
    """A pool with two hosts a and b, empty. reopened: another driver on the same pool, as a new process has.

    break_host, break_pool, mend: make and end failures; None where the driver's cloud cannot be broken at will.
    """

    driver: Driver
    clock: DrivenClock
    reopened: Callable[[], Driver]
    break_host: Callable[[str], None] | None = None
    break_pool: Callable[[], None] | None = None
    mend: Callable[[], None] | None = None


@contextmanager
def embedded(folder: Path) -> Iterator[Bench]:
    clock = DrivenClock(START)
    capacity = {"vcpus": 16, "memory_mib": 65536, "storage_gib": {"ssd": 1000}}
    facts = PoolFacts("lab", {"seed": 3, "overcommit": {"cpu": 2}}, {"a": capacity, "b": capacity}, folder)
    opened: list[Driver] = []

    def opener() -> Driver:
        opened.append(open_driver("embedded", facts, clock))
        return opened[-1]

    yield Bench(
        opener(),
        clock,
        opener,
        lambda host: write_faults(folder, Faults(hosts_down=(host,))),
        lambda: write_faults(folder, Faults(pool_down=True)),
        lambda: write_faults(folder, Faults()),
    )
    for driver in opened:
        driver.close()


@contextmanager
def external(folder: Path) -> Iterator[Bench]:
    clock = DrivenClock(START)
    facts = PoolFacts("pub", {}, {}, folder)
    yield Bench(open_driver("external", facts, clock), clock, lambda: open_driver("external", facts, clock))


BENCHES = {"embedded": embedded, "external": external}
