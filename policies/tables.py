"""Tables of review: the rule's versions, cases with evidence, votes and history, exemptions, savings."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant, JsonText


class RuleRow(Base):
    """One version of the under-use rule. In force from valid_from once two people signed; version 1 came packaged."""

    __tablename__ = "review_rule"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    version: Mapped[int] = mapped_column(unique=True)
    valid_from: Mapped[datetime] = mapped_column(Instant)
    document: Mapped[dict[str, Any]] = mapped_column(JsonText)
    hash: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str | None] = mapped_column(Text)
    proposed_at: Mapped[datetime | None] = mapped_column(Instant)
    approved_by: Mapped[str | None] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(Instant)
    is_in_force: Mapped[bool] = mapped_column(default=False)


class CaseRow(Base):
    """One machine's case of one window. kind, state, decision and outcome: words of policies.panel.

    from_size/to_size: what it holds and what is proposed (nothing, for a retirement). before_size: what it held
    when the case was carried out, which a rollback restores. monthly_saving_fen None: no tariff prices it.
    """

    __tablename__ = "review_case"
    __table_args__ = (
        UniqueConstraint("vm_id", "window_start", "window_end", "kind"),
        Index("ix_review_case_state", "state"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    window_start: Mapped[datetime] = mapped_column(Instant)
    window_end: Mapped[datetime] = mapped_column(Instant)
    rule_version: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    meters: Mapped[list[str]] = mapped_column(JsonText)
    state: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    from_size: Mapped[dict[str, Any]] = mapped_column(JsonText)
    to_size: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    remedy: Mapped[str | None] = mapped_column(Text)
    monthly_saving_fen: Mapped[int | None]
    risk_ppm: Mapped[int | None]
    opened_by: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    notified_at: Mapped[datetime | None] = mapped_column(Instant)
    answer_by: Mapped[datetime | None] = mapped_column(Instant)
    reminded_at: Mapped[datetime | None] = mapped_column(Instant)
    answer: Mapped[str | None] = mapped_column(Text)
    answer_text: Mapped[str | None] = mapped_column(Text)
    round: Mapped[int] = mapped_column(default=1)
    decision: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    appealed_at: Mapped[datetime | None] = mapped_column(Instant)
    scheduled_for: Mapped[datetime | None] = mapped_column(Instant)
    change_id: Mapped[int | None] = mapped_column(ForeignKey("change.id"))
    before_size: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    executed_at: Mapped[datetime | None] = mapped_column(Instant)
    executed_by: Mapped[str | None] = mapped_column(Text)
    watch_until: Mapped[datetime | None] = mapped_column(Instant)
    rollback_proposed_at: Mapped[datetime | None] = mapped_column(Instant)
    rollback_change_id: Mapped[int | None] = mapped_column(ForeignKey("change.id"))
    rolled_back_at: Mapped[datetime | None] = mapped_column(Instant)


class EvidenceRow(Base):
    """What a case was opened on, frozen: triggers refuse to change it. hash: of the document's canonical JSON."""

    __tablename__ = "review_evidence"
    case_id: Mapped[int] = mapped_column(ForeignKey("review_case.id"), primary_key=True, autoincrement=False)
    document: Mapped[dict[str, Any]] = mapped_column(JsonText)
    algorithm: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)


class VoteRow(Base):
    """One panel member's vote in one round of a case; round 2 follows an appeal."""

    __tablename__ = "review_vote"
    __table_args__ = (UniqueConstraint("case_id", "round", "voter"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("review_case.id"))
    round: Mapped[int]
    voter: Mapped[str] = mapped_column(Text)
    choice: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)


class EventRow(Base):
    """One step of a case's history."""

    __tablename__ = "review_event"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("review_case.id"), index=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class ExemptionRow(Base):
    """A machine left out of review in [start, end), by a reason somebody answers for."""

    __tablename__ = "exemption"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime] = mapped_column(Instant)
    added_by: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime] = mapped_column(Instant)
    ended_by: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class SavingRow(Base):
    """What carrying out a case saves: the price difference of two sizes in [start, end). end None: still saved."""

    __tablename__ = "saving"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("review_case.id"))
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"), index=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    from_size: Mapped[dict[str, Any]] = mapped_column(JsonText)
    to_size: Mapped[dict[str, Any]] = mapped_column(JsonText)
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime | None] = mapped_column(Instant)
