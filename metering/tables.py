"""Tables of what was held and of what the sample store keeps."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant, JsonText


class AllocationRow(Base):
    """What one machine held in [start, end): size, owner and pool at that time. end None: still held.

    unit_id stands beside system_id because a system may change hands and the past must not.
    """

    __tablename__ = "allocation"
    __table_args__ = (Index("ix_allocation_vm_start", "vm_id", "start", unique=True),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime | None] = mapped_column(Instant, index=True)
    vcpus: Mapped[int]
    memory_mib: Mapped[int]
    storage_gib: Mapped[dict[str, int]] = mapped_column(JsonText)
    reason: Mapped[str] = mapped_column(Text)


class SampleFileRow(Base):
    """The manifest: one Parquet file of the sample store, by its path under the store's folder.

    kind: sweep, import, hour, day. Times: the first start and end and the last end of its rows. replaced_at: its
    rows stand in a newer file and it waits to be deleted until no reader can hold it. sealed_at: evidence of a
    closed period; neither the file nor this row changes any more.
    """

    __tablename__ = "sample_file"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)
    day: Mapped[str] = mapped_column(Text, index=True)
    kind: Mapped[str] = mapped_column(Text)
    rows: Mapped[int]
    bytes: Mapped[int]
    first_start: Mapped[datetime] = mapped_column(Instant)
    first_end: Mapped[datetime] = mapped_column(Instant)
    last_end: Mapped[datetime] = mapped_column(Instant, index=True)
    algorithm: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)
    sealed_at: Mapped[datetime | None] = mapped_column(Instant)


class UsageArchiveRow(Base):
    """Aggregates of one UTC day whose raw samples have been given up; kept for good."""

    __tablename__ = "usage_archive"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    path: Mapped[str] = mapped_column(Text, unique=True)
    day: Mapped[str] = mapped_column(Text, index=True)
    rows: Mapped[int]
    bytes: Mapped[int]
    algorithm: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant)


class SampleSealRow(Base):
    """A closed period [start, end): what touches it is sealed, and nothing is added to it."""

    __tablename__ = "sample_seal"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime] = mapped_column(Instant)
    sealed_at: Mapped[datetime] = mapped_column(Instant)


class CollectorStateRow(Base):
    """The last reading of every machine of a pool, from which the next sweep counts on.

    readings: a list of the fields of `provisioning.model.Reading`, in their order. swept_at: the last sweep.
    """

    __tablename__ = "collector_state"
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True, autoincrement=False)
    swept_at: Mapped[datetime] = mapped_column(Instant)
    readings: Mapped[list[list[Any]]] = mapped_column(JsonText)


class SweepRow(Base):
    """The last sweep of a pool, for those who watch over it. duration_us: from its start to the commit."""

    __tablename__ = "sweep"
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"), primary_key=True, autoincrement=False)
    started_at: Mapped[datetime] = mapped_column(Instant)
    duration_us: Mapped[int]
    machines: Mapped[int]
    samples: Mapped[int]
    missing: Mapped[int]
    unallocated: Mapped[int]


class SampleGapRow(Base):
    """Why nothing was measured in [start, end): of one machine, of a pool (vm_id None), or of all (both None)."""

    __tablename__ = "sample_gap"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    pool_id: Mapped[int | None] = mapped_column(ForeignKey("pool.id"))
    vm_id: Mapped[int | None] = mapped_column(ForeignKey("vm.id"))
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime] = mapped_column(Instant, index=True)
    reason: Mapped[str] = mapped_column(Text)


class ReportedSizeRow(Base):
    """The size a machine's cloud (or an imported file) last reported: for finding drift, never for settling."""

    __tablename__ = "reported_size"
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"), primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Instant)
    vcpus: Mapped[int | None]
    memory_mib: Mapped[int | None]
    storage_gib: Mapped[int | None]


class SampleImportRow(Base):
    """One imported file: what was taken from it, by its content's hash."""

    __tablename__ = "sample_import"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    file: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(Text)
    algorithm: Mapped[str] = mapped_column(Text)
    hash: Mapped[str] = mapped_column(Text)
    imported_at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(Text)
    accepted: Mapped[int]
    known: Mapped[int]
    contradicting: Mapped[int]
    rejected: Mapped[int]
