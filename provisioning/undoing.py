"""Takes back what a change made, last first; what a silent host keeps waits, all else is taken back."""

from collections.abc import Mapping, Sequence

from cloudctl.core.errors import CloudctlError, Unreachable
from provisioning.driver import Driver
from provisioning.executor import Entry, Journal, StepState, entry_footprints, silenced
from provisioning.model import Step, StepKind
from provisioning.steps import inverse


def undo(entries: Sequence[Entry], drivers: Mapping[str, Driver], journal: Journal) -> None:
    """Takes back what a change made, last first. Unreachable, with the journal saying so, as in `execute`."""
    prints = entry_footprints(entries)
    silent, unsettled, unanswered = set[str](), set[int](), None
    for entry, mine in reversed(list(zip(entries, prints, strict=True))):
        if entry.state in (StepState.UNDONE, StepState.FAILED):
            continue
        if entry.step.vm_id in unsettled or mine.is_in(silent):
            unsettled.add(entry.step.vm_id)
            continue
        try:
            _take_back(entry, drivers[entry.pool], journal)
        except Unreachable as reason:
            unanswered = unanswered or reason
            unsettled.add(entry.step.vm_id)
            silent |= silenced(entry, reason)
    if unanswered is not None:
        raise unanswered
    journal.close_undone()


def _take_back(entry: Entry, driver: Driver, journal: Journal) -> None:
    back = inverse(entry.step)
    if entry.state in (StepState.PENDING, StepState.ORDERED):
        journal.undone(entry, None)
    elif entry.step.kind in (StepKind.DELETE, StepKind.ADOPT, StepKind.EVACUATE):
        journal.keep(entry, None)
    elif back is None or not entry.has_effect:
        journal.undone(entry, None)
    else:
        _ask_back(entry, back, driver, journal)


def _ask_back(entry: Entry, back: Step, driver: Driver, journal: Journal) -> None:
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
