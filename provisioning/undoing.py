"""Takes back what a change made, last first; what a silent host keeps waits, all else is taken back."""

from collections.abc import Mapping, Sequence

from cloudctl.core.errors import CloudctlError, Unreachable
from provisioning.driver import Driver, HostUnreachable
from provisioning.executor import Entry, Journal, StepState, entry_footprints, silenced
from provisioning.model import Applied, Observation, Step, StepKind
from provisioning.steps import inverse

# What no step takes back: a machine that is gone, ours by now, or started where its old host is dead.
_FOR_GOOD = (StepKind.DELETE, StepKind.ADOPT, StepKind.EVACUATE)


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
    elif entry.step.kind in _FOR_GOOD:
        _look(entry, driver, journal)
    elif back is None or not entry.has_effect:
        journal.undone(entry, None)
    else:
        _ask_back(entry, back, driver, journal)


def _look(entry: Entry, driver: Driver, journal: Journal) -> None:
    """What was done stays; whether an uncertain step was, its cloud shows."""
    if not entry.is_uncertain:
        journal.keep(entry, None)
        return
    try:
        was_done = _is_shown(entry.step, driver.observe())
    except Unreachable as reason:
        journal.unanswered(entry, reason)
        raise
    if was_done:
        journal.keep(entry, None, _asked_again(entry, driver, journal))
    else:
        journal.undone(entry, None)


def _ask_back(entry: Entry, back: Step, driver: Driver, journal: Journal) -> None:
    journal.begin_undo(entry)
    try:
        applied = driver.apply(back)
    except Unreachable as reason:
        journal.unanswered(entry, reason)
        raise
    except CloudctlError as reason:
        # Where there were nothing to take back, taking it back would not be refused.
        known = _asked_again(entry, driver, journal) if entry.is_uncertain else None
        journal.keep(entry, reason, known)
    else:
        journal.undone(entry, applied)


def _asked_again(entry: Entry, driver: Driver, journal: Journal) -> Applied | None:
    """Since when a step is done that stays; None where its cloud will not have it either."""
    try:
        return driver.apply(entry.step)
    except Unreachable as reason:
        journal.unanswered(entry, reason)
        raise
    except CloudctlError:
        return None


def _is_shown(step: Step, seen: Observation) -> bool:
    """Whether a cloud shows that a step which nothing takes back was done. Unreachable where its host is silent."""
    host = str((step.after or step.before or {}).get("host"))
    if any(fault.vm_id is None and fault.host == host for fault in seen.faults):
        raise HostUnreachable("Host {host} does not answer.", host=host)
    there = [machine.host for machine in seen.machines if machine.vm_id == step.vm_id]
    if step.kind == StepKind.DELETE:
        return not there and all(fault.vm_id != step.vm_id for fault in seen.faults)
    return host in there if step.kind == StepKind.EVACUATE else bool(there)
