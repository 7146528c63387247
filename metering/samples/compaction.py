"""Merges small files into large ones: the running day by the hour, past days whole, sorted by machine and time.

The new file and the end of the old ones are one transaction of the manifest, and an old file leaves the disk only
when no reader holds the store: whoever listed it finds it, and nobody counts a row twice or not at all.
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import duckdb
from sqlalchemy.orm import Session

from metering.samples.store import READERS, SampleStore, Staged, connected, source_of
from metering.store import forget_files, live_files, lock_store, mark_replaced, replaced_files
from metering.tables import SampleFileRow

HOUR, DAY = "hour", "day"


@dataclass(frozen=True, slots=True)
class Merge:
    """Files of one UTC day that become one."""

    kind: str
    day: str
    file_ids: tuple[int, ...]
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge written, not yet in the manifest. dropped: rows that stood there twice, contradicting: of these with
    other values (the first file's stays).
    """

    merge: Merge
    parts: Sequence[Staged]
    dropped: int
    contradicting: int


def plan_merges(session: Session, now: datetime) -> list[Merge]:
    """What is worth merging at `now`: past days of several files, and finished hours of the running day."""
    today = f"{now:%Y-%m-%d}"
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    merges: list[Merge] = []
    files = [row for row in live_files(session) if row.sealed_at is None]
    for day, group in groupby(files, key=lambda row: row.day):
        rows = list(group)
        if day < today:
            merges += _merge(DAY, day, rows)
        else:
            finished = [row for row in rows if row.kind != HOUR and row.last_end <= this_hour]
            by_hour = sorted(finished, key=_hour)
            for _, part in groupby(by_hour, key=_hour):
                merges += _merge(HOUR, day, list(part))
    return merges


def _hour(row: SampleFileRow) -> datetime:
    """The hour a file's last interval ended in; one that ends on the hour belongs to the hour before."""
    last = row.last_end - timedelta(microseconds=1)
    return last.replace(minute=0, second=0, microsecond=0)


def _merge(kind: str, day: str, rows: Sequence[SampleFileRow]) -> list[Merge]:
    if len(rows) < 2:
        return []
    return [Merge(kind, day, tuple(row.id for row in rows), tuple(row.path for row in rows))]


@contextmanager
def merged(store: SampleStore, merge: Merge) -> Iterator[Merged]:
    """Writes a merge, outside any transaction; `enter_merged` makes it count. What was not entered is gone after."""
    with store.holding_files(), connected(store.folder) as connection:
        source = source_of([str(store.folder / path) for path in merge.paths])
        connection.execute(f"CREATE TEMP VIEW source AS SELECT * FROM {source}")
        dropped, contradicting = _repetitions(connection)
        query = "SELECT * FROM source"
        if dropped:
            first = _first_rows([str(store.folder / path) for path in merge.paths])
            query = f"SELECT * EXCLUDE (place) FROM ({first})"
        with store.staged(connection, query) as parts:
            yield Merged(merge, parts, dropped, contradicting)


def _repetitions(connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """How many rows repeat an interval, and how many of them with other values."""
    row = connection.execute(
        "SELECT count(*) - count(DISTINCT (vm, end_us)), "
        "(SELECT count(*) FROM (SELECT DISTINCT * FROM source)) - count(DISTINCT (vm, end_us)) FROM source"
        if connection.execute("SELECT count(*) > count(DISTINCT (vm, end_us)) FROM source").fetchone()
        == (True,)
        else "SELECT 0, 0"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _first_rows(paths: Sequence[str]) -> str:
    """Of each interval the row of the oldest file."""
    parts = [f"SELECT *, {place} AS place FROM {source_of([path])}" for place, path in enumerate(paths)]
    return f"FROM ({' UNION ALL '.join(parts)}) QUALIFY row_number() OVER (PARTITION BY vm, end_us ORDER BY place) = 1"


def enter_merged(session: Session, store: SampleStore, done: Merged) -> bool:
    """The new file for the old ones, in this transaction. False when one of them has changed its state meanwhile."""
    lock_store(session)
    present = {row.id for row in live_files(session, day=done.merge.day) if row.sealed_at is None}
    if not present.issuperset(done.merge.file_ids):
        return False
    for part in done.parts:
        store.enter_staged(session, part, done.merge.kind)
    mark_replaced(session, done.merge.file_ids, store.clock.now())
    return True


def discard_replaced(session: Session, store: SampleStore) -> int:
    """Deletes files whose rows stand in newer ones, unless somebody is reading; how many went.

    Readers take the lock before they ask the manifest, so whoever comes now is not told of these files any more.
    """
    rows = replaced_files(session)
    if not rows:
        return 0
    with (store.folder / READERS).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        for row in rows:
            (store.folder / row.path).unlink(missing_ok=True)
    forget_files(session, [row.id for row in rows])
    return len(rows)
