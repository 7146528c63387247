"""Computes a month's statements from evidence: what was held, the prices in force, the samples, and adjustments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.estate import system_codes, units
from metering.rating import line_fen, time_share, unpriced_tiers
from metering.samples.segment_model import Span, Use
from metering.samples.segment_use import segment_use
from metering.samples.store import SampleStore
from metering.settlement import store as ledger
from metering.settlement.acts_store import adjustment_rows, waived
from metering.settlement.charges import Month, Names, Terms, charges, in_order
from metering.settlement.model import Line, LineKind
from metering.settlement.segments import Stretch, cuts, spans, stretches
from metering.settlement.tables import AdjustmentRow, PeriodRow
from metering.tariffs import Per, PriceBook


@dataclass(frozen=True, slots=True)
class Draft:
    """What one unit owes one provider, as computed."""

    unit_id: int
    unit: str
    unit_name: str
    provider: str
    lines: tuple[Line, ...]

    @property
    def total_fen(self) -> int:
        return sum(line.amount_fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class Estate:
    """Names by id as they stand now. providers: of each pool, its name where the inventory names none."""

    names: Names
    providers: Mapping[int, str]
    units: Mapping[int, tuple[str, str]]


def read_estate(session: Session) -> Estate:
    pools = ledger.pool_rows(session)
    return Estate(
        Names(ledger.vm_names(session), system_codes(session), {pool.id: pool.code for pool in pools}),
        {pool.id: pool.provider or pool.name for pool in pools},
        {unit.id: (unit.code, unit.name) for unit in units(session, removed=True)},
    )


def terms_of(session: Session, period: PeriodRow) -> Terms:
    """The terms a drafted month is settled by."""
    document = period.terms
    return Terms(
        period.period,
        period.starts,
        period.ends,
        ZoneInfo(document["timezone"]),
        Fraction(document["coverage_threshold"]),
        waived(session, period.period),
        document["providers"],
    )


def draft_month(
    session: Session, samples: SampleStore, terms: Terms, book: PriceBook, estate: Estate
) -> list[Draft]:
    """Every statement of the month, by provider and unit. Refused where a pool in use has no price."""
    held = ledger.held_between(session, terms.starts, terms.ends)
    found = stretches(held, terms.starts, terms.ends, ledger.first_held(session))
    _require_prices(found, book, estate)
    lines: dict[tuple[str, int], list[Line]] = {}
    month = _month(session, samples, terms, book, (found, estate))
    for stretch in found:
        pool = estate.names.pools[stretch.pool_id]
        key = (terms.providers.get(pool, estate.providers[stretch.pool_id]), stretch.unit_id)
        lines.setdefault(key, []).extend(charges(month, stretch))
    for row in adjustment_rows(session, terms.period):
        for key, line in adjustment_lines(session, row, terms.zone, estate):
            lines.setdefault(key, []).append(line)
    return [
        Draft(unit_id, *estate.units[unit_id], provider, in_order(part))
        for (provider, unit_id), part in sorted(
            lines.items(), key=lambda kv: (kv[0][0], estate.units[kv[0][1]])
        )
        if part
    ]


def _month(
    session: Session,
    samples: SampleStore,
    terms: Terms,
    book: PriceBook,
    asked: tuple[Sequence[Stretch], Estate],
) -> Month:
    found, estate = asked
    pools = {estate.names.pools[stretch.pool_id] for stretch in found}
    edges = cuts(book, pools, terms.starts, terms.ends)
    questions = [span for stretch in found for span, _, _ in spans(stretch, edges)]
    uses: dict[Span, Use] = segment_use(samples, session, questions, edges)
    return Month(terms, book, estate.names, uses, edges)


def _require_prices(found: Iterable[Stretch], book: PriceBook, estate: Estate) -> None:
    gaps: dict[str, list[tuple[datetime, datetime]]] = {}
    tiers: set[tuple[str, str, str]] = set()
    for stretch in found:
        pool = estate.names.pools[stretch.pool_id]
        for gap in book.uncovered(pool, stretch.start, stretch.end):
            gaps.setdefault(pool, []).append(gap)
        for tariff, _, _ in book.between(pool, stretch.start, stretch.end):
            vm = estate.names.vms[stretch.vm_id]
            tiers |= {(tariff.code, tier, vm) for tier in unpriced_tiers(tariff, stretch.size)}
    if gaps:
        raise Refused(
            "No tariff covers all of what was held: {pools}.",
            pools="; ".join(_dates(pool, parts, book.zone) for pool, parts in sorted(gaps.items())),
            hint=Message("Give the pool a price for that time with “cloudctl tariff apply”."),
        )
    if tiers:
        code, tier, vm = min(tiers)
        raise Refused(
            "Tariff “{tariff}” prices storage by tier, but not the tier “{tier}”, which {vm} holds.",
            tariff=code,
            tier=tier,
            vm=vm,
        )


def _dates(pool: str, gaps: Sequence[tuple[datetime, datetime]], zone: ZoneInfo) -> str:
    """ "pool 2026-10-01T00:00:00+08:00 … 2026-10-05T00:00:00+08:00" for each hole, touching ones joined."""
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(gaps):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    holes = [f"{a.astimezone(zone).isoformat()} … {b.astimezone(zone).isoformat()}" for a, b in joined]
    return f"{pool} {', '.join(holes)}"


def adjustment_lines(
    session: Session, row: AdjustmentRow, zone: ZoneInfo, estate: Estate
) -> list[tuple[tuple[str, int], Line]]:
    """The two lines of an adjustment, reversal and right one, each with the (provider, unit) it is billed to."""
    statement, closed = ledger.line_with_statement(session, row.line_id)
    wrong = replace(
        closed,
        corrects=f"{statement.number}/{closed.position}",
        reason=row.reason,
        position=None,
        used_quantity=None,
        measured_us=0,
        missing_us=0,
        estimated_us=0,
    )
    reversal = replace(wrong, kind=LineKind.REVERSAL, quantity=-wrong.quantity, amount_fen=-wrong.amount_fen)
    right = replace(
        wrong,
        kind=LineKind.CORRECTION,
        system=estate.names.systems[row.system_id],
        quantity=row.quantity,
        start=row.start,
        end=row.end,
        amount_fen=line_fen(
            row.quantity, wrong.unit_price, time_share(Per(wrong.per), row.start, row.end, zone)
        ),
    )
    return [((statement.provider, statement.unit_id), reversal), ((statement.provider, row.unit_id), right)]
