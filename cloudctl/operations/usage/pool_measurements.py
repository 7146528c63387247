"""Measures pools side by side: none waits for another, none that hangs is asked twice."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from threading import Thread
from typing import Protocol

from sqlalchemy.orm import Session

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import CloudctlError
from cloudctl.operations.context import Context
from metering.sweeps import DEADLINE, POOL_UNREACHABLE
from provisioning.driver import Driver
from provisioning.model import Capability, Measurement
from provisioning.store import find_pool, open_pool_driver, vms
from provisioning.store import pools as all_pools


class Measurable(Protocol):
    """A pool's driver, or some machines of it."""

    def measure(self) -> Measurement: ...


@dataclass(slots=True)
class Workers:
    """Threads that measure pools; one that overran its deadline keeps its pool until it comes back."""

    busy: dict[str, Thread] = field(default_factory=dict)

    def measure(self, drivers: Mapping[str, Measurable], deadline_s: float) -> dict[str, Measurement | str]:
        """Per pool its measurement, or the reason why there is none. Pools never wait for one another."""
        answers: dict[str, Measurement | str] = {}
        started = {}
        for code, driver in drivers.items():
            if code in self.busy and self.busy[code].is_alive():
                continue
            # A daemon thread: one that hangs in a cloud's library must not keep the process from ending.
            started[code] = Thread(target=_measure_into, args=(answers, code, driver), daemon=True)
            started[code].start()
        self.busy |= started
        for thread in started.values():
            thread.join(deadline_s)
        return {code: answers.get(code, DEADLINE) for code in drivers}


def _measure_into(answers: dict[str, Measurement | str], code: str, driver: Measurable) -> None:
    try:
        answers[code] = driver.measure()
    except CloudctlError:
        answers[code] = POOL_UNREACHABLE


@contextmanager
def opened_drivers(
    ctx: Context, codes: Sequence[str] | None, clock: DrivenClock | None = None
) -> Iterator[tuple[dict[str, int], dict[str, Driver]]]:
    """Ids of the wanted pools and, of those that open and can be measured, their drivers; closed at the end."""
    with ctx.reading() as session, ExitStack() as stack:
        rows = [find_pool(session, code) for code in codes] if codes is not None else all_pools(session)
        ids, drivers = {}, {}
        for row in rows:
            try:
                driver = open_pool_driver(session, row, ctx.home, clock or ctx.clock)
            except CloudctlError:
                ids[row.code] = row.id
                continue
            stack.callback(driver.close)
            if Capability.MEASURE in driver.capabilities:
                ids[row.code], drivers[row.code] = row.id, driver
        session.rollback()
        yield ids, drivers


def readings_once(session: Session, pool_id: int, answer: Measurement) -> Measurement:
    """The sweep with every machine once: where a host came back with what was started elsewhere, the ledger's host
    speaks for the machine, and nobody where none of them is that.
    """
    count = Counter(reading.vm_id for reading in answer.readings)
    if not any(times > 1 for times in count.values()):
        return answer
    at_home = {row.id: row.host for row in vms(session, pool_id=pool_id)}
    kept = {
        reading.vm_id: reading for reading in answer.readings if at_home.get(reading.vm_id) == reading.host
    }
    once = [each for each in answer.readings if count[each.vm_id] == 1 or each is kept.get(each.vm_id)]
    return replace(answer, readings=tuple(once))
