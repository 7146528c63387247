"""Terms of machines: which end soon, which are over; units are told of it, and nothing is switched off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.estate import find_unit
from cloudctl.core.identity import Role
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.letters import OPERATORS, tell, tell_unit
from cloudctl.operations.requests.request_steps import may_see_all
from policies.requests.store import terms
from policies.requests.tables import MachineTermRow
from policies.requests.terms import TermStage, stage_of

_LETTERS = {
    TermStage.ENDING: (
        Message("Terms of unit {unit} end soon"),
        Message(
            "Machines and their last days: {machines}. To keep one: cloudctl request submit extend; to give it up: "
            "cloudctl request submit retire. Nothing is switched off by itself."
        ),
    ),
    TermStage.OVERDUE: (
        Message("Terms of unit {unit} are over"),
        Message(
            "Machines and their last days: {machines}. They run on and are billed. To give one up: cloudctl request "
            "submit retire; to keep it: cloudctl request submit extend."
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class MachineTerm:
    """A machine that was granted until a day, by a request. days_left below 0: it is over."""

    vm: str
    system: str
    unit: str
    until: date
    days_left: int
    stage: TermStage
    request: int

    def row(self) -> dict[str, Any]:
        return {
            "vm": self.vm,
            "system": self.system,
            "unit": self.unit,
            "until": self.until.isoformat(),
            "days_left": self.days_left,
            "stage": str(self.stage),
            "request": self.request,
        }


def list_terms(ctx: Context, *, are_due: bool = False) -> list[MachineTerm]:
    """Machines that were granted for a time, the earliest end first; a unit's own people see theirs alone.

    are_due: only those that end soon or are over.
    """
    with ctx.reading() as session:
        found = [term for _, term in _terms(ctx, session)]
    return [
        term
        for term in found
        if (may_see_all(ctx) or ctx.actor.unit == term.unit)
        and not (are_due and term.stage is TermStage.RUNNING)
    ]


def remind_of_terms(ctx: Context) -> list[MachineTerm]:
    """Tells of every term once when it is about to end and once when it is over; an extension begins it anew."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.writing() as session:
        due = [
            (row, term)
            for row, term in _terms(ctx, session, state="active")
            if term.stage is not TermStage.RUNNING and row.told != term.stage
        ]
        for row, term in due:
            row.told = term.stage
            ctx.record(
                session,
                "term.remind",
                f"vm:{term.vm}",
                stage=str(term.stage),
                until=term.until.isoformat(),
                request=term.request,
            )
        told = [term for _, term in due]
        for unit, stage in dict.fromkeys((term.unit, term.stage) for term in told):
            _tell(ctx, session, stage, [term for term in told if (term.unit, term.stage) == (unit, stage)])
        return told


def _terms(
    ctx: Context, session: Session, state: str | None = None
) -> list[tuple[MachineTermRow, MachineTerm]]:
    today, notice_days = ctx.clock.now().astimezone(ctx.site.zone).date(), ctx.settings.requests.notice_days
    found = []
    for row, vm in terms(session):
        if state is not None and vm.state != state:
            continue
        system = session.get_one(SystemRow, vm.system_id)
        unit = session.get_one(UnitRow, system.unit_id)
        stage, left = stage_of(row.until, today, notice_days), (row.until - today).days
        found.append(
            (row, MachineTerm(vm.name, system.code, unit.code, row.until, left, stage, row.request_id))
        )
    return found


def _tell(ctx: Context, session: Session, stage: TermStage, due: Sequence[MachineTerm]) -> None:
    """One letter to the unit for all its machines; of what is over, operators have one too."""
    subject, body = _LETTERS[stage]
    unit = find_unit(session, due[0].unit)
    values = {"unit": unit.name, "machines": ", ".join(f"{term.vm} ({term.until})" for term in due)}
    letter = Message(subject.template, values), Message(body.template, values)
    tell_unit(ctx, session, unit.id, f"unit:{unit.code}", *letter)
    if stage is TermStage.OVERDUE:
        tell(ctx, session, OPERATORS, f"unit:{unit.code}", *letter)
