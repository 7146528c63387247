"""The operator's answer to a dispute: a corrected revision of the statement, or the line upheld with a reason."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, problem
from cloudctl.core.identity import Role
from cloudctl.core.workdays import load_calendar
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.draft_settlement import compute
from cloudctl.operations.settlement.settlement_acts import (
    deem_overdue,
    require_period,
    require_statement,
    sign,
)
from cloudctl.operations.settlement.settlement_notices import tell_upheld
from metering.settlement import store as ledger
from metering.settlement.acts_store import dispute_rows
from metering.settlement.keeping import keep_drafts, next_revision
from metering.settlement.model import Act, PeriodState, StatementState
from metering.settlement.tables import StatementRow


@dataclass(frozen=True, slots=True)
class Corrected:
    """The statement's new revision, drafted, and what it came to before and now."""

    number: str
    revision: int
    total_before_fen: int
    total_fen: int


def correct_statement(ctx: Context, number: str, reason: str) -> Corrected:
    """Supersedes a statement by a draft computed from the evidence as it stands now: same number, next revision.

    For a disputed statement this answers its disputes; the operator may also withdraw one that nobody disputed, up
    to the closing. Then it is issued again, and answered and approved anew.
    """
    _require_reason(ctx, reason)
    with ctx.writing() as session:
        deem_overdue(ctx, session)
        period, row = ledger.find_statement(session, number)
        require_period(session, period, PeriodState.ISSUED, PeriodState.APPROVED)
        require_statement(
            row,
            StatementState.DISPUTED,
            StatementState.ISSUED,
            StatementState.CONFIRMED,
            StatementState.DEEMED,
            StatementState.APPROVED,
        )
        _answer(ctx, session, row, (Act.CORRECT, reason))
        sign(ctx, session, (period, row), (Act.CORRECT, Role.OPERATOR), reason)
        period.state = PeriodState.ISSUED
        fresh = next_revision(session, row)
        keep_drafts(session, period, compute(ctx, session, period))
        ctx.record(session, "settle.correct", number, revision=fresh.revision, reason=reason)
        return Corrected(number, fresh.revision, row.total_fen, fresh.total_fen)


def uphold_statement(ctx: Context, number: str, reason: str) -> None:
    """Answers a statement's disputes with why its lines are right; the unit's time to answer begins anew."""
    _require_reason(ctx, reason)
    with ctx.writing() as session:
        period, row = ledger.find_statement(session, number)
        require_statement(row, StatementState.DISPUTED)
        _answer(ctx, session, row, (Act.UPHOLD, reason))
        row.state = StatementState.ISSUED
        days = ctx.settings.settlement.confirm_workdays
        row.deadline = load_calendar(ctx.home).deadline(ctx.clock.now(), days, ctx.site.zone)
        sign(ctx, session, (period, row), (Act.UPHOLD, Role.OPERATOR), reason)
        tell_upheld(ctx, session, period, row, reason)
        ctx.record(session, "settle.uphold", number, revision=row.revision, reason=reason)


def _require_reason(ctx: Context, reason: str) -> None:
    ctx.actor.require(Role.OPERATOR)
    if not reason.strip():
        raise InvalidInput([problem("", "A reason is needed.")])


def _answer(ctx: Context, session: Session, row: StatementRow, answer: tuple[Act, str]) -> None:
    for dispute in dispute_rows(session, [row.id]):
        if dispute.answer is None:
            dispute.answer, dispute.answer_reason = answer
            dispute.answered_by, dispute.answered_at = ctx.actor.login, ctx.clock.now()
    session.flush()
