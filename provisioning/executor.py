"""Carries out a journalled change step by step, so that a kill at any point can be taken up again.

What holds at every instant, whatever is killed:

- a step is journalled as running before the cloud is asked, and as done in the transaction that records what it
  did; so a step that may have taken effect is `running`, and one that is `pending` has not;
- a cloud asked twice does a thing once and answers with the first time's instant (the driver's contract), so
  taking up a running step again ends where the first try would have ended: no orphan, no double;
- Refused by a cloud means that it did nothing; Unreachable that nobody knows. So a refusal undoes what the
  change made before (`undoing`), last first; an unanswered step stays running until somebody resumes the change;
- undoing is journalled in the same way, and is itself taken up again.

Steps go on beside each other where the pool's driver bears it and `pacing` allows; the journal is written by one
thread alone. A host that does not answer holds up its own steps and those that wait for them, a silent cloud those of
its pool; all others are still carried out. A change that goes on (drains, evacuations) loses a refused step alone.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from time import sleep
from typing import Protocol

from cloudctl.core.errors import CloudctlError, Unreachable
from provisioning.driver import Concurrent, Driver, HostUnreachable, StillAtWork
from provisioning.model import Applied, Capability, Step
from provisioning.pacing import Footprint, Pace, awaited, footprints, place, ready


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    ORDERED = "ordered"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    FAILED = "failed"


class ChangeState(StrEnum):
    PLANNED = "planned"
    RUNNING = "running"
    ORDERED = "ordered"
    UNDOING = "undoing"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Entry:
    """A step as the journal has it. has_effect False: the cloud was as wanted before we first asked.

    is_uncertain: the cloud was asked, and that it did so was never written down. host: as the ledger has it.
    """

    position: int
    pool: str
    step: Step
    state: StepState
    has_effect: bool = True
    is_uncertain: bool = False
    host: str | None = None


class Journal(Protocol):
    """The ledger's side: each call is one transaction, and records what a step did together with its state."""

    def begin(self, entry: Entry, finished: tuple[Entry, Applied] | None) -> None:
        """`finished` is done and `entry` is running."""
        ...

    def finish(self, finished: tuple[Entry, Applied] | None, *, is_last: bool) -> None:
        """`finished` is done, and with the last step the change."""
        ...

    def order(self, entries: Sequence[Entry]) -> None:
        """Somebody else carries these out: they are ordered, and so is the change."""
        ...

    def unanswered(self, entry: Entry, reason: CloudctlError) -> None:
        """Notes why an uncertain step is still uncertain."""
        ...

    def refuse(self, entry: Entry, reason: CloudctlError) -> None:
        """The step failed, and the change is undoing."""
        ...

    def lose(self, entry: Entry, reason: CloudctlError) -> None:
        """The step failed, and the change goes on without it."""
        ...

    def begin_undo(self, entry: Entry) -> None: ...

    def undone(self, entry: Entry, applied: Applied | None) -> None:
        """The step is undone; applied None: the cloud had nothing to undo."""
        ...

    def keep(self, entry: Entry, reason: CloudctlError | None, applied: Applied | None = None) -> None:
        """The step stays done: it cannot be taken back, or the cloud refused to. applied: of an uncertain one."""
        ...

    def close_undone(self) -> None:
        """Nothing is left to undo: the change is undone, or failed where an effect stays."""
        ...


def execute(
    entries: Sequence[Entry],
    drivers: Mapping[str, Driver],
    journal: Journal,
    pace: Pace | None = None,
    *,
    goes_on: bool = False,
) -> CloudctlError | None:
    """Takes a change from where its journal stands to its end or to work orders.

    Returns why a cloud refused a step; the change is then to be undone. Unreachable, with the journal saying so,
    when a cloud or a host does not answer: the step is uncertain. goes_on: a refused step fails alone.
    """
    todo = [entry for entry in entries if entry.state not in (StepState.DONE, StepState.FAILED)]
    bears = {code: _bearable(driver) for code, driver in drivers.items()}
    with ThreadPoolExecutor(max_workers=(pace or Pace()).parallel) as threads:
        return _Course(todo, drivers, journal, pace or Pace(), goes_on, threads, bears).run()


