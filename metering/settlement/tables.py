"""Tables of settlement: tariffs as applied, periods, statements with their lines, signatures, disputes, evidence."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import Date, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, ExactDecimal, ExactFraction, Id, Instant, JsonText


class TariffRow(Base):
    """One tariff as it was applied; never changed. In force: the rows of each code's highest version."""

    __tablename__ = "tariff"
    __table_args__ = (UniqueConstraint("code", "version", "valid_from"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(Text)
    version: Mapped[int]
    valid_from: Mapped[date] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)
    document: Mapped[dict[str, Any]] = mapped_column(JsonText)
    applied_by: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime] = mapped_column(Instant)


class PeriodRow(Base):
    """A month that was drafted. state: drafted, issued, approved, closed. seal_hash: of all its evidence.

    terms: the time zone, currency, coverage threshold and providers' names it is settled by.
    """

    __tablename__ = "settlement_period"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    period: Mapped[str] = mapped_column(Text, unique=True)
    state: Mapped[str] = mapped_column(Text)
    starts: Mapped[datetime] = mapped_column(Instant)
    ends: Mapped[datetime] = mapped_column(Instant)
    terms: Mapped[dict[str, Any]] = mapped_column(JsonText)
    seal_algorithm: Mapped[str | None] = mapped_column(Text)
    seal_hash: Mapped[str | None] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)


class StatementRow(Base):
    """One revision of what a unit owes a provider; code and name of the unit as they were when it was drafted."""

    __tablename__ = "statement"
    __table_args__ = (
        UniqueConstraint("period_id", "unit_id", "provider", "revision"),
        UniqueConstraint("number", "revision"),
    )
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    period_id: Mapped[int] = mapped_column(ForeignKey("settlement_period.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    unit_code: Mapped[str] = mapped_column(Text)
    unit_name: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    number: Mapped[str | None] = mapped_column(Text)
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(Text)
    total_fen: Mapped[int]
    algorithm: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[datetime | None] = mapped_column(Instant)
    deadline: Mapped[datetime | None] = mapped_column(Instant)
    is_sealed: Mapped[bool] = mapped_column(default=False)


class LineRow(Base):
    """One line of a statement; see metering.settlement.model.Line."""

    __tablename__ = "statement_line"
    __table_args__ = (UniqueConstraint("statement_id", "position"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statement.id"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    vm: Mapped[str] = mapped_column(Text)
    system: Mapped[str] = mapped_column(Text)
    item: Mapped[str] = mapped_column(Text)
    tier: Mapped[str | None] = mapped_column(Text)
    pool: Mapped[str] = mapped_column(Text)
    tariff: Mapped[str] = mapped_column(Text)
    basis: Mapped[str] = mapped_column(Text)
    per: Mapped[str] = mapped_column(Text)
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime] = mapped_column(Instant)
    quantity: Mapped[Fraction] = mapped_column(ExactFraction)
    held_quantity: Mapped[Fraction] = mapped_column(ExactFraction)
    used_quantity: Mapped[Fraction | None] = mapped_column(ExactFraction)
    unit_price: Mapped[Decimal] = mapped_column(ExactDecimal)
    amount_fen: Mapped[int]
    measured_us: Mapped[int]
    missing_us: Mapped[int]
    estimated_us: Mapped[int]
    charge_period: Mapped[str] = mapped_column(Text)
    is_held_back: Mapped[bool]
    is_waived: Mapped[bool]
    slice_from: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    slice_to: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    corrects: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    is_sealed: Mapped[bool] = mapped_column(default=False)


class NumberRow(Base):
    """The last statement number given to a provider in a year, so that none is left out."""

    __tablename__ = "statement_number"
    provider: Mapped[str] = mapped_column(Text, primary_key=True)
    year: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    last: Mapped[int]


class SignatureRow(Base):
    """Who did what; never changed. statement_id None: to the whole period."""

    __tablename__ = "settlement_signature"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    period_id: Mapped[int] = mapped_column(ForeignKey("settlement_period.id"), index=True)
    statement_id: Mapped[int | None] = mapped_column(ForeignKey("statement.id"), index=True)
    act: Mapped[str] = mapped_column(Text)
    login: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)
    algorithm: Mapped[str] = mapped_column(Text)
    content_hash: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)


class DisputeRow(Base):
    """A unit's objection to one line. answer: correct or uphold; an answered one is never changed."""

    __tablename__ = "settlement_dispute"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    statement_id: Mapped[int] = mapped_column(ForeignKey("statement.id"), index=True)
    line: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)
    raised_by: Mapped[str] = mapped_column(Text)
    raised_at: Mapped[datetime] = mapped_column(Instant)
    answer: Mapped[str | None] = mapped_column(Text)
    answer_reason: Mapped[str | None] = mapped_column(Text)
    answered_by: Mapped[str | None] = mapped_column(Text)
    answered_at: Mapped[datetime | None] = mapped_column(Instant)


class EvidenceRow(Base):
    """What a closed period rests on; never changed.

    kind: samples, allocations, tariff, statement, signatures, disputes, adjustments, waivers. subject: which of them.
    detail: what is needed to find it again.
    """

    __tablename__ = "settlement_evidence"
    __table_args__ = (UniqueConstraint("period_id", "kind", "subject"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    period_id: Mapped[int] = mapped_column(ForeignKey("settlement_period.id"))
    kind: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]] = mapped_column(JsonText)


class WaiverRow(Base):
    """One person's word that a machine's item is billed in a month on less evidence than the threshold asks."""

    __tablename__ = "coverage_waiver"
    __table_args__ = (UniqueConstraint("period", "vm_id", "item", "login"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    period: Mapped[str] = mapped_column(Text)
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"))
    item: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    login: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)


class AdjustmentRow(Base):
    """A correction of a closed line, billed in target_period: the line is reversed and this put in its place.

    quantity in the item's unit, [start, end), system_id and its unit_id as they should have been.
    """

    __tablename__ = "settlement_adjustment"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    target_period: Mapped[str] = mapped_column(Text, index=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("statement_line.id"), unique=True)
    quantity: Mapped[Fraction] = mapped_column(ExactFraction)
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime] = mapped_column(Instant)
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    reason: Mapped[str] = mapped_column(Text)
    login: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(Instant)
