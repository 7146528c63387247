"""Carries out a journalled change step by step, so that a kill at any point can be taken up again.

What holds at every instant, whatever is killed:

- a step is journalled as running before the cloud is asked, and as done in the transaction that records what it
  did; so a step that may have taken effect is `running`, and one that is `pending` has not;
- a cloud asked twice does a thing once and answers with the first time's instant (the driver's contract), so
  taking up a running step again ends where the first try would have ended: no orphan, no double;
- Refused by a cloud means that it did nothing; Unreachable that nobody knows. So a refusal undoes what the
  change made before, last first; an unanswered step stays running until somebody resumes the change;
- undoing is journalled in the same way, and is itself taken up again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cloudctl.core.errors import CloudctlError, Unreachable
from provisioning.driver import Driver
from provisioning.model import Applied, Capability, Step, StepKind
from provisioning.steps import inverse


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
    """A step as the journal has it. has_effect False: the cloud was as wanted before we first asked."""

    position: int
    pool: str
    step: Step
    state: StepState
    has_effect: bool = True


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

    def begin_undo(self, entry: Entry) -> None: ...

    def undone(self, entry: Entry, applied: Applied | None) -> None:
        """The step is undone; applied None: the cloud had nothing to undo."""
        ...

    def keep(self, entry: Entry, reason: CloudctlError | None) -> None:
        """The step stays done: it cannot be taken back, or the cloud refused to."""
        ...

    def close_undone(self) -> None:
        """Nothing is left to undo: the change is undone, or failed where an effect stays."""
        ...


def execute(
    entries: Sequence[Entry], drivers: Mapping[str, Driver], journal: Journal
) -> CloudctlError | None:
    """Takes a change from where its journal stands to its end or to work orders.

    Returns why a cloud refused a step; the change is then to be undone. Unreachable, with the journal saying so,
    when a cloud does not answer: the step is uncertain.
    """
    finished: tuple[Entry, Applied] | None = None
    todo = [entry for entry in entries if entry.state != StepState.DONE]
    for index, entry in enumerate(todo):
        driver = drivers[entry.pool]
        if Capability.ORDER in driver.capabilities:
            if finished is not None:
                journal.finish(finished, is_last=False)
            journal.order(_ordered_together(todo[index:], drivers))
            return None
        journal.begin(entry, finished)
        finished = None
        try:
            finished = (entry, driver.apply(entry.step))
        except Unreachable as reason:
            journal.unanswered(entry, reason)
            raise
        except CloudctlError as reason:
            journal.refuse(entry, reason)
            return reason
    journal.finish(finished, is_last=True)
    return None


def undo(entries: Sequence[Entry], drivers: Mapping[str, Driver], journal: Journal) -> None:
    """Takes back what a change made, last first. Unreachable, with the journal saying so, as in `execute`."""
    for entry in reversed(entries):
        if entry.state in (StepState.UNDONE, StepState.FAILED):
            continue
        back = inverse(entry.step)
        if entry.state in (StepState.PENDING, StepState.ORDERED):
            journal.undone(entry, None)
        elif entry.step.kind in (StepKind.DELETE, StepKind.ADOPT, StepKind.EVACUATE):
            journal.keep(entry, None)
        elif back is None or not entry.has_effect:
            journal.undone(entry, None)
        else:
            _take_back(entry, back, drivers[entry.pool], journal)
    journal.close_undone()


def _take_back(entry: Entry, back: Step, driver: Driver, journal: Journal) -> None:
    journal.begin_undo(entry)
    try:
        applied = driver.apply(back)
    except Unreachable as reason:
        journal.unanswered(entry, reason)
        raise
    except CloudctlError as reason:
        journal.keep(entry, reason)
    else:
        journal.undone(entry, applied)


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
