"""The ledger's side of metering: the samples' manifest, the collectors' state, gaps, reported sizes, imports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from metering.tables import (
    CollectorStateRow,
    ReportedSizeRow,
    SampleFileRow,
    SampleGapRow,
    SampleImportRow,
    SampleSealRow,
    SweepRow,
    UsageArchiveRow,
)
from provisioning.model import Reading
from provisioning.tables import VmRow

# PostgreSQL's lock number of the sample store; SQLite's writers already begin one after the other.
STORE_LOCK = 0x73616D70


@dataclass(frozen=True, slots=True)
class Gap:
    """Why nothing was measured in [start, end). vm_id None: the whole pool; pool_id None too: every pool."""

    pool_id: int | None
    vm_id: int | None
    start: datetime
    end: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Seal:
    """A closed period of the sample store."""

    start: datetime
    end: datetime


def lock_store(session: Session) -> None:
    """Holds off other changes of the sample store until this transaction ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": STORE_LOCK})


# The manifest


def next_file_id(session: Session) -> int:
    return int(session.scalar(select(func.coalesce(func.max(SampleFileRow.id), 0))) or 0) + 1


def live_files(
    session: Session, start: datetime | None = None, end: datetime | None = None, day: str | None = None
) -> Sequence[SampleFileRow]:
    """Files that count, by day and id; those whose rows may touch [start, end), or of one day."""
    query = select(SampleFileRow).where(SampleFileRow.replaced_at.is_(None))
    if start is not None:
        query = query.where(SampleFileRow.last_end > start)
    if end is not None:
        query = query.where(SampleFileRow.first_start < end)
    if day is not None:
        query = query.where(SampleFileRow.day == day)
    return session.scalars(query.order_by(SampleFileRow.day, SampleFileRow.id)).all()


def live_paths(session: Session, start: datetime, end: datetime) -> list[str]:
    """Paths of the files whose rows may touch [start, end), by day and id."""
    query = select(SampleFileRow.path).where(
        SampleFileRow.replaced_at.is_(None), SampleFileRow.last_end > start, SampleFileRow.first_start < end
    )
    return list(session.scalars(query.order_by(SampleFileRow.day, SampleFileRow.id)))


def rows_between(session: Session, start: datetime, end: datetime) -> int:
    """How many rows stand in the files that may touch [start, end)."""
    query = select(func.sum(SampleFileRow.rows)).where(
        SampleFileRow.replaced_at.is_(None), SampleFileRow.last_end > start, SampleFileRow.first_start < end
    )
    return int(session.scalar(query) or 0)


def newest_source(session: Session, start: datetime, end: datetime) -> int:
    """The number of the last file that brought new samples of [start, end), 0 for none; compactions bring none."""
    query = select(func.max(SampleFileRow.id)).where(
        SampleFileRow.kind.in_(["sweep", "import"]),
        SampleFileRow.last_end > start,
        SampleFileRow.first_start < end,
    )
    return int(session.scalar(query) or 0)


def all_files(session: Session) -> Sequence[SampleFileRow]:
    """Every row of the manifest, replaced ones included."""
    return session.scalars(select(SampleFileRow).order_by(SampleFileRow.day, SampleFileRow.id)).all()


def replaced_files(session: Session) -> Sequence[SampleFileRow]:
    """Files whose rows stand in newer ones, not yet off the disk."""
    return session.scalars(select(SampleFileRow).where(SampleFileRow.replaced_at.is_not(None))).all()


def archived_paths(session: Session, start: datetime, end: datetime) -> list[str]:
    """The archive's files of the UTC days that [start, end) touches."""
    first, last = (f"{instant.astimezone(UTC):%Y-%m-%d}" for instant in (start, end))
    query = select(UsageArchiveRow.path).where(UsageArchiveRow.day >= first, UsageArchiveRow.day <= last)
    return list(session.scalars(query.order_by(UsageArchiveRow.day)))


def mark_replaced(session: Session, file_ids: Sequence[int], at: datetime) -> None:
    session.execute(update(SampleFileRow).where(SampleFileRow.id.in_(file_ids)).values(replaced_at=at))


def forget_files(session: Session, file_ids: Sequence[int]) -> None:
    """Takes replaced files out of the manifest, once they are off the disk."""
    session.execute(delete(SampleFileRow).where(SampleFileRow.id.in_(file_ids)))


def mark_sealed(session: Session, file_ids: Sequence[int], seal: Seal, at: datetime) -> None:
    session.execute(update(SampleFileRow).where(SampleFileRow.id.in_(file_ids)).values(sealed_at=at))
    session.add(SampleSealRow(start=seal.start, end=seal.end, sealed_at=at))
    session.flush()


def seals(session: Session) -> list[Seal]:
    """Closed periods of the store, by start."""
    rows = session.execute(select(SampleSealRow.start, SampleSealRow.end).order_by(SampleSealRow.start))
    return [Seal(start, end) for start, end in rows]


# The collectors


