"""Coverage: which part of the time a machine held something was measured, and why the rest was not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros, to_micros
from metering.allocations import AllocationSpan, spans_between
from metering.samples.islands import SEEN, islands
from metering.samples.store import SampleStore
from metering.store import Gap, gaps_between
from metering.sweeps import BALLOON_SILENT, FIRST_READING, LONGEST, NO_SAMPLE, NOT_REPORTED
from metering.utilisation import METERS
from provisioning.store import pools

Stretch = tuple[int, int]
# Pools whose samples come from files: no balloon of ours is there to be silent.
EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Missing:
    """A time [start, end) that was not measured, and why (labels of the catalogue, kind gap_reason)."""

    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """One meter of one machine: measured time over held time in the window, and what is missing, by time."""

    vm_id: int
    meter: str
    coverage: float
    missing: tuple[Missing, ...]


def coverage(
    store: SampleStore,
    session: Session,
    window: tuple[datetime, datetime],
    interval_us: int,
    vm_ids: Sequence[int] | None = None,
) -> list[Coverage]:
    """Every meter of every machine that held something in the window, by machine; the window ends at the latest now."""
    start, end = map(to_micros, window)
    spans = spans_between(session, *window, vm_ids)
    recorded = gaps_between(session, *window)
    external = {row.id for row in pools(session, removed=True) if row.driver == EXTERNAL}
    by_vm: dict[int, list[AllocationSpan]] = {}
    for span in spans:
        by_vm.setdefault(span.vm_id, []).append(span)
    found = islands(store, session, *window, list(by_vm)) if by_vm else {}
    rows = []
    for vm_id, theirs in by_vm.items():
        held = holdings(theirs, (start, end))
        pool_id = theirs[-1].pool_id
        causes = [
            gap
            for gap in recorded
            if gap.vm_id == vm_id or (gap.vm_id is None and gap.pool_id in (pool_id, None))
        ]
        seen = found[SEEN].get(vm_id, [])
        for meter in METERS:
            holes = subtract(held, found[meter].get(vm_id, []))
            silent = BALLOON_SILENT if meter == "memory" and pool_id not in external else NOT_REPORTED
            clues = Clues(causes, seen, frozenset(first for first, _ in held), silent, interval_us)
            missing = [piece for hole in holes for piece in explain(hole, clues)]
            rows.append(Coverage(vm_id, meter, _share(held, holes), tuple(missing)))
    return rows


def _is_wide(gap: Gap, pool_id: int) -> bool:
    """Whether it is the whole pool's, or everybody's."""
    return gap.vm_id is None and gap.pool_id in (pool_id, None)


def holdings(spans: Sequence[AllocationSpan], window: Stretch) -> list[Stretch]:
    """The unbroken times a machine held anything, clipped to the window; `spans` by start."""
    held: list[Stretch] = []
    for span in spans:
        first = max(span.start_us, window[0])
        last = window[1] if span.end_us is None else min(span.end_us, window[1])
        if held and held[-1][1] == first:
            held[-1] = (held[-1][0], last)
        elif last > first:
            held.append((first, last))
    return held


def subtract(held: Iterable[Stretch], measured: Sequence[Stretch]) -> list[Stretch]:
    """What of `held` no measured stretch covers; both by time and without overlaps."""
    holes = []
    for first, last in held:
        reached = first
        for start, end in measured:
            if end <= reached or start >= last:
                continue
            if start > reached:
                holes.append((reached, start))
            reached = max(reached, end)
        if reached < last:
            holes.append((reached, last))
    return holes


def _share(held: Sequence[Stretch], holes: Sequence[Stretch]) -> float:
    whole = sum(last - first for first, last in held)
    return (whole - sum(last - first for first, last in holes)) / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Clues:
    """What is known about the holes of a meter: recorded gaps, any samples, where holdings began; silent: the reason
    when there is a sample and this meter is not in it.
    """

    causes: Sequence[Gap]
    seen: Sequence[Stretch]
    begins: frozenset[int]
    silent: str
    interval_us: int


def explain(hole: Stretch, clues: Clues) -> list[Missing]:
    """The hole in pieces of one reason each, by time."""
    pieces: list[tuple[int, int, str]] = []
    for first, last in pairwise(sorted(_edges(hole, clues))):
        reason = _reason((first, last), clues, pieces[-1][2] if pieces else None)
        if pieces and pieces[-1][2] == reason:
            pieces[-1] = (pieces[-1][0], last, reason)
        else:
            pieces.append((first, last, reason))
    return [Missing(from_micros(first), from_micros(last), reason) for first, last, reason in pieces]


def _edges(hole: Stretch, clues: Clues) -> set[int]:
    known = [*clues.seen, *((to_micros(gap.start), to_micros(gap.end)) for gap in clues.causes)]
    return {*hole, *(edge for stretch in known for edge in stretch if hole[0] < edge < hole[1])}


def _reason(piece: Stretch, clues: Clues, before: str | None) -> str:
    """What the samples betray, else the recorded cause, the machine's own before its pool's.

    From the last failed sweep to the one that found the machine again, the reason is still the same.
    """
    if any(_overlap(piece, stretch) for stretch in clues.seen):
        return clues.silent
    causes = [gap for gap in clues.causes if _overlap(piece, (to_micros(gap.start), to_micros(gap.end)))]
    if causes:
        return min(causes, key=lambda gap: gap.vm_id is None).reason
    if piece[1] - piece[0] > clues.interval_us * LONGEST:
        return NO_SAMPLE
    if piece[0] in clues.begins:
        return FIRST_READING
    return before or NO_SAMPLE


def _overlap(one: Stretch, other: Stretch) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))