@dataclass(slots=True)
class _Course:
    """One execution: what waits, what runs, and what has ended but is not journalled yet.

    bears: what each pool's cloud bears. silent: places that did not answer.
    """

    todo: Sequence[Entry]
    drivers: Mapping[str, Driver]
    journal: Journal
    pace: Pace
    goes_on: bool
    threads: ThreadPoolExecutor
    bears: Mapping[str, Pace]
    running: dict[int, "Future[Applied]"] = field(default_factory=dict)
    finished: tuple[Entry, Applied] | None = None
    refused: list[tuple[Entry, CloudctlError]] = field(default_factory=list)
    unanswered: CloudctlError | None = None
    silent: set[str] = field(default_factory=set)

    def run(self) -> CloudctlError | None:
        prints = entry_footprints(self.todo)
        before, waiting, ended = awaited(prints), list(range(len(self.todo))), set[int]()
        while waiting or self.running:
            barrier = self._barrier(waiting)
            if barrier is not None and barrier == waiting[0] and not self.running:
                self._flush()
                self.journal.order(_ordered_together(self.todo[barrier:], self.drivers))
                return None
            free = [
                index for index in waiting if before[index] <= ended and (barrier is None or index < barrier)
            ]
            begun, over = self._begin(free, prints)
            waiting = [index for index in waiting if index not in begun]
            is_idle = not begun and not self.running
            ended |= over | self._collect()
            if self.refused or is_idle:
                waiting.clear()
        return self._close()

    def _barrier(self, waiting: Sequence[int]) -> int | None:
        """The first step that somebody else carries out: what comes after it waits for his report."""
        return next((index for index in waiting if self._is_ordered(self.todo[index])), None)

    def _is_ordered(self, entry: Entry) -> bool:
        return Capability.ORDER in self.drivers[entry.pool].capabilities

    def _begin(self, free: Sequence[int], prints: Sequence[Footprint]) -> tuple[set[int], set[int]]:
        """Of the free steps those begun, as many as the pace allows and the clouds bear, and those over already."""
        begun, over = set[int](), set[int]()
        heard = [index for index in free if not prints[index].is_in(self.silent)]
        for index in list(ready(heard, self.running, prints, self.pace, self.bears)):
            if self.refused or prints[index].is_in(self.silent):
                continue
            begun.add(index)
            if self._start(index):
                over.add(index)
        return begun, over

    def _start(self, index: int) -> bool:
        """Journals a step and asks its cloud; True when it is over already: a simulated cloud answers at once."""
        entry = self.todo[index]
        self.journal.begin(entry, self.finished)
        self.finished = None
        if self.bears[entry.pool].parallel > 1 or not self.drivers[entry.pool].is_simulated:
            self.running[index] = self.threads.submit(self._ask, entry)
            return False
        return self._is_over(entry, self._ask, entry)

    def _ask(self, entry: Entry) -> Applied:
        """Asks again, a little later, what a real cloud did not answer: a step done twice is done once."""
        driver = self.drivers[entry.pool]
        attempts = 1 if driver.is_simulated else self.pace.attempts
        for attempt in range(1, attempts):
            try:
                return driver.apply(entry.step)
            except Unreachable:
                sleep(min(2**attempt, 30))
        return driver.apply(entry.step)

    def _collect(self) -> set[int]:
        """Waits for at least one of the steps running, if any, and journals what came of it: those that are over."""
        if not self.running:
            return set()
        done, _ = wait(self.running.values(), return_when=FIRST_COMPLETED)
        over = set()
        for index in sorted(index for index, future in self.running.items() if future in done):
            self._flush()
            if self._is_over(self.todo[index], self.running.pop(index).result):
                over.add(index)
        return over

    def _is_over(self, entry: Entry, answer: Callable[..., Applied], *given: Entry) -> bool:
        """Journals what a cloud answered. False: what waits for this step must not begin."""
        try:
            self.finished = (entry, answer(*given))
        except Unreachable as reason:
            self._flush()
            self.journal.unanswered(entry, reason)
            self.unanswered = self.unanswered or reason
            self.silent |= silenced(entry, reason)
            return False
        except CloudctlError as reason:
            self._flush()
            if not self.goes_on:
                self.refused.append((entry, reason))
                return False
            self.journal.lose(entry, reason)
        return True

    def _flush(self) -> None:
        if self.finished is not None:
            self.journal.finish(self.finished, is_last=False)
            self.finished = None

    def _close(self) -> CloudctlError | None:
        """A refusal is journalled last: from then on the change is undoing."""
        if self.refused or self.unanswered is not None:
            self._flush()
        for entry, reason in self.refused:
            self.journal.refuse(entry, reason)
        if self.refused:
            return self.refused[0][1]
        if self.unanswered is not None:
            raise self.unanswered
        self.journal.finish(self.finished, is_last=True)
        return None


def silenced(entry: Entry, reason: Unreachable) -> set[str]:
    """The places, as footprints name them, that are not asked again in this execution."""
    if isinstance(reason, StillAtWork):
        return set()
    return {place(entry.pool, reason.host if isinstance(reason, HostUnreachable) else None)}


def entry_footprints(entries: Sequence[Entry]) -> list[Footprint]:
    """One per entry, in their order."""
    return footprints(
        [(entry.pool, entry.step) for entry in entries],
        {entry.step.vm_id: entry.host for entry in reversed(entries)},
    )


def _bearable(driver: Driver) -> Pace:
    if isinstance(driver, Concurrent):
        return Pace(driver.max_parallel, driver.max_per_host)
    return Pace()


def _ordered_together(todo: Sequence[Entry], drivers: Mapping[str, Driver]) -> list[Entry]:
    """The steps up to the next one a cloud carries out itself."""
    together: list[Entry] = []
    for entry in todo:
        if Capability.ORDER not in drivers[entry.pool].capabilities:
            break
        together.append(entry)
    return together


def had_effect(asked_at: datetime, effect_at: datetime) -> bool:
    """Whether a step took effect because we asked, rather than having stood before."""
    return effect_at >= asked_at
