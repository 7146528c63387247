"""Finance approves answered statements: somebody who neither prepared nor confirmed them."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.settlement_acts import (
    PREPARING,
    STATES,
    Signers,
    deem_overdue,
    require_period,
    require_statement,
    sign,
)
from metering.settlement import store as ledger
from metering.settlement.acts_store import adjustment_rows
from metering.settlement.model import Act, PeriodState, StatementState
from metering.settlement.tables import PeriodRow, StatementRow

ANSWERED = (StatementState.CONFIRMED, StatementState.DEEMED)


def approve_statements(ctx: Context, period: str, number: str | None = None) -> list[str]:
    """Approves every statement of the month (or the one of that number) and returns the numbers approved.

    Refused when one of them waits for its unit or its operator, and for who prepared or confirmed one of them.
    """
    ctx.actor.require(Role.FINANCE)
    with ctx.writing() as session:
        row = ledger.get_period(session, period)
        deem_overdue(ctx, session)
        require_period(session, row, PeriodState.ISSUED)
        waiting = _waiting(session, row, number)
        _require_four_eyes(ctx, session, row, waiting)
        for statement in waiting:
            statement.state = StatementState.APPROVED
            sign(ctx, session, (row, statement), (Act.APPROVE, Role.FINANCE))
            ctx.record(
                session,
                "settle.approve",
                str(statement.number),
                revision=statement.revision,
                hash=statement.content_hash,
            )
        current = ledger.current_statements(session, row.id)
        if all(statement.state == StatementState.APPROVED for statement in current):
            row.state = PeriodState.APPROVED
        return [str(statement.number) for statement in waiting]


def _waiting(session: Session, period: PeriodRow, number: str | None) -> list[StatementRow]:
    if number is not None:
        owner, statement = ledger.find_statement(session, number)
        require_statement(statement, *ANSWERED)
        if owner.id != period.id:
            raise Refused("Statement {number} is of {period}.", number=number, period=owner.period)
        return [statement]
    current = ledger.current_statements(session, period.id)
    for statement in current:
        if statement.state not in {*ANSWERED, StatementState.APPROVED}:
            raise Refused(
                "Statement {number} is {state}.",
                number=statement.number or statement.unit_code,
                state=STATES[statement.state],
                hint=Message(
                    "A statement can be approved once its unit has answered, or its deadline has passed."
                ),
            )
    return [statement for statement in current if statement.state in ANSWERED]


def _require_four_eyes(
    ctx: Context, session: Session, period: PeriodRow, statements: Sequence[StatementRow]
) -> None:
    login, signers = ctx.actor.login, Signers(session, period)
    adjusters = {row.login for row in adjustment_rows(session, period.period)}
    for statement in statements:
        if login in signers.of(statement, PREPARING) | adjusters:
            raise Refused(
                "{login} prepared statement {number} and cannot approve it.",
                login=login,
                number=statement.number,
            )
        if login in signers.of(statement, [Act.CONFIRM, Act.DISPUTE]):
            raise Refused(
                "{login} answered statement {number} for its unit and cannot approve it.",
                login=login,
                number=statement.number,
            )
