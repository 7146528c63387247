"""Puts units' yearly budgets in force from a file: planned, shown, then applied; finance alone may."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Problem, problem
from cloudctl.core.estate import units
from cloudctl.core.identity import Role
from cloudctl.core.money import yuan_text
from cloudctl.core.yaml_problems import Marks
from cloudctl.core.yaml_source import FenText, YamlModel, load_document, wrong
from cloudctl.operations.context import Context
from policies.funding.budgets import budget_positions
from policies.funding.model import BudgetKind
from policies.funding.store import budget_rows
from policies.funding_tables import BudgetRow


def _not_negative(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("-"):
        raise wrong("“{value}” is negative.", value=value)
    return value


class BudgetEntry(YamlModel):
    year: Annotated[int, Field(ge=2000, le=2999)]
    unit: str
    kind: BudgetKind
    amount: Annotated[FenText, BeforeValidator(_not_negative)]


class BudgetFile(YamlModel):
    budgets: tuple[BudgetEntry, ...]


@dataclass(frozen=True, slots=True)
class BudgetStep:
    """One budget set; before None: there was none."""

    year: int
    unit: str
    kind: BudgetKind
    before_fen: int | None
    after_fen: int


def plan_budgets(ctx: Context, path: Path) -> list[BudgetStep]:
    """What the file changes; budgets it doesn't name stay. InvalidInput for every fault."""
    ctx.actor.require(Role.FINANCE)
    with ctx.reading() as session:
        return _planned(session, path)


def apply_budgets(ctx: Context, path: Path) -> list[BudgetStep]:
    ctx.actor.require(Role.FINANCE)
    with ctx.writing() as session:
        steps = _planned(session, path)
        ids = {unit.code: unit.id for unit in units(session)}
        rows = {(row.year, row.unit_id, row.kind): row for row, _ in budget_rows(session)}
        for step in steps:
            key = (step.year, ids[step.unit], str(step.kind))
            row = rows.get(key)
            if row is None:
                row = BudgetRow(year=key[0], unit_id=key[1], kind=key[2])
                session.add(row)
            row.amount_fen, row.applied_by, row.applied_at = step.after_fen, ctx.actor.login, ctx.clock.now()
            ctx.record(
                session,
                "budget.apply",
                f"{step.year} {step.unit} {step.kind}",
                before_fen=step.before_fen,
                after_fen=step.after_fen,
            )
        return steps


def _planned(session: Session, path: Path) -> list[BudgetStep]:
    document, marks = load_document(path, BudgetFile)
    codes = {unit.id: unit.code for unit in units(session)}
    problems = list(_faults(document, marks, set(codes.values())))
    if problems:
        raise InvalidInput(problems)
    present = {(row.year, unit.code, row.kind): row.amount_fen for row, unit in budget_rows(session)}
    return [
        BudgetStep(entry.year, entry.unit, entry.kind, present.get(key), entry.amount)
        for entry in document.budgets
        if present.get(key := (entry.year, entry.unit, str(entry.kind))) != entry.amount
    ]


def _faults(document: BudgetFile, marks: Marks, known: set[str]) -> Iterator[Problem]:
    seen = set()
    if not document.budgets:
        yield problem(marks.place(("budgets",)), "At least one entry is needed here.")
    for index, entry in enumerate(document.budgets):
        if entry.unit not in known:
            yield problem(
                marks.place(("budgets", index, "unit")), "There is no unit “{code}”.", code=entry.unit
            )
        key = (entry.year, entry.unit, entry.kind)
        if key in seen:
            yield problem(marks.place(("budgets", index)), "This unit, year and kind stand here twice.")
        seen.add(key)


def list_budgets(ctx: Context, year: int | None = None) -> list[dict[str, Any]]:
    """Budgets against what was settled; a unit's own people see theirs alone."""
    with ctx.reading() as session:
        positions = budget_positions(session, year)
    return [
        {
            "year": position.year,
            "unit": position.unit,
            "unit_name": position.unit_name,
            "kind": str(position.kind),
            "amount": yuan_text(position.amount_fen),
            "settled": _yuan(position.settled_fen),
            "running": _yuan(position.running_fen),
            "left": _yuan(position.left_fen),
            "currency": ctx.site.currency,
        }
        for position in positions
        if ctx.actor.has(*(role for role in Role if role is not Role.UNIT)) or ctx.actor.unit == position.unit
    ]


def _yuan(fen: int | None) -> str | None:
    return None if fen is None else yuan_text(fen)
