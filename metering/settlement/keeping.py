"""Keeps drafts in the ledger: rows are made, filled again or taken away until a statement is issued."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cloudctl.core.audit import preferred_algorithm
from metering.settlement import store as ledger
from metering.settlement.document import document_hash, statement_hash
from metering.settlement.drafting import Draft
from metering.settlement.model import Line, StatementState
from metering.settlement.reading import as_statement
from metering.settlement.tables import PeriodRow, StatementRow


def keep_drafts(
    session: Session, period: PeriodRow, drafts: Sequence[Draft]
) -> list[tuple[StatementRow, Sequence[Line]]]:
    """Writes the drafts over the period's drafted statements; what was issued stays. Returns what was written.

    A numbered draft (a later revision) that has nothing left to bill stays, empty, so that no number is lost.
    """
    present = {(row.provider, row.unit_id): row for row in ledger.current_statements(session, period.id)}
    wanted = {(draft.provider, draft.unit_id): draft for draft in drafts}
    kept: list[tuple[StatementRow, Sequence[Line]]] = []
    for key, draft in wanted.items():
        row = present.get(key)
        if row is None:
            row = _new_row(session, period, draft)
        elif row.state != StatementState.DRAFTED:
            continue
        row.unit_code, row.unit_name = draft.unit, draft.unit_name
        kept.append((row, draft.lines))
    for key, row in present.items():
        if key not in wanted and row.state == StatementState.DRAFTED:
            if row.number is None:
                ledger.remove_draft(session, row)
            else:
                kept.append((row, ()))
    ledger.clear_lines(session, [row.id for row, _ in kept])
    for row, lines in kept:
        row.total_fen = sum(line.amount_fen for line in lines)
        rehash(period, row, lines)
    session.flush()
    ledger.add_lines(session, [(row.id, line) for row, lines in kept for line in lines])
    return kept


def _new_row(session: Session, period: PeriodRow, draft: Draft) -> StatementRow:
    row = StatementRow(
        period_id=period.id,
        unit_id=draft.unit_id,
        unit_code=draft.unit,
        unit_name=draft.unit_name,
        provider=draft.provider,
        revision=1,
        state=StatementState.DRAFTED,
        total_fen=0,
        algorithm=preferred_algorithm(),
        content_hash="",
        is_sealed=False,
    )
    session.add(row)
    session.flush()
    return row


def rehash(period: PeriodRow, row: StatementRow, lines: Sequence[Line]) -> None:
    """The statement's hash for its present number, revision and lines."""
    row.algorithm = preferred_algorithm()
    row.content_hash = statement_hash(as_statement(period, row, lines), row.algorithm)


def next_revision(session: Session, row: StatementRow) -> StatementRow:
    """Puts an empty draft of the same number in the statement's place, which is superseded."""
    row.state = StatementState.SUPERSEDED
    fresh = StatementRow(
        period_id=row.period_id,
        unit_id=row.unit_id,
        unit_code=row.unit_code,
        unit_name=row.unit_name,
        provider=row.provider,
        number=row.number,
        revision=row.revision + 1,
        state=StatementState.DRAFTED,
        total_fen=0,
        algorithm=row.algorithm,
        content_hash="",
        is_sealed=False,
    )
    session.add(fresh)
    session.flush()
    return fresh


def period_hash(statements: Sequence[StatementRow]) -> tuple[str, str]:
    """What a signature on a whole period signs: (hash of its statements' hashes, algorithm)."""
    algorithm = preferred_algorithm()
    listed = [[row.provider, row.unit_code, row.revision, row.content_hash] for row in statements]
    return document_hash(sorted(listed), algorithm), algorithm
