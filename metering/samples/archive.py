"""What is kept for good when raw samples have served their time: one row per machine, allocation and UTC day."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import duckdb
from sqlalchemy.orm import Session

from metering.samples.meters import METERS, P95, SPAN, GroupSums
from metering.samples.store import SampleStore, connected, source_of
from metering.store import live_files, lock_store, mark_replaced
from metering.tables import SampleFileRow, UsageArchiveRow

FOLDER = "daily"
NAMES = tuple(meter.name for meter in METERS)


def archive_days(session: Session, store: SampleStore, before: datetime) -> list[str]:
    """Puts the days that ended before `before` into the archive and takes their raw files out of the store.

    Files of closed periods are evidence and stay, and so does their whole day. The days that were archived.
    """
    lock_store(session)
    days: dict[str, list[SampleFileRow]] = {}
    for row in live_files(session):
        days.setdefault(row.day, []).append(row)
    limit = f"{before:%Y-%m-%d}"
    done = [day for day, rows in days.items() if day < limit and all(row.sealed_at is None for row in rows)]
    for day in done:
        _archive(session, store, day, days[day])
    return done


def _archive(session: Session, store: SampleStore, day: str, rows: Sequence[SampleFileRow]) -> None:
    import pyarrow as pa

    from metering.samples.files import FileBeingWritten

    with store.holding_files(), connected(store.folder) as connection:
        query = _day_query([str(store.folder / row.path) for row in rows])
        path = store.folder / FOLDER / f"day-{day}.parquet"
        path.parent.mkdir(exist_ok=True)
        file = FileBeingWritten(path.with_name(f".{path.name}.tmp"))
        table = pa.table(connection.sql(query))
        written = file.write(table.to_batches(), schema=table.schema)
        file.settle(path)
    session.add(
        UsageArchiveRow(
            path=str(path.relative_to(store.folder)),
            day=day,
            rows=written.rows,
            bytes=written.bytes,
            algorithm=written.algorithm,
            hash=written.hash,
            created_at=store.clock.now(),
        )
    )
    mark_replaced(session, [row.id for row in rows], store.clock.now())
    session.flush()


def _day_query(paths: Sequence[str]) -> str:
    """Per machine and allocation: the bounds, and of each meter the sums, the p95 and the maximum of the day."""
    parts = ["vm", "allocation", "min(start_us) AS start_us", "max(end_us) AS end_us", "count(*) AS samples"]
    for meter in METERS:
        known = f"CASE WHEN {meter.used} IS NOT NULL THEN {SPAN} END"
        parts += [
            # Exact, as text: no engine's widest integer is every engine's.
            f"sum({meter.amount})::VARCHAR AS {meter.name}_used",
            f"sum({meter.held} * ({known}))::VARCHAR AS {meter.name}_held_us",
            f"coalesce(sum({known}), 0)::BIGINT AS {meter.name}_measured_us",
            f"count({meter.used}) AS {meter.name}_intervals",
            f"quantile_cont({meter.ratio}, {P95}) AS {meter.name}_p95",
            f"max({meter.ratio}) AS {meter.name}_max",
        ]
    return (
        f"SELECT {', '.join(parts)} FROM {source_of(paths)} GROUP BY vm, allocation ORDER BY vm, allocation"
    )


def add_archived(
    connection: duckdb.DuckDBPyConnection,
    paths: Sequence[str],
    bounds: tuple[int, int],
    groups: Mapping[int, int],
    found: dict[int, GroupSums],
) -> None:
    """Adds the archived days that lie whole within the bounds to the groups' sums; groups: allocation -> group.

    A p95 of days is no p95 of intervals: a group that has archived days has none.
    """
    if not paths:
        return
    columns = ", ".join(
        f"{name}_used, {name}_held_us, {name}_measured_us, {name}_intervals, {name}_max" for name in NAMES
    )
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    rows = connection.execute(
        f"SELECT allocation, {columns} FROM read_parquet([{listed}]) WHERE start_us >= $1 AND end_us <= $2",
        list(bounds),
    )
    for allocation, *values in rows.fetchall():
        if allocation not in groups:
            continue
        sums = found.setdefault(groups[allocation], GroupSums())
        for place, name in enumerate(NAMES):
            used, held, measured, intervals, highest = values[place * 5 : place * 5 + 5]
            meter = sums.meters[name]
            meter.used += int(used or 0)
            meter.held_us += int(held or 0)
            meter.measured_us += measured
            meter.intervals += intervals
            meter.p95 = None
            meter.maximum = max(filter(None, (meter.maximum, highest)), default=meter.maximum)
