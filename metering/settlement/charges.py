"""Turns segments and what was measured in them into the lines of statements: pure, exact, rounded once per line."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo

from cloudctl.core.database import to_micros
from metering.rating import held_quantity, line_fen, slices, time_share
from metering.samples.segment_model import Span, Use
from metering.settlement.model import Line, LineKind
from metering.settlement.segments import Priced, Stretch, priced, spans
from metering.tariffs import Basis, Item, Per, PriceBook

METER_OF = {Item.VCPU: "cpu", Item.MEMORY_GIB: "memory", Item.STORAGE_GIB: "storage"}
# From what the samples count in to the item's unit and microseconds: vCPU-nanoseconds, byte-microseconds.
SCALE = {Item.VCPU: 1000, Item.MEMORY_GIB: 1 << 30, Item.STORAGE_GIB: 1 << 30}
ITEM_ORDER = {str(item): number for number, item in enumerate(Item)}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a month is settled by, apart from its evidence; frozen with the period.

    threshold: the coverage below which what is billed by use is held back. waived: (machine's id, item) that two
    people took as it is. providers: of each pool by code, for a pool may change its provider's name later.
    """

    period: str
    starts: datetime
    ends: datetime
    zone: ZoneInfo
    threshold: Fraction
    waived: AbstractSet[tuple[int, str]]
    providers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """Codes by id, as lines print them."""

    vms: Mapping[int, str]
    systems: Mapping[int, str]
    pools: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Month:
    """All that a month's lines are computed from. edges: the instants at which prices change, bounds included."""

    terms: Terms
    book: PriceBook
    names: Names
    uses: Mapping[Span, Use]
    edges: Sequence[datetime]


@dataclass(frozen=True, slots=True)
class Measured:
    """A piece's evidence for one item. used: mean quantity over the measured time, None when nothing was measured."""

    total_us: int
    measured_us: int
    used: Fraction | None

    @property
    def coverage(self) -> Fraction:
        return Fraction(self.measured_us, self.total_us) if self.total_us else Fraction(1)


def charges(month: Month, stretch: Stretch) -> Iterator[Line]:
    """The lines of one stretch, without their positions."""
    pool = month.names.pools[stretch.pool_id]
    evidence = [(since, until, month.uses.get(span)) for span, since, until in spans(stretch, month.edges)]
    for piece in priced(month.book, pool, stretch.start, stretch.end):
        held = held_quantity(piece.tariff, piece.rate, stretch.size)
        if held == 0 and piece.rate.basis is Basis.HELD:
            continue
        if piece.rate.per is Per.ONCE:
            if stretch.is_first and piece.start == stretch.start:
                yield from _lines(month, stretch, _at_once(piece), held, Measured(0, 0, None))
            continue
        yield from _lines(month, stretch, piece, held, _measured(piece, evidence))


def _at_once(piece: Priced) -> Priced:
    return replace(piece, end=piece.start)


def _measured(piece: Priced, evidence: Sequence[tuple[datetime, datetime, Use | None]]) -> Measured:
    meter = METER_OF.get(piece.rate.item)
    measured, used = 0, Fraction(0)
    for since, until, use in evidence:
        if use is None or since < piece.start or until > piece.end:
            continue
        measured += use.measured_us[meter] if meter else use.seen_us
        used += use.used[meter] if meter else 0
    total = to_micros(piece.end) - to_micros(piece.start)
    mean = used / (measured * SCALE[piece.rate.item]) if meter and measured else None
    return Measured(total, min(measured, total), mean)


@dataclass(frozen=True, slots=True)
class Billed:
    """The quantity to charge, and how it was come by."""

    quantity: Fraction
    is_held_back: bool = False
    is_waived: bool = False
    estimated_us: int = 0


def billed(basis: Basis, held: Fraction, measured: Measured, threshold: Fraction, is_waived: bool) -> Billed:
    """What is charged: held, used, or the greater.

    With coverage at the threshold or above, missing time is taken at the mean of the measured time. Below it the
    line is held back; waived, missing time counts as not used.
    """
    if basis is Basis.HELD:
        return Billed(held)
    is_thin = measured.coverage < threshold
    mean = measured.used if measured.used is not None else Fraction(0)
    used = mean * measured.coverage if is_thin else mean
    quantity = max(held, used) if basis is Basis.GREATER else used
    if is_thin:
        return Billed(quantity, is_held_back=not is_waived, is_waived=is_waived)
    return Billed(quantity, estimated_us=measured.total_us - measured.measured_us)


def _lines(
    month: Month, stretch: Stretch, piece: Priced, held: Fraction, measured: Measured
) -> Iterator[Line]:
    terms, names, rate = month.terms, month.names, piece.rate
    result = billed(
        rate.basis, held, measured, terms.threshold, (stretch.vm_id, str(rate.item)) in terms.waived
    )
    if result.quantity == 0 and held == 0:
        return
    share = _share(rate.per, piece.start, piece.end, terms.zone)
    for part in slices(rate, result.quantity):
        yield Line(
            kind=LineKind.CHARGE,
            vm=names.vms[stretch.vm_id],
            system=names.systems[stretch.system_id],
            item=str(rate.item),
            tier=rate.tier,
            pool=names.pools[stretch.pool_id],
            tariff=piece.tariff.code,
            basis=str(rate.basis),
            per=str(rate.per),
            start=piece.start,
            end=piece.end,
            quantity=part.quantity,
            held_quantity=held,
            used_quantity=measured.used,
            unit_price=part.unit_price,
            amount_fen=0 if result.is_held_back else line_fen(part.quantity, part.unit_price, share),
            measured_us=measured.measured_us,
            missing_us=measured.total_us - measured.measured_us,
            estimated_us=result.estimated_us,
            charge_period=terms.period,
            is_held_back=result.is_held_back,
            is_waived=result.is_waived,
            slice_from=part.above,
            slice_to=part.to,
        )


@lru_cache(maxsize=4096)
def _share(per: Per, start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """Most lines of a month share one interval: the month."""
    return time_share(per, start, end, zone)


def in_order(lines: Sequence[Line]) -> tuple[Line, ...]:
    """A statement's lines as printed: by system, machine, time and item, adjustments last; numbered from 1."""
    printed = sorted(lines, key=_order)
    return tuple(replace(line, position=number) for number, line in enumerate(printed, 1))


def _order(line: Line) -> tuple[object, ...]:
    is_adjustment = line.kind is not LineKind.CHARGE
    return (
        is_adjustment,
        line.corrects or "",
        line.kind is LineKind.CORRECTION,
        line.system,
        line.vm,
        line.start,
        ITEM_ORDER[line.item],
        line.tier or "",
        line.per,
        line.slice_from or 0,
    )
