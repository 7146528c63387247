"""The ledger's side of funding: budgets, holds, and the savings booked by the review."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound
from cloudctl.core.tables import UnitRow
from policies.funding.model import HoldState
from policies.funding_tables import BudgetRow, FundingHoldRow
from policies.tables import SavingRow


def budget_rows(session: Session, year: int | None = None) -> Sequence[tuple[BudgetRow, UnitRow]]:
    """Budgets with their units, by year, unit and kind."""
    query = select(BudgetRow, UnitRow).join(UnitRow, UnitRow.id == BudgetRow.unit_id)
    if year is not None:
        query = query.where(BudgetRow.year == year)
    found = session.execute(query.order_by(BudgetRow.year, UnitRow.code, BudgetRow.kind))
    return [(budget, unit) for budget, unit in found]


def hold_rows(
    session: Session, *, states: Sequence[str] | None = None, unit_id: int | None = None
) -> Sequence[tuple[FundingHoldRow, UnitRow]]:
    """Holds with their units, by number."""
    query = select(FundingHoldRow, UnitRow).join(UnitRow, UnitRow.id == FundingHoldRow.unit_id)
    if states is not None:
        query = query.where(FundingHoldRow.state.in_(states))
    if unit_id is not None:
        query = query.where(FundingHoldRow.unit_id == unit_id)
    return [(hold, unit) for hold, unit in session.execute(query.order_by(FundingHoldRow.id))]


def find_hold(session: Session, number: int) -> FundingHoldRow:
    """NotFound for a number no hold has."""
    row = session.get(FundingHoldRow, number)
    if row is None:
        raise NotFound("There is no funding hold {number}.", number=number)
    return row


def holds_in_force(session: Session, unit: str) -> Sequence[FundingHoldRow]:
    """Placed holds of the unit of that code: while there is one, it is granted nothing new."""
    return [hold for hold, owner in hold_rows(session, states=[HoldState.PLACED]) if owner.code == unit]


def saving_rows(session: Session, start: datetime, end: datetime) -> Sequence[tuple[SavingRow, UnitRow]]:
    """Savings that were in effect at some time of [start, end), with their units, by start."""
    query = (
        select(SavingRow, UnitRow)
        .join(UnitRow, UnitRow.id == SavingRow.unit_id)
        .where(SavingRow.start < end, or_(SavingRow.end.is_(None), SavingRow.end > start))
    )
    return [(saving, unit) for saving, unit in session.execute(query.order_by(SavingRow.start, SavingRow.id))]
