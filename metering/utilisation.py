"""Utilisation: what a machine, system, unit, pool or the whole cloud held and used over a window."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.allocations import AllocationSpan, spans_between
from metering.samples.meters import GroupSums, MeterSums
from metering.samples.model import BYTES_PER_GIB, BYTES_PER_MIB
from metering.samples.store import SampleStore
from metering.samples.window_sums import Question, window_sums

GROUPS = ("vm", "system", "unit", "pool", "cloud")
# What the sums of a meter are counted in, per unit of its size and µs.
UNIT_US = {"cpu": 1000, "memory": BYTES_PER_MIB, "storage": BYTES_PER_GIB}
METERS = tuple(UNIT_US)
WHOLE_CLOUD = 0
# No interval is longer.
REACH = timedelta(days=1)


class MeterUse(NamedTuple):
    """One meter of one group over a window; None is unknown.

    held, used: time-weighted vCPUs, MiB or GiB over the time in which the group held anything, `used` carried on from
    the measured part to the whole. mean, p95, maximum: fractions of what was held. coverage: measured time over held
    time, all machines together. over: how many of the `intervals` were above 1.
    """

    held: float
    used: float | None
    mean: float | None
    p95: float | None
    maximum: float | None
    coverage: float
    intervals: int
    over: int


@dataclass(frozen=True, slots=True)
class Utilisation:
    """A group by its id (a vm's, system's, unit's or pool's; 0 for the cloud) and what its meters say, by name."""

    group: int
    machines: int
    meters: Mapping[str, MeterUse]


def utilisation(
    store: SampleStore,
    session: Session,
    start: datetime,
    end: datetime,
    by: str,
    vm_ids: Sequence[int] | None = None,
) -> list[Utilisation]:
    """Every group that held something in [start, end), by its id; `vm_ids` narrows the machines that count.

    `end` must not lie in the future: what is held later is not known. ValueError for another grouping.
    """
    # A sample that crosses the window's end may be stamped with an allocation that begins only there.
    all_spans = spans_between(session, start, end + REACH, vm_ids)
    window = (to_micros(start), to_micros(end))
    spans = [span for span in all_spans if span.start_us < window[1]]
    key = group_of(by)
    machines = sorted({span.vm_id for span in spans}) if by == "vm" and vm_ids is None else None
    question = Question(
        start,
        end,
        {span.id: key(span) for span in all_spans},
        begun_in(spans, window),
        machines,
    )
    sums = window_sums(store, session, question) if spans else {}
    held: dict[int, list[AllocationSpan]] = {}
    for span in spans:
        held.setdefault(key(span), []).append(span)
    return [_combine(group, held[group], sums.get(group, GroupSums()), window) for group in sorted(held)]


def group_of(by: str) -> Callable[[AllocationSpan], int]:
    """Which group an allocation belongs to. ValueError for another grouping."""
    keys: dict[str, Callable[[AllocationSpan], int]] = {
        "vm": lambda span: span.vm_id,
        "system": lambda span: span.system_id,
        "unit": lambda span: span.unit_id,
        "pool": lambda span: span.pool_id,
        "cloud": lambda _: WHOLE_CLOUD,
    }
    if by not in keys:
        raise ValueError(f"not a group: {by}")
    return keys[by]


def begun_in(spans: Sequence[AllocationSpan], window: tuple[int, int]) -> dict[int, int]:
    """Per allocation, where its machine's unbroken holding began, when that was after the window's start.

    A sample may reach back before it; that part speaks of a time in which nothing was held. `spans` by machine and
    start.
    """
    begun: dict[int, int] = {}
    for before, span in pairwise([None, *spans]):
        assert span is not None
        if before is not None and before.vm_id == span.vm_id and before.end_us == span.start_us:
            if before.id in begun:
                begun[span.id] = begun[before.id]
        elif span.start_us > window[0]:
            begun[span.id] = span.start_us
    return begun


def held_time(spans: Iterable[AllocationSpan], window: tuple[int, int]) -> tuple[int, int]:
    """µs in which the machines held something, each counted; and µs in which any of them did."""
    clipped = sorted(clip(span, window) for span in spans)
    union, reached = 0, window[0]
    for first, last in clipped:
        union += max(0, last - max(first, reached))
        reached = max(reached, last)
    return sum(last - first for first, last in clipped), union


def clip(span: AllocationSpan, window: tuple[int, int]) -> tuple[int, int]:
    end = window[1] if span.end_us is None else min(span.end_us, window[1])
    return max(span.start_us, window[0]), end


def _combine(
    group: int, spans: Sequence[AllocationSpan], sums: GroupSums, window: tuple[int, int]
) -> Utilisation:
    allocated_us, union_us = held_time(spans, window)
    meters = {}
    for name in METERS:
        size_us = sum(
            span.size(name) * (last - first) for span in spans for first, last in [clip(span, window)]
        )
        meters[name] = _meter_use(name, sums.meters[name], size_us, allocated_us, union_us)
    return Utilisation(group, len({span.vm_id for span in spans}), meters)


def _meter_use(name: str, sums: MeterSums, size_us: int, allocated_us: int, union_us: int) -> MeterUse:
    unit = UNIT_US[name]
    used = mean = None
    if sums.measured_us:
        used = float(sums.used * allocated_us / (unit * sums.measured_us * union_us))
    if sums.held_us:
        mean = float(sums.used / (unit * sums.held_us))
    return MeterUse(
        held=float(Fraction(size_us, union_us)),
        used=used,
        mean=mean,
        p95=sums.p95,
        maximum=sums.maximum,
        coverage=float(Fraction(sums.measured_us, allocated_us)),
        intervals=sums.intervals,
        over=sums.over,
    )
