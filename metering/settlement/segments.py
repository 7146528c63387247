"""Cuts what was held into segments: the longest intervals with one size, owner, pool and price."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from cloudctl.core.database import to_micros
from cloudctl.core.quantity import Size
from metering.samples.segment_model import Span
from metering.tariffs import PriceBook, Rate, Tariff


class Held(NamedTuple):
    """One allocation: what a machine held in [start, end), for whom and where; ids and all. end None: still held."""

    id: int
    vm_id: int
    system_id: int
    unit_id: int
    pool_id: int
    start: datetime
    end: datetime | None
    vcpus: int
    memory_mib: int
    storage_gib: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a month in which a machine's size, owner and pool were constant; made of these allocations.

    is_first: the machine holds something for the first time ever when this stretch begins.
    """

    vm_id: int
    system_id: int
    unit_id: int
    pool_id: int
    size: Size
    start: datetime
    end: datetime
    parts: tuple[tuple[int, datetime, datetime], ...]
    is_first: bool


@dataclass(frozen=True, slots=True)
class Priced:
    """One rate's time in a stretch, by the tariff that first set it."""

    tariff: Tariff
    rate: Rate
    start: datetime
    end: datetime


def stretches(
    held: Iterable[Held], start: datetime, end: datetime, first_held: Mapping[int, datetime]
) -> list[Stretch]:
    """Allocations clipped to [start, end), neighbours that say the same joined.

    held: by machine and start. first_held: when each machine first held anything.
    """
    found: list[Stretch] = []
    for item in held:
        since, until = max(item.start, start), min(item.end or end, end)
        if since >= until:
            continue
        fresh = Stretch(
            item.vm_id,
            item.system_id,
            item.unit_id,
            item.pool_id,
            Size(item.vcpus, item.memory_mib, item.storage_gib),
            since,
            until,
            ((item.id, since, until),),
            first_held[item.vm_id] == since,
        )
        if found and _continues(found[-1], fresh):
            found[-1] = _joined(found[-1], fresh)
        else:
            found.append(fresh)
    return found


def _continues(before: Stretch, after: Stretch) -> bool:
    return before.end == after.start and _facts(before) == _facts(after)


def _facts(stretch: Stretch) -> tuple[object, ...]:
    return (stretch.vm_id, stretch.system_id, stretch.unit_id, stretch.pool_id, stretch.size)


def _joined(before: Stretch, after: Stretch) -> Stretch:
    return Stretch(
        *(before.vm_id, before.system_id, before.unit_id, before.pool_id, before.size),
        before.start,
        after.end,
        before.parts + after.parts,
        before.is_first,
    )


def priced(book: PriceBook, pool: str, start: datetime, end: datetime) -> list[Priced]:
    """[start, end) under each rate of the pool's tariffs, by item and time.

    A tariff that follows another with the same rate for an item does not cut that item's time.
    """
    found: dict[tuple[str, str, str], list[Priced]] = {}
    for tariff, since, until in book.between(pool, start, end):
        for rate in tariff.rates:
            pieces = found.setdefault(rate.key, [])
            if pieces and pieces[-1].end == since and pieces[-1].rate == rate:
                pieces[-1] = Priced(pieces[-1].tariff, rate, pieces[-1].start, until)
            else:
                pieces.append(Priced(tariff, rate, since, until))
    return [piece for pieces in found.values() for piece in pieces]


def cuts(book: PriceBook, pools: Iterable[str], start: datetime, end: datetime) -> list[datetime]:
    """start, every instant inside at which a tariff of the pools begins or ends, end."""
    inside = {since for pool in pools for _, since, _ in book.between(pool, start, end)}
    return [start, *sorted(instant for instant in inside if instant > start), end]


def spans(stretch: Stretch, edges: Sequence[datetime]) -> list[tuple[Span, datetime, datetime]]:
    """The stretch's allocations cut at the edges: what the samples are asked about, each with its interval."""
    pieces = []
    for allocation, since, until in stretch.parts:
        points = [since, *(edge for edge in edges if since < edge < until), until]
        for a, b in pairwise(points):
            pieces.append((Span(allocation, to_micros(a), to_micros(b)), a, b))
    return pieces
