"""Tables of requests: what was asked and decided, its history and machines, terms, quotas, migration surveys."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant, JsonText


class RequestRow(Base):
    """One request. kind, state: words of policies.requests.model; items, granted: its lines as JSON.

    digest: of what was handed in by a form, so that one form is one request. findings: the last technical check.
    asked_size, granted_size: what comes on top of what is held; *_fen: a month's price of that, None unpriced.
    grant_until: when a grant lapses that nobody carries out.
    """

    __tablename__ = "request"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text, index=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    purpose: Mapped[str] = mapped_column(Text)
    level: Mapped[int]
    expected_load: Mapped[str] = mapped_column(Text)
    needed_by: Mapped[date] = mapped_column(Date)
    until: Mapped[date | None] = mapped_column(Date)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JsonText)
    migration: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    requested_by: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(Instant)
    source: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str | None] = mapped_column(Text, unique=True)
    findings: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonText)
    checked_by: Mapped[str | None] = mapped_column(Text)
    checked_at: Mapped[datetime | None] = mapped_column(Instant)
    granted: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonText)
    granted_until: Mapped[date | None] = mapped_column(Date)
    decision_reason: Mapped[str | None] = mapped_column(Text)
    decided_by: Mapped[str | None] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    grant_until: Mapped[datetime | None] = mapped_column(Instant)
    asked_size: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    asked_fen: Mapped[int | None]
    granted_size: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    granted_fen: Mapped[int | None]
    change_id: Mapped[int | None] = mapped_column(ForeignKey("change.id"))
    executed_by: Mapped[str | None] = mapped_column(Text)
    executed_at: Mapped[datetime | None] = mapped_column(Instant)


class RequestEventRow(Base):
    """One step of a request's history."""

    __tablename__ = "request_event"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("request.id"), index=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(Text)
    step: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)


class RequestMachineRow(Base):
    """A machine that a request made, or was about, from the moment its execution began."""

    __tablename__ = "request_machine"
    __table_args__ = (UniqueConstraint("request_id", "vm_id"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    request_id: Mapped[int] = mapped_column(ForeignKey("request.id"))
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"), index=True)


class MachineTermRow(Base):
    """Until which day a machine was granted, by which request; a machine without a row was granted without end.

    told: the last stage of the term that its unit was told of.
    """

    __tablename__ = "machine_term"
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"), primary_key=True, autoincrement=False)
    until: Mapped[date] = mapped_column(Date)
    request_id: Mapped[int] = mapped_column(ForeignKey("request.id"))
    told: Mapped[str | None] = mapped_column(Text)


class QuotaRow(Base):
    """What a unit may hold at most; None: no limit."""

    __tablename__ = "unit_quota"
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), primary_key=True, autoincrement=False)
    machines: Mapped[int | None]
    vcpus: Mapped[int | None]
    memory_mib: Mapped[int | None]
    storage_gib: Mapped[int | None]
    applied_by: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime] = mapped_column(Instant)


class SurveyRow(Base):
    """One line of a migration survey: what a system runs on before the cloud, and what it will want of a pool, when.

    A system's lines are those of its last survey.
    """

    __tablename__ = "migration_survey"
    __table_args__ = (UniqueConstraint("system_id", "position"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    position: Mapped[int]
    digest: Mapped[str] = mapped_column(Text)
    equipment: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    count: Mapped[int]
    vcpus: Mapped[int]
    memory_mib: Mapped[int]
    storage_gib: Mapped[int]
    bandwidth_mbps: Mapped[int | None]
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    tier: Mapped[str | None] = mapped_column(Text)
    planned_for: Mapped[date] = mapped_column(Date)
    imported_by: Mapped[str] = mapped_column(Text)
    imported_at: Mapped[datetime] = mapped_column(Instant)
