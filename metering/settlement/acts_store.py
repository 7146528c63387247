"""The ledger's questions about what people did to a settlement: signatures, disputes, waivers, adjustments."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloudctl.core.tables import AuditRow
from metering.settlement.tables import (
    AdjustmentRow,
    DisputeRow,
    EvidenceRow,
    SignatureRow,
    WaiverRow,
)

# The audit chain's word for closing a month.
CLOSING = "settle.close"


def signature_rows(session: Session, period_id: int) -> Sequence[SignatureRow]:
    """What was done to a period and its statements, in order."""
    return session.scalars(
        select(SignatureRow).where(SignatureRow.period_id == period_id).order_by(SignatureRow.id)
    ).all()


def dispute_rows(session: Session, statement_ids: Sequence[int]) -> Sequence[DisputeRow]:
    """Disputes of these statements, in order."""
    return session.scalars(
        select(DisputeRow).where(DisputeRow.statement_id.in_(statement_ids)).order_by(DisputeRow.id)
    ).all()


def waiver_rows(session: Session, period: str) -> Sequence[WaiverRow]:
    return session.scalars(select(WaiverRow).where(WaiverRow.period == period).order_by(WaiverRow.id)).all()


def waived(session: Session, period: str) -> frozenset[tuple[int, str]]:
    """(machine's id, item) that two people waived."""
    signed: dict[tuple[int, str], set[str]] = {}
    for row in waiver_rows(session, period):
        signed.setdefault((row.vm_id, row.item), set()).add(row.login)
    return frozenset(key for key, people in signed.items() if len(people) > 1)


def adjustment_rows(session: Session, target_period: str) -> Sequence[AdjustmentRow]:
    return session.scalars(
        select(AdjustmentRow).where(AdjustmentRow.target_period == target_period).order_by(AdjustmentRow.id)
    ).all()


def adjustment_of(session: Session, line_id: int) -> AdjustmentRow | None:
    return session.scalar(select(AdjustmentRow).where(AdjustmentRow.line_id == line_id))


def evidence_rows(session: Session, period_id: int) -> Sequence[EvidenceRow]:
    """By kind and subject: the order in which they are hashed together."""
    return session.scalars(
        select(EvidenceRow)
        .where(EvidenceRow.period_id == period_id)
        .order_by(EvidenceRow.kind, EvidenceRow.subject)
    ).all()


def closing_entry(session: Session, period: str) -> dict[str, Any] | None:
    """What the audit chain recorded when the month was closed; None when it never was."""
    return session.scalar(
        select(AuditRow.detail)
        .where(AuditRow.action == CLOSING, AuditRow.subject == period)
        .order_by(AuditRow.sequence.desc())
        .limit(1)
    )
