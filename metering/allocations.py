"""What was held: allocation intervals opened and closed by events, exact to the microsecond, never overlapping."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, or_, select, type_coerce
from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from metering.collector import Held
from metering.tables import AllocationRow, SampleSealRow

# The ledger's whole time, as far as allocations go.
EVER = (datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a machine, and where: system, its unit, and the pool, by id."""

    system_id: int
    unit_id: int
    pool_id: int


def current_allocation(session: Session, vm_id: int) -> AllocationRow | None:
    """The allocation in force now (open-ended), or None for a machine that holds nothing."""
    return session.scalar(
        select(AllocationRow).where(AllocationRow.vm_id == vm_id, AllocationRow.end.is_(None))
    )


def hold(
    session: Session,
    vm_id: int,
    holder: Holder,
    size: Size,
    at: datetime,
    reason: str,
    until: datetime | None = None,
) -> AllocationRow:
    """From `at` on the machine holds `size` for `holder`; the allocation in force ends there.

    Refused when `at` is before the start of the allocation in force. Holding the same again changes nothing.
    An allocation of no length is none: what is taken back at the instant it began leaves what was there before.
    """
    present = current_allocation(session, vm_id)
    if present is not None and holds(present, holder, size):
        return present
    _require_open(session, at, until if present is None else None)
    if present is not None:
        release(session, vm_id, at)
        before = _ended_at(session, vm_id, at)
        if before is not None and until is None and holds(before, holder, size):
            before.end = None
            session.flush()
            return before
    row = AllocationRow(
        vm_id=vm_id,
        system_id=holder.system_id,
        unit_id=holder.unit_id,
        pool_id=holder.pool_id,
        start=at,
        end=until,
        vcpus=size.vcpus,
        memory_mib=size.memory_mib,
        storage_gib=dict(size.storage_gib),
        reason=reason,
    )
    session.add(row)
    session.flush()
    return row


def release(session: Session, vm_id: int, at: datetime) -> None:
    """The machine holds nothing from `at` on. Refused when that is before the allocation's start."""
    present = current_allocation(session, vm_id)
    if present is None:
        return
    _require_open(session, at)
    if at == present.start:
        session.delete(present)
        session.flush()
        return
    if at < present.start:
        raise Refused(
            "The allocation in force began at {start}; it cannot end at {end}.",
            start=present.start.isoformat(),
            end=at.isoformat(),
        )
    present.end = at
    session.flush()


def changeable_since(session: Session, vm_id: int) -> datetime:
    """From when on what a machine holds may still change: since its allocation in force, in no closed month."""
    present = current_allocation(session, vm_id)
    closed = session.scalar(select(SampleSealRow).order_by(SampleSealRow.end.desc()).limit(1))
    return max([EVER[0], *([present.start] if present else []), *([closed.end] if closed else [])])


def _require_open(session: Session, at: datetime, until: datetime | None = None) -> None:
    """Refused when [at, until) touches a closed month: what was held then has been settled."""
    query = select(SampleSealRow).where(SampleSealRow.end > at)
    if until is not None:
        query = query.where(SampleSealRow.start < until)
    closed = session.scalar(query.order_by(SampleSealRow.end).limit(1))
    if closed is not None:
        raise Refused(
            "What was held until {end} is settled and closed; it cannot change as of {at}.",
            end=closed.end.isoformat(),
            at=at.isoformat(),
        )


def current_allocations(session: Session, pool_id: int | None = None) -> dict[int, AllocationRow]:
    """The allocations in force now by machine; of one pool, or of all."""
    query = select(AllocationRow).where(AllocationRow.end.is_(None))
    if pool_id is not None:
        query = query.where(AllocationRow.pool_id == pool_id)
    return {row.vm_id: row for row in session.scalars(query)}


def _ended_at(session: Session, vm_id: int, at: datetime) -> AllocationRow | None:
    return session.scalar(select(AllocationRow).where(AllocationRow.vm_id == vm_id, AllocationRow.end == at))


def holds(row: AllocationRow, holder: Holder, size: Size) -> bool:
    return size_of(row) == size and Holder(row.system_id, row.unit_id, row.pool_id) == holder


def size_of(row: AllocationRow) -> Size:
    return Size(row.vcpus, row.memory_mib, row.storage_gib)


def allocations_between(
    session: Session, start: datetime, end: datetime, vm_ids: Sequence[int] | None = None
) -> Sequence[AllocationRow]:
    """All allocations that touch [start, end), by machine and start; `vm_ids` narrows them."""
    query = select(AllocationRow).where(
        AllocationRow.start < end, or_(AllocationRow.end.is_(None), AllocationRow.end > start)
    )
    if vm_ids is not None:
        query = query.where(AllocationRow.vm_id.in_(vm_ids))
    return session.scalars(query.order_by(AllocationRow.vm_id, AllocationRow.start)).all()


