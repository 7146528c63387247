"""A unit's answer to its statement: it confirms, or disputes a line with a reason."""

import re

from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Message, NotFound, Refused, problem
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.settlement_acts import deem_overdue, require_statement, sign
from metering.settlement import store as ledger
from metering.settlement.acts_store import dispute_rows
from metering.settlement.model import Act, StatementState
from metering.settlement.tables import DisputeRow, PeriodRow, StatementRow

PERIOD = re.compile(r"\d{4}-\d{2}")


def own_number(ctx: Context, name: str) -> str:
    """The number of a statement named by itself, or by its month where the unit has one statement of it.

    NotFound for a month without any; Refused, with their numbers, where there are several.
    """
    if not PERIOD.fullmatch(name):
        return name
    with ctx.reading() as session:
        period = ledger.get_period(session, name)
        rows = ledger.current_statements(session, period.id)
        numbers = [row.number for row in rows if row.number and row.unit_code == ctx.actor.unit]
    if not numbers:
        raise NotFound("Your unit has no issued statement of {period}.", period=name)
    if len(numbers) > 1:
        raise Refused(
            "Your unit has several statements of {period}: name one.",
            period=name,
            hint=Message("They are: {names}.", {"names": ", ".join(numbers)}),
        )
    return numbers[0]


def confirm_statement(ctx: Context, number: str) -> None:
    """The unit accepts an issued statement. Refused for other units' people and after the deadline."""
    ctx.actor.require(Role.UNIT)
    with ctx.writing() as session:
        period, row = _own_statement(ctx, session, number)
        require_statement(row, StatementState.ISSUED)
        row.state = StatementState.CONFIRMED
        sign(ctx, session, (period, row), (Act.CONFIRM, Role.UNIT))
        ctx.record(session, "settle.confirm", number, revision=row.revision, hash=row.content_hash)


def dispute_statement(ctx: Context, number: str, line: int, reason: str) -> None:
    """The unit objects to one line. Refused after the deadline, and for a line that was answered as right before."""
    ctx.actor.require(Role.UNIT)
    if not reason.strip():
        raise InvalidInput([problem("", "A reason is needed.")])
    with ctx.writing() as session:
        period, row = _own_statement(ctx, session, number)
        require_statement(row, StatementState.ISSUED, StatementState.DISPUTED)
        ledger.find_line(session, number, line)
        if any(dispute.line == line for dispute in dispute_rows(session, [row.id])):
            raise Refused("Line {line} of statement {number} was disputed before.", line=line, number=number)
        now = ctx.clock.now()
        session.add(
            DisputeRow(
                statement_id=row.id, line=line, reason=reason, raised_by=ctx.actor.login, raised_at=now
            )
        )
        row.state = StatementState.DISPUTED
        sign(ctx, session, (period, row), (Act.DISPUTE, Role.UNIT), reason)
        ctx.record(session, "settle.dispute", number, revision=row.revision, line=line, reason=reason)


def _own_statement(ctx: Context, session: Session, number: str) -> tuple[PeriodRow, StatementRow]:
    period, row = ledger.find_statement(session, number)
    if ctx.actor.unit != row.unit_code:
        raise Refused("Statement {number} is another unit's.", number=number)
    deem_overdue(ctx, session)
    return period, row
