"""What stands beside a statement's money: budgets, savings, equipment from before the cloud, funding holds."""

from datetime import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from cloudctl.core.estate import equipment
from cloudctl.core.money import round_half_up
from metering.settlement.store import price_book
from policies.funding.model import HoldState
from policies.funding.savings import savings
from policies.funding.store import budget_rows, hold_rows
from reports.datasets.statement import EquipmentCost, Hold, Saving
from reports.sources.estate import Estate


def read_budgets(session: Session, year: int) -> dict[str, dict[str, int]]:
    """Granted fen by unit's code and kind."""
    found: dict[str, dict[str, int]] = {}
    for budget, unit in budget_rows(session, year):
        found.setdefault(unit.code, {})[budget.kind] = budget.amount_fen
    return found


def read_savings(
    session: Session, estate: Estate, zone: ZoneInfo, start: datetime, end: datetime
) -> dict[str, list[Saving]]:
    """Savings in effect in [start, end), by unit's code."""
    found: dict[str, list[Saving]] = {}
    for one in savings(session, price_book(session, zone), start, end):
        machine = estate.machines[one.vm]
        system = next(row.code for row in estate.systems.values() if row.id == machine.system_id)
        found.setdefault(one.unit, []).append(
            Saving(
                case=str(one.case),
                vm=one.vm,
                system=estate.system(system),
                before=one.from_size,
                after=one.to_size,
                since=one.start,
                until=one.end if one.end < end else None,
                monthly_fen=one.monthly_fen,
                amount_fen=one.amount_fen,
            )
        )
    return found


def read_equipment(session: Session, estate: Estate) -> dict[str, list[EquipmentCost]]:
    """Equipment by its unit's code."""
    units = {row.id: row.code for row in estate.units.values()}
    found: dict[str, list[EquipmentCost]] = {}
    for row in equipment(session):
        yearly = sum(row.yearly_cost_fen.values())
        found.setdefault(units[row.unit_id], []).append(
            EquipmentCost(
                row.code,
                row.kind,
                row.condition,
                dict(row.yearly_cost_fen),
                round_half_up(Fraction(yearly, 12)),
            )
        )
    return found


def read_holds(session: Session, at: datetime) -> dict[str, list[Hold]]:
    """Holds that were in force at an instant, by unit's code."""
    found: dict[str, list[Hold]] = {}
    for hold, unit in hold_rows(session, states=[HoldState.PLACED, HoldState.LIFTED]):
        if (
            hold.placed_at is None
            or hold.placed_at > at
            or (hold.lifted_at is not None and hold.lifted_at <= at)
        ):
            continue
        found.setdefault(unit.code, []).append(Hold(hold.ground, hold.reason, hold.placed_at))
    return found
