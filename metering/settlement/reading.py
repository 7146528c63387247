"""Settlement as values: months and statements read whole from their rows."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from metering.settlement.acts_store import dispute_rows, signature_rows
from metering.settlement.model import (
    Act,
    Dispute,
    Line,
    Period,
    PeriodState,
    Signature,
    Statement,
    StatementState,
)
from metering.settlement.store import all_statements, current_statements, get_period, lines_of
from metering.settlement.tables import (
    DisputeRow,
    PeriodRow,
    SignatureRow,
    StatementRow,
)


def read_period(session: Session, period: str) -> Period:
    """A drafted month with its current statements, whole. NotFound."""
    row = get_period(session, period)
    statements = read_statements(session, row, current_statements(session, row.id))
    signatures = [as_signature(s) for s in signature_rows(session, row.id) if s.statement_id is None]
    return Period(
        row.period,
        period_state(row, [statement.state for statement in statements]),
        row.starts,
        row.ends,
        sum(statement.total_fen for statement in statements),
        tuple(statements),
        tuple(signatures),
        row.seal_hash,
        row.seal_algorithm,
        row.closed_at,
    )


def read_statements(session: Session, period: PeriodRow, rows: Sequence[StatementRow]) -> list[Statement]:
    """Statements as values, with lines, disputes and signatures of all their number's revisions."""
    lines = lines_of(session, [row.id for row in rows])
    revisions = _revisions(session, period.id, rows)
    signatures = signature_rows(session, period.id)
    disputes = dispute_rows(session, [key for ids in revisions.values() for key in ids])
    return [
        as_statement(
            period,
            row,
            lines[row.id],
            [as_dispute(dispute) for dispute in disputes if dispute.statement_id in revisions[row.id]],
            [as_signature(s) for s in signatures if s.statement_id in revisions[row.id]],
        )
        for row in rows
    ]


def _revisions(session: Session, period_id: int, rows: Sequence[StatementRow]) -> dict[int, set[int]]:
    """For each statement the ids of its revisions up to itself."""
    everything = all_statements(session, period_id)
    return {
        row.id: {
            other.id
            for other in everything
            if (other.unit_id, other.provider) == (row.unit_id, row.provider)
            and other.revision <= row.revision
        }
        for row in rows
    }


def period_state(row: PeriodRow, states: Sequence[StatementState]) -> PeriodState:
    """The period's own state; while statements are being answered, the one they are in together."""
    if row.state != PeriodState.ISSUED or not states:
        return PeriodState(row.state)
    if StatementState.DISPUTED in states:
        return PeriodState.DISPUTED
    answered = {StatementState.CONFIRMED, StatementState.DEEMED, StatementState.APPROVED}
    if not set(states) <= answered:
        return PeriodState.ISSUED
    return PeriodState.DEEMED if set(states) == {StatementState.DEEMED} else PeriodState.CONFIRMED


def as_statement(
    period: PeriodRow,
    row: StatementRow,
    lines: Sequence[Line],
    disputes: Sequence[Dispute] = (),
    signatures: Sequence[Signature] = (),
) -> Statement:
    return Statement(
        row.id,
        period.period,
        row.number,
        row.revision,
        row.unit_code,
        row.unit_name,
        row.provider,
        StatementState(row.state),
        row.total_fen,
        row.content_hash,
        row.issued_at,
        row.deadline,
        tuple(lines),
        tuple(disputes),
        tuple(signatures),
    )


def as_signature(row: SignatureRow) -> Signature:
    return Signature(
        Act(row.act), row.login, row.name, row.role, row.at, row.content_hash, row.algorithm, row.reason
    )


def as_dispute(row: DisputeRow) -> Dispute:
    return Dispute(
        row.line,
        row.reason,
        row.raised_by,
        row.raised_at,
        row.answer,
        row.answer_reason,
        row.answered_by,
        row.answered_at,
    )