def held_at(session: Session, pool_id: int, instant: datetime) -> dict[int, Held]:
    """What a pool's machines hold at `instant`: per machine the allocation that began last and had not ended before."""
    query = (
        select(
            AllocationRow.vm_id,
            AllocationRow.id,
            AllocationRow.start,
            AllocationRow.end,
            AllocationRow.vcpus,
            AllocationRow.memory_mib,
            AllocationRow.storage_gib,
        )
        .where(
            AllocationRow.pool_id == pool_id,
            AllocationRow.start <= instant,
            or_(AllocationRow.end.is_(None), AllocationRow.end >= instant),
        )
        .order_by(AllocationRow.vm_id, AllocationRow.start)
    )
    return {
        vm_id: Held(
            number,
            to_micros(start),
            None if end is None else to_micros(end),
            vcpus,
            memory,
            sum(storage.values()),
        )
        for vm_id, number, start, end, vcpus, memory, storage in session.execute(query)
    }


def history_of(session: Session, vm_id: int) -> list[AllocationRow]:
    """All that a machine ever held, by start."""
    query = select(AllocationRow).where(AllocationRow.vm_id == vm_id).order_by(AllocationRow.start)
    return list(session.scalars(query))


def rewrite(
    session: Session,
    vm_id: int,
    rows: Sequence[AllocationRow],
    intervals: Sequence[tuple[datetime, datetime | None, Size, Holder]],
    reason: str,
) -> None:
    """The machine's whole history, `rows`, becomes these intervals; the caller flushes.

    A row goes on as the interval that overlaps it and holds the same, or else begins with it: samples bear its id.
    """
    kept = _matched(rows, intervals)
    for row in rows:
        if row not in kept:
            session.delete(row)
    moved = [
        row
        for row, (start, *_) in zip(kept, intervals, strict=True)
        if row is not None and row.start != start
    ]
    for row in moved:
        # Out of each other's way first: two rows of a machine never begin together.
        row.start = datetime(1, 1, 2, tzinfo=UTC) + timedelta(microseconds=row.id)
    if rows:
        session.flush()
    for present, (start, end, size, holder) in zip(kept, intervals, strict=True):
        row = present or AllocationRow(vm_id=vm_id)
        if present is None or (row.start, row.end) != (start, end) or not holds(row, holder, size):
            row.reason = reason
        row.start, row.end = start, end
        row.system_id, row.unit_id, row.pool_id = holder.system_id, holder.unit_id, holder.pool_id
        row.vcpus, row.memory_mib, row.storage_gib = size.vcpus, size.memory_mib, dict(size.storage_gib)
        session.add(row)


def _matched(
    rows: Sequence[AllocationRow], intervals: Sequence[tuple[datetime, datetime | None, Size, Holder]]
) -> list[AllocationRow | None]:
    """For each interval the row that becomes it, if any; no row twice."""
    kept: list[AllocationRow | None] = [None] * len(intervals)
    free = list(rows)
    for is_same in (_is_same_holding, _begins_with):
        for position, interval in enumerate(intervals):
            if kept[position] is None:
                kept[position] = next((row for row in free if is_same(row, *interval)), None)
                free = [row for row in free if row is not kept[position]]
    return kept


def _is_same_holding(
    row: AllocationRow, start: datetime, end: datetime | None, size: Size, holder: Holder
) -> bool:
    overlaps = (end is None or row.start < end) and (row.end is None or start < row.end)
    return overlaps and holds(row, holder, size)


def _begins_with(
    row: AllocationRow, start: datetime, _end: datetime | None, _size: Size, _holder: Holder
) -> bool:
    return row.start == start


class AllocationSpan(NamedTuple):
    """An allocation as the questions about use need it. [start_us, end_us) in µs, end_us None: still held."""

    id: int
    vm_id: int
    system_id: int
    unit_id: int
    pool_id: int
    start_us: int
    end_us: int | None
    vcpus: int
    memory_mib: int
    storage_gib: int

    def size(self, meter: str) -> int:
        """What is held of a meter: vCPUs, MiB or GiB."""
        return self.vcpus if meter == "cpu" else self.memory_mib if meter == "memory" else self.storage_gib


def spans_between(
    session: Session, start: datetime, end: datetime, vm_ids: Sequence[int] | None = None
) -> list[AllocationSpan]:
    """All allocations that touch [start, end), by machine and start; `vm_ids` narrows them."""
    query = (
        select(
            AllocationRow.id,
            AllocationRow.vm_id,
            AllocationRow.system_id,
            AllocationRow.unit_id,
            AllocationRow.pool_id,
            type_coerce(AllocationRow.start, BigInteger),
            type_coerce(AllocationRow.end, BigInteger),
            AllocationRow.vcpus,
            AllocationRow.memory_mib,
            AllocationRow.storage_gib,
        )
        .where(AllocationRow.start < end, or_(AllocationRow.end.is_(None), AllocationRow.end > start))
        .order_by(AllocationRow.vm_id, AllocationRow.start)
    )
    wanted = None if vm_ids is None else set(vm_ids)
    return [
        AllocationSpan(*row[:9], sum(row[9].values()))
        for row in session.execute(query)
        if wanted is None or row[1] in wanted
    ]
