"""Coverage: which part of the time a machine held something was measured, and why the rest was not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros, to_micros
from metering.allocations import AllocationSpan, spans_between
from metering.samples.islands import SEEN, islands
from metering.samples.store import SampleStore
from metering.store import Gap, gaps_between
from metering.sweeps import BALLOON_SILENT, FIRST_READING, LONGEST, NO_SAMPLE, NOT_REPORTED
from metering.utilisation import METERS

Stretch = tuple[int, int]


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
            missing = [_explain(hole, causes, seen, held, meter, interval_us) for hole in holes]
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


def _explain(
    hole: Stretch,
    causes: Sequence[Gap],
    seen: Sequence[Stretch],
    held: Sequence[Stretch],
    meter: str,
    interval_us: int,
) -> Missing:
    return Missing(
        from_micros(hole[0]), from_micros(hole[1]), _reason(hole, causes, seen, held, meter, interval_us)
    )


def _reason(
    hole: Stretch,
    causes: Sequence[Gap],
    seen: Sequence[Stretch],
    held: Sequence[Stretch],
    meter: str,
    interval_us: int,
) -> str:
    """The recorded cause that covers most of the hole; else what the samples themselves betray."""
    shares = {gap.reason: 0 for gap in causes}
    for gap in causes:
        shares[gap.reason] += _overlap(hole, (to_micros(gap.start), to_micros(gap.end)))
    reason, most = max(shares.items(), key=lambda item: item[1], default=("", 0))
    if most:
        return reason
    if any(_overlap(hole, stretch) for stretch in seen):
        return BALLOON_SILENT if meter == "memory" else NOT_REPORTED
    begins = any(hole[0] == first for first, _ in held)
    return FIRST_READING if begins and hole[1] - hole[0] <= interval_us * LONGEST else NO_SAMPLE


def _overlap(one: Stretch, other: Stretch) -> int:
    return max(0, min(one[1], other[1]) - max(one[0], other[0]))
