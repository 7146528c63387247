"""What an external machine held by its declared history: intervals by size and owner, and what a correction moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cloudctl.core.inventory.history import Held
from cloudctl.core.quantity import Size
from metering.allocations import Holder


@dataclass(frozen=True, slots=True)
class Interval:
    """In [start, end) a machine held `size` for `holder`; end None: still. number: the allocation's, where known."""

    start: datetime
    end: datetime | None
    size: Size
    holder: Holder
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A time [start, end) in which something was corrected; end None: up to now and on."""

    start: datetime
    end: datetime | None

    def touches(self, start: datetime, end: datetime) -> bool:
        return self.start < end and (self.end is None or self.end > start)


def declared_intervals(
    history: Sequence[Held], until: datetime | None, owners: Sequence[tuple[datetime, Holder]]
) -> list[Interval]:
    """The declared sizes under the owners of their time.

    owners: from when on each held the machine, in order; the first also before. A declaration corrects sizes and
    times, never who paid for them.
    """
    cuts = sorted(
        {held.start for held in history} | {start for start, _ in owners[1:] if start > history[0].start}
    )
    cuts = [cut for cut in cuts if until is None or cut < until]
    ends = [*cuts[1:], until]
    pieces = [
        Interval(start, end, _last(history, start).size, _owner(owners, start))
        for start, end in zip(cuts, ends, strict=True)
    ]
    return _joined(pieces)


def corrected_spans(before: Sequence[Interval], after: Sequence[Interval]) -> list[Span]:
    """When the two differ in size, owner or number; neighbouring spans are one."""
    edges = {edge for item in (*before, *after) for edge in (item.start, item.end) if edge is not None}
    starts: list[datetime] = sorted(edges)
    ends: list[datetime | None] = [*starts[1:], None]
    spans: list[Span] = []
    for start, end in zip(starts, ends, strict=True):
        if _state(before, start) == _state(after, start):
            continue
        if spans and spans[-1].end == start:
            spans[-1] = Span(spans[-1].start, end)
        else:
            spans.append(Span(start, end))
    return spans


def _last(history: Sequence[Held], at: datetime) -> Held:
    return [held for held in history if held.start <= at][-1]


def _owner(owners: Sequence[tuple[datetime, Holder]], at: datetime) -> Holder:
    earlier = [holder for start, holder in owners if start <= at]
    return earlier[-1] if earlier else owners[0][1]


def _state(intervals: Sequence[Interval], at: datetime) -> tuple[Size, Holder, int | None] | None:
    for item in intervals:
        if item.start <= at and (item.end is None or at < item.end):
            return item.size, item.holder, item.number
    return None


def _joined(pieces: Sequence[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for piece in pieces:
        if joined and (joined[-1].size, joined[-1].holder) == (piece.size, piece.holder):
            joined[-1] = Interval(joined[-1].start, piece.end, piece.size, piece.holder)
        else:
            joined.append(piece)
    return joined
