"""Budgets against what was settled: a unit's position in its year."""

from sqlalchemy.orm import Session

from metering.settlement.model import PeriodState
from metering.settlement.store import period_rows, unit_totals
from policies.funding.model import BudgetKind, BudgetPosition
from policies.funding.store import budget_rows


def budget_positions(session: Session, year: int | None = None) -> list[BudgetPosition]:
    """Every budget with what its year's months came to, closed ones and running ones apart."""
    spent: dict[tuple[int, str, bool], int] = {}
    for row in period_rows(session):
        is_closed = row.state == PeriodState.CLOSED
        for unit, total_fen in unit_totals(session, row.period).items():
            key = (int(row.period[:4]), unit, is_closed)
            spent[key] = spent.get(key, 0) + total_fen
    found = []
    for budget, unit_row in budget_rows(session, year):
        is_billed = budget.kind == BudgetKind.CLOUD
        found.append(
            BudgetPosition(
                budget.year,
                unit_row.code,
                unit_row.name,
                BudgetKind(budget.kind),
                budget.amount_fen,
                spent.get((budget.year, unit_row.code, True), 0) if is_billed else None,
                spent.get((budget.year, unit_row.code, False), 0) if is_billed else None,
            )
        )
    return found