def collector_state(session: Session, pool_id: int) -> tuple[datetime | None, dict[int, Reading]]:
    """When a pool was last swept, and the last reading of each of its machines."""
    row = session.get(CollectorStateRow, pool_id)
    if row is None:
        return None, {}
    return row.swept_at, {fields[0]: Reading(*fields) for fields in row.readings}


def keep_collector_state(
    session: Session, pool_id: int, swept_at: datetime, readings: Iterable[Reading]
) -> None:
    document = [list(reading) for reading in readings]
    row = session.get(CollectorStateRow, pool_id)
    if row is None:
        session.add(CollectorStateRow(pool_id=pool_id, swept_at=swept_at, readings=document))
    else:
        row.swept_at, row.readings = swept_at, document
    session.flush()


def keep_sweep(session: Session, sweep: SweepRow) -> None:
    """The pool's last sweep, in place of the one before."""
    session.merge(sweep)
    session.flush()


def last_duration_us(session: Session, pool_id: int) -> int:
    """How long the pool's last sweep took; 0 when there was none."""
    return int(session.scalar(select(SweepRow.duration_us).where(SweepRow.pool_id == pool_id)) or 0)


def last_sweeps(session: Session) -> Sequence[SweepRow]:
    """The last sweep of each pool that was ever swept."""
    return session.scalars(select(SweepRow).order_by(SweepRow.pool_id)).all()


def record_gaps(session: Session, gaps: Sequence[Gap]) -> None:
    """Adds gaps; one that goes on where a recorded one of the same reason ended lengthens it."""
    if not gaps:
        return
    open_rows = {
        (row.pool_id, row.vm_id, row.reason, row.end): row
        for row in session.scalars(
            select(SampleGapRow).where(SampleGapRow.end >= min(gap.start for gap in gaps))
        )
    }
    for gap in sorted(gaps, key=lambda item: item.start):
        row = open_rows.pop((gap.pool_id, gap.vm_id, gap.reason, gap.start), None)
        if row is None:
            row = SampleGapRow(pool_id=gap.pool_id, vm_id=gap.vm_id, start=gap.start, reason=gap.reason)
            session.add(row)
        row.end = gap.end
        open_rows[gap.pool_id, gap.vm_id, gap.reason, gap.end] = row
    session.flush()


def gaps_between(session: Session, start: datetime, end: datetime) -> list[Gap]:
    """Recorded gaps that touch [start, end), by start."""
    query = select(
        SampleGapRow.pool_id, SampleGapRow.vm_id, SampleGapRow.start, SampleGapRow.end, SampleGapRow.reason
    ).where(SampleGapRow.start < end, SampleGapRow.end > start)
    return [Gap(*row) for row in session.execute(query.order_by(SampleGapRow.start, SampleGapRow.id))]


# What was reported


@dataclass(frozen=True, slots=True)
class ReportedSize:
    """A size as a cloud or a file reported it; None is unknown."""

    at: datetime
    vcpus: int | None
    memory_mib: int | None
    storage_gib: int | None


def reported_sizes(session: Session) -> dict[int, ReportedSize]:
    """The last reported size of each machine, by its id."""
    rows = session.execute(
        select(
            ReportedSizeRow.vm_id,
            ReportedSizeRow.at,
            ReportedSizeRow.vcpus,
            ReportedSizeRow.memory_mib,
            ReportedSizeRow.storage_gib,
        )
    )
    return {vm_id: ReportedSize(at, vcpus, memory, storage) for vm_id, at, vcpus, memory, storage in rows}


def keep_reported_sizes(session: Session, sizes: Mapping[int, ReportedSize]) -> None:
    """Keeps what is newer than what stands there; of machines the ledger never had, nothing."""
    known = {
        row.vm_id: row
        for row in session.scalars(select(ReportedSizeRow).where(ReportedSizeRow.vm_id.in_(list(sizes))))
    }
    ours = set(session.scalars(select(VmRow.id).where(VmRow.id.in_(list(sizes)))))
    for vm_id, size in sizes.items():
        if vm_id not in ours:
            continue
        row = known.get(vm_id)
        if row is None:
            row = ReportedSizeRow(vm_id=vm_id)
            session.add(row)
        elif row.at >= size.at:
            continue
        row.at, row.vcpus, row.memory_mib, row.storage_gib = (
            size.at,
            size.vcpus,
            size.memory_mib,
            size.storage_gib,
        )
    session.flush()


# Imports


def find_import(session: Session, content_hash: str) -> SampleImportRow | None:
    """The last import of a file with this content."""
    query = select(SampleImportRow).where(SampleImportRow.hash == content_hash)
    return session.scalar(query.order_by(SampleImportRow.id.desc()).limit(1))


def keep_import(session: Session, **columns: Any) -> SampleImportRow:
    row = SampleImportRow(**columns)
    session.add(row)
    session.flush()
    return row


def has_samples(session: Session) -> bool:
    return (
        session.scalar(select(SampleFileRow.id).where(SampleFileRow.replaced_at.is_(None)).limit(1))
        is not None
    )
