"""Tables of what runs where: pools, hosts, images, networks, machines, and the journal of changes to them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant, JsonText


class PoolRow(Base):
    """A resource pool. options: overcommit, tiers, seed, cloud and whatever else its driver reads."""

    __tablename__ = "pool"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text)
    driver: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(JsonText)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class HostRow(Base):
    """A host of a pool. accepting: takes new machines; not while it is drained or fenced.

    closed: why it does not: by whom, when, the reason, and whether a person stated that it is fenced.
    options: capacity of a simulated host.
    """

    __tablename__ = "host"
    __table_args__ = (UniqueConstraint("pool_id", "code"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    code: Mapped[str] = mapped_column(Text)
    uri: Mapped[str | None] = mapped_column(Text)
    rack: Mapped[str | None] = mapped_column(Text)
    accepting: Mapped[bool] = mapped_column(default=True)
    closed: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    options: Mapped[dict[str, Any]] = mapped_column(JsonText)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class ImageRow(Base):
    __tablename__ = "image"
    __table_args__ = (UniqueConstraint("pool_id", "code"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    code: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str | None] = mapped_column(Text)
    options: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class NetworkRow(Base):
    __tablename__ = "network"
    __table_args__ = (UniqueConstraint("pool_id", "code"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    code: Mapped[str] = mapped_column(Text)
    bridge: Mapped[str | None] = mapped_column(Text)
    vlan: Mapped[int | None]
    options: Mapped[dict[str, Any]] = mapped_column(JsonText, default=dict)
    removed_at: Mapped[datetime | None] = mapped_column(Instant)


class VmRow(Base):
    """A machine we answer for. Its id is stamped on its samples and in the cloud's own metadata.

    state: planned (not made yet), active, shelved (since shelved_at: off, kept, holding nothing), retired. What
    it holds stands in its allocations, not here.
    """

    __tablename__ = "vm"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    uuid: Mapped[str] = mapped_column(Text, unique=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    state: Mapped[str] = mapped_column(Text)
    host: Mapped[str | None] = mapped_column(Text)
    external_id: Mapped[str | None] = mapped_column(Text)
    image: Mapped[str | None] = mapped_column(Text)
    network: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime | None] = mapped_column(Instant)
    shelved_at: Mapped[datetime | None] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)


class ChangeRow(Base):
    """A plan that was begun; checksum: of the plan as printed; rolls_back: the change that this one reverses.

    goes_on: a step that is refused fails alone, and what was done stays.

    state: planned, running, ordered (waits for somebody's report), undoing, then done, failed or undone.
    """

    __tablename__ = "change"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    reason: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    checksum: Mapped[str] = mapped_column(Text)
    rolls_back: Mapped[int | None] = mapped_column(ForeignKey("change.id"))
    goes_on: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)


class ChangeStepRow(Base):
    """One journalled step. started_at: when we first asked; at: when the cloud says it took effect.

    state: pending, running, ordered, undoing, then done, failed or undone; running and undoing are uncertain.
    error: why it failed or is uncertain, a message as {template, values}.
    """

    __tablename__ = "change_step"
    __table_args__ = (UniqueConstraint("change_id", "position"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    change_id: Mapped[int] = mapped_column(ForeignKey("change.id"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(Text)
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"), index=True)
    state: Mapped[str] = mapped_column(Text)
    before: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    after: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
    is_live: Mapped[bool] = mapped_column(default=True)
    started_at: Mapped[datetime | None] = mapped_column(Instant)
    at: Mapped[datetime | None] = mapped_column(Instant)
    error: Mapped[dict[str, Any] | None] = mapped_column(JsonText)
