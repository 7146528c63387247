"""The drivers that the contract suite runs against, each with a pool of its own to work on.

A driver of a service that is not at hand skips on a laptop and fails in CI.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Unreachable
from provisioning.driver import Driver, PoolFacts, open_driver
from provisioning.drivers.embedded.faults import Faults, write_faults
from provisioning.model import Applied, MachineState, Measurement, Step
from tests.contracts.openstack_pool import openstack_pool
from tests.integration.labs.libvirt_lab import LibvirtLab, libvirt_lab, require_lab

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
    # How far a real cloud's instants may lie outside the time it took by our clock.
    tolerance: timedelta = timedelta(0)
    # How often it is worth to look; whether a machine stays where it is when it is resized.
    rounds: int = 40
    keeps_host: bool = True


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


@cache
def _libvirt_lab() -> tuple[LibvirtLab, ExitStack]:
    """One for all tests of a module, which ends it; each test begins with empty hosts."""
    stack = ExitStack()
    return stack.enter_context(libvirt_lab("ab")), stack


def end_libvirt_lab() -> None:
    if _libvirt_lab.cache_info().currsize:
        _libvirt_lab()[1].close()
        _libvirt_lab.cache_clear()


class _Awaiting:
    """The driver, but that a guest has booted before it is measured: until then nobody knows its memory.

    And a step is asked again, as the executor asks: libvirt has been seen to hang up on a busy machine.
    """

    def __init__(self, driver: Any, lab: LibvirtLab) -> None:
        self._driver, self._lab = driver, lab

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def apply(self, step: Step) -> Applied:
        try:
            return self._driver.apply(step)
        except Unreachable:
            return self._driver.apply(step)

    def measure(self) -> Measurement:
        found: Measurement = self._driver.measure()
        waiting = {
            reading.vm_id
            for reading in found.readings
            if reading.state == MachineState.RUNNING and reading.memory_used_bytes is None
        }
        if not waiting:
            return found
        for machine in self._driver.observe().machines:
            if machine.vm_id in waiting:
                self._lab.wait_for_guest(machine.host, machine.name)
        return self._driver.measure()


@contextmanager
def libvirt(folder: Path) -> Iterator[Bench]:
    """Real QEMU guests, emulated, on two daemons that share their storage."""
    require_lab()
    lab, clock, opened = _libvirt_lab()[0], DrivenClock(START), []
    lab.clear()
    facts = lab.pool_facts(folder)

    def opener() -> Driver:
        opened.append(open_driver("libvirt", facts, clock))
        return _Awaiting(opened[-1], lab)  # type: ignore[return-value]

    def break_pool() -> None:
        for daemon in lab.hosts.values():
            daemon.die()

    yield Bench(opener(), clock, opener, lambda host: lab.hosts[host].die(), break_pool, lab.mend)
    for driver in opened:
        driver.close()
    lab.mend()


@contextmanager
def openstack(folder: Path) -> Iterator[Bench]:
    """A real control plane with fake computes; it keeps whole seconds, and places a machine anew when it is resized."""
    with openstack_pool(folder) as (lab, clock, opener):
        yield Bench(
            opener(),
            clock,
            opener,
            lab.kill_compute,
            None,
            lab.mend_computes,
            tolerance=timedelta(seconds=2),
            rounds=3,
            keeps_host=False,
        )


BENCHES = {"embedded": embedded, "external": external}
# They take minutes: tests/integration runs the suite on them.
LABS = {"libvirt": libvirt, "openstack": openstack}
