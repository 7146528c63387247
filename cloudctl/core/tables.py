"""Tables of the ground floor: site, units, people, systems, equipment, audit chain, outbox, job record."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Date, ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant, JsonText


class SiteRow(Base):
    """The one row that says where this ledger is kept."""

    __tablename__ = "site"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    currency: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(Text)


class UnitRow(Base):
    __tablename__ = "unit"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    contact: Mapped[str | None] = mapped_column(Text)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class PersonRow(Base):
    """A person who may act. ssh_keys: what lets him into new machines of his unit. is_founder: recorded by `init`,
    kept by no inventory."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    login: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    roles: Mapped[list[str]] = mapped_column(JsonText)
    ssh_keys: Mapped[list[str]] = mapped_column(JsonText, default=list, server_default="[]")
    is_founder: Mapped[bool] = mapped_column(default=False)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class SystemRow(Base):
    """A business system. level: grade of protection 1 to 5; window: its weekly maintenance window as text."""

    __tablename__ = "system"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    level: Mapped[int | None]
    window: Mapped[str | None] = mapped_column(Text)
    status: Mapped[str] = mapped_column(Text)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class EquipmentRow(Base):
    """Equipment a unit had before the cloud; yearly_cost_fen: upkeep, power, staff, room in fen."""

    __tablename__ = "equipment"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(Text)
    condition: Mapped[str] = mapped_column(Text)
    bought: Mapped[date | None] = mapped_column(Date)
    yearly_cost_fen: Mapped[dict[str, int]] = mapped_column(JsonText)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class AuditRow(Base):
    """One state change; `hash` covers every other column and the hash before it."""

    __tablename__ = "audit_entry"
    sequence: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text, index=True)
    subject: Mapped[str] = mapped_column(Text, index=True)
    detail: Mapped[dict[str, Any]] = mapped_column(JsonText)
    algorithm: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)


class OutboxRow(Base):
    """A notice to a unit or a person, kept until a channel has delivered it."""

    __tablename__ = "outbox_message"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    recipient: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    about: Mapped[str] = mapped_column(Text, index=True)
    delivered_at: Mapped[datetime | None] = mapped_column(Instant)


class LeaderRow(Base):
    """Who schedules on a PostgreSQL ledger (id 1). number: the fencing number, higher with every new leader."""

    __tablename__ = "leader"
    id: Mapped[int] = mapped_column(Id, primary_key=True, autoincrement=False)
    number: Mapped[int]
    holder: Mapped[str] = mapped_column(Text)
    since: Mapped[datetime] = mapped_column(Instant)


class JobRunRow(Base):
    """Which job ran for which period: unique, so that a missed period is caught up once and never done twice.

    state: running, done, failed, missed. attempts: how often it was begun. detail: what came of it.
    """

    __tablename__ = "job_run"
    __table_args__ = (UniqueConstraint("job", "period"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    job: Mapped[str] = mapped_column(Text)
    period: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    detail: Mapped[str | None] = mapped_column(Text)
