"""Everything the reports of one month are made of, asked of the stores once for all units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from cloudctl.core.quantity import Size
from metering.allocations import allocations_between, size_of
from metering.samples.store import SampleStore
from metering.settlement.model import Act, Period, Signature
from metering.settlement.reading import (
    read_period,
)
from metering.settlement.store import (
    ItemAmount,
    item_amounts,
)
from policies.funding.model import BudgetKind
from reports.datasets.shared import Imprint
from reports.datasets.statement import BudgetUse, EquipmentCost, Hold, MonthAmount, Saving, Signing
from reports.sources.estate import Estate, read_estate
from reports.sources.funding import read_budgets, read_equipment, read_holds, read_savings
from reports.sources.use import UseOfWindow, read_use

MONTHS = 12


@dataclass(frozen=True)
class Month:
    """One period, the months before it, and what stands beside the money; by unit's code where a unit is meant.

    sizes: the last one a machine had with a unit, by unit's code and machine's name.
    """

    imprint: Imprint
    period: Period
    estate: Estate
    use: UseOfWindow
    sizes: Mapping[tuple[str, str], Size]
    amounts: Sequence[ItemAmount]
    granted: Mapping[str, Mapping[str, int]]
    savings: Mapping[str, Sequence[Saving]]
    equipment: Mapping[str, Sequence[EquipmentCost]]
    holds: Mapping[str, Sequence[Hold]]

    @cached_property
    def previous(self) -> str:
        return month_before(self.period.period)

    def imprint_for(self, pools: set[str]) -> Imprint:
        """The imprint of a report about these pools."""
        return replace(self.imprint, simulated_pools=self.estate.simulated(pools))

    def total(self, period: str, **of: str) -> int | None:
        """What a month comes to in fen, of one unit, provider or system; None when nothing was billed at all then."""
        found = [
            row for row in self._by_period.get(period, ()) if all(getattr(row, k) == v for k, v in of.items())
        ]
        return sum(row.amount_fen for row in found) if found else None

    def months(self, **of: str) -> tuple[MonthAmount, ...]:
        """The months that were billed, the last twelve up to this one."""
        return tuple(
            as_month(period, rows)
            for period in last_months(self.period.period)
            if (
                rows := [
                    r
                    for r in self._by_period.get(period, ())
                    if all(getattr(r, k) == v for k, v in of.items())
                ]
            )
        )

    def budgets(self, unit: str) -> tuple[BudgetUse, ...]:
        """The unit's budgets of the year; what the cloud took is known, what other kinds took is not."""
        year = int(self.period.period[:4])
        so_far = [p for p in last_months(self.period.period) if p.startswith(str(year))]
        used = sum(self.total(period, unit=unit) or 0 for period in so_far)
        month = self.total(self.period.period, unit=unit) or 0
        return tuple(
            BudgetUse(kind, year, granted, *((used, month) if kind == BudgetKind.CLOUD else (None, None)))
            for kind, granted in sorted(self.granted.get(unit, {}).items())
        )

    @cached_property
    def _by_period(self) -> dict[str, list[ItemAmount]]:
        found: dict[str, list[ItemAmount]] = {}
        for row in self.amounts:
            found.setdefault(row.period, []).append(row)
        return found


def read_month(
    session: Session,
    store: SampleStore,
    period: str,
    imprint: Imprint,
    zone: ZoneInfo,
    now: datetime,
    groups: Sequence[str],
) -> Month:
    """NotFound for a month that was not drafted. groups: by what the use is asked for, as each costs its time."""
    settled = read_period(session, period)
    estate = read_estate(session)
    end = min(settled.ends, now)
    return Month(
        imprint=imprint,
        period=settled,
        estate=estate,
        use=read_use(store, session, estate, (settled.starts, end), groups),
        sizes=read_sizes(session, estate, settled.starts, end),
        amounts=item_amounts(session, last_months(period)),
        granted=read_budgets(session, int(period[:4])),
        savings=read_savings(session, estate, zone, settled.starts, end),
        equipment=read_equipment(session, estate),
        holds=read_holds(session, now),
    )


def read_sizes(
    session: Session, estate: Estate, start: datetime, end: datetime
) -> dict[tuple[str, str], Size]:
    units = {row.id: row.code for row in estate.units.values()}
    names = {row.id: row.name for row in estate.machines.values()}
    rows = sorted(allocations_between(session, start, end), key=lambda row: row.start)
    return {(units[row.unit_id], names[row.vm_id]): size_of(row) for row in rows}


def as_month(period: str, rows: Sequence[ItemAmount]) -> MonthAmount:
    by_item: dict[str, int] = {}
    for row in rows:
        if not row.is_adjustment:
            by_item[row.item] = by_item.get(row.item, 0) + row.amount_fen
    adjusted = sum(row.amount_fen for row in rows if row.is_adjustment)
    return MonthAmount(period, by_item, adjusted, sum(row.amount_fen for row in rows))


def month_before(period: str) -> str:
    year, month = (int(part) for part in period.split("-"))
    return f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02d}"


def last_months(period: str) -> list[str]:
    """Twelve months up to and including this one."""
    months = [period]
    while len(months) < MONTHS:
        months.append(month_before(months[-1]))
    return months[::-1]


def act_order(signature: Signature) -> tuple[datetime, int]:
    """By time; acts of one instant in the order of a month's course."""
    return signature.at, list(Act).index(signature.act)


def as_signing(signature: Signature) -> Signing:
    return Signing(signature.act, signature.name, signature.role, signature.at, signature.reason)
