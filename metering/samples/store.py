"""The sample store: files appended whole, a manifest in the ledger, and readers that never meet half a file.

Questions are asked in DuckDB: `with store.opened(session, start, end) as connection:` gives a connection with a view
`samples` (columns of `metering.samples.model.Sample`) of all rows that touch [start, end). Clipping is the question's
own affair. The files that were listed stay on the disk until the block ends, whatever a compaction does meanwhile.
"""

import fcntl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from sqlalchemy.orm import Session

from cloudctl.core.clock import Clock
from cloudctl.core.database import from_micros, to_micros
from cloudctl.core.errors import Message, Unreachable
from metering.samples.model import COLUMNS, MICROS, Sample
from metering.store import live_paths, lock_store, next_file_id
from metering.tables import SampleFileRow

if TYPE_CHECKING:  # Arrow loads when something is written, not when a question is asked.
    import pyarrow as pa

    from metering.samples.files import FileBeingWritten, Opener, Written

FOLDER = "samples"
READERS = ".readers"
DAY_US = 86_400 * MICROS
MEMORY_LIMIT = "768MB"


@dataclass(frozen=True, slots=True)
class Staged:
    """A file written and synced that has no name yet, for one UTC day of the store."""

    day: str
    file: "FileBeingWritten"
    written: "Written"


# What a question of ours written wrong would raise; anything else is the files' fault: damage has many kinds.
OUR_MISTAKES = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ParserException,
    duckdb.SyntaxException,
)


class SampleStore:
    """The store in one folder. `opener` opens a new file for writing; tests give one whose disk is full."""

    def __init__(self, folder: Path, clock: Clock, opener: "Opener | None" = None) -> None:
        self.folder = folder
        self.clock = clock
        self._opener = opener

    @contextmanager
    def opened(self, session: Session, start: datetime, end: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the view `samples` over what touches [start, end). Unreachable: a file can't be read."""
        with self.holding_files(), connected(self.folder) as connection:
            self.attach(connection, session, start, end)
            yield connection

    def attach(
        self, connection: duckdb.DuckDBPyConnection, session: Session, start: datetime, end: datetime
    ) -> None:
        """Gives a connection the view `samples`; for callers that hold the files themselves."""
        paths = self._existing_paths(session, start, end)
        window = f"end_us > {to_micros(start)} AND start_us < {to_micros(end)}"
        connection.execute(
            f"CREATE OR REPLACE VIEW samples AS SELECT * FROM {source_of(paths)} WHERE {window}"
        )

    def append(
        self, session: Session, samples: Sequence[Sample], kind: str = "sweep", carried: bytes = b""
    ) -> list[SampleFileRow]:
        """Writes samples as one new file per UTC day of their ends and enters them in the manifest.

        The session's transaction must be a writing one; the files count when it commits. OSError when the disk
        refuses: nothing of the file is left. Uniqueness of (vm, end) is the caller's promise.
        """
        from metering.samples.files import as_table

        lock_store(session)
        rows = []
        for day, part in _by_day(samples).items():
            file = self.new_file(day, kind)
            written = file.write(as_table(part).to_batches(), carried)
            rows.append(self.enter_staged(session, Staged(day, file, written), kind))
        return rows

    def append_columns(
        self,
        session: Session,
        tables: "Sequence[pa.Table]",
        samples: Sequence[Sample] = (),
        kind: str = "sweep",
    ) -> SampleFileRow:
        """As `append`, for tables and samples that all end in one UTC day and become one file."""
        from metering.samples.files import as_table, sorted_together

        lock_store(session)
        table = sorted_together([as_table(samples), *tables])
        day = day_of(table.column("end_us")[0].as_py())
        file = self.new_file(day, kind)
        return self.enter_staged(session, Staged(day, file, file.write(table.to_batches())), kind)

    @contextmanager
    def staged(self, connection: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[Staged]]:
        """Writes a query's rows (columns of `Sample`) as files per UTC day of their ends, outside any transaction.

        Inside the block `enter_staged` brings them into the store; what was not entered is gone after it.
        """
        import pyarrow as pa

        with ExitStack() as stack:
            parts = []
            for day in _days(connection, query):
                file = self.new_file(day_of(day * DAY_US), "staged")
                stack.callback(file.discard)
                ends = f"end_us >= {day * DAY_US} AND end_us < {(day + 1) * DAY_US}"
                rows = connection.sql(f"FROM ({query}) WHERE {ends} ORDER BY vm, end_us")
                written = file.write(pa.RecordBatchReader.from_stream(rows))
                parts.append(Staged(day_of(day * DAY_US), file, written))
            yield parts

    def new_file(self, day: str, kind: str) -> "FileBeingWritten":
        """A file to be written in the folder of a day."""
        import secrets

        from metering.samples.files import FileBeingWritten, open_new, sync_folder

        folder = self.folder / f"day={day}"
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder)
        return FileBeingWritten(folder / f".{kind}-{secrets.token_hex(8)}.tmp", self._opener or open_new)

    def enter_staged(self, session: Session, part: Staged, kind: str) -> SampleFileRow:
        """Gives a written file its name and a row in the manifest; it counts when the transaction commits.

        The name's number is the manifest's, so that an orphan's name is used again, not kept.
        """
        lock_store(session)
        path = self.folder / f"day={part.day}" / f"{kind}-{next_file_id(session):08d}.parquet"
        part.file.settle(path)
        return self.enter(session, path, part.written)

    def enter(self, session: Session, path: Path, written: "Written") -> SampleFileRow:
        """A manifest row for a file that lies on the disk under its name."""
        row = SampleFileRow(
            path=str(path.relative_to(self.folder)),
            day=path.parent.name.removeprefix("day="),
            kind=path.name.split("-")[0],
            rows=written.rows,
            bytes=written.bytes,
            first_start=from_micros(written.first_start_us),
            first_end=from_micros(written.first_end_us),
            last_end=from_micros(written.last_end_us),
            algorithm=written.algorithm,
            hash=written.hash,
            created_at=self.clock.now(),
        )
        session.add(row)
        session.flush()
        return row

    @contextmanager
    def holding_files(self) -> Iterator[None]:
        """While a reader is inside, no file is deleted. The lock goes with the process, however it ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / READERS).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    def _existing_paths(self, session: Session, start: datetime, end: datetime) -> list[str]:
        paths = [str(self.folder / path) for path in live_paths(session, start, end)]
        if all(Path(path).exists() for path in paths):
            return paths
        # The session's view of the ledger may be older than our hold on the files: look afresh, once.
        bind = session.get_bind().engine.execution_options(sqlite_begin="DEFERRED")
        with Session(bind) as fresh:
            return [str(self.folder / path) for path in live_paths(fresh, start, end)]


@contextmanager
def connected(folder: Path, memory_limit: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine of our own in memory; it spills beside the samples and never reaches for the network."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory_limit,
            "temp_directory": str(folder / ".spill"),
            "autoinstall_known_extensions": "false",
            "preserve_insertion_order": "false",
        },
    )
    # It would draw into the output of whoever asks a question that takes long.
    connection.execute("SET enable_progress_bar = false")
    try:
        yield connection
    except duckdb.Error as failure:
        if isinstance(failure, OUR_MISTAKES):
            raise
        raise Unreachable(
            "The sample store cannot be read: {reason}",
            reason=str(failure).splitlines()[0],
            hint=Message("Check with “cloudctl doctor”."),
        ) from failure
    finally:
        connection.close()


@contextmanager
def writable() -> Iterator[None]:
    """What the disk refuses is told as such. A sweep does not use it: it goes on, and stands as a gap."""
    try:
        yield
    except OSError as failure:
        raise Unreachable(
            "The sample store cannot be written: {reason}",
            reason=failure.strerror or str(failure),
            hint=Message("Nothing was changed. Make room, then try again."),
        ) from failure


def source_of(paths: Sequence[str]) -> str:
    """The FROM item of these files; of none, an empty one with the same columns."""
    if not paths:
        columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in COLUMNS.items())
        return f"(SELECT {columns} WHERE false)"
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def day_of(end_us: int) -> str:
    """The UTC day a sample belongs to, by its end."""
    return f"{datetime.fromtimestamp(end_us // MICROS, UTC):%Y-%m-%d}"


def _days(connection: duckdb.DuckDBPyConnection, query: str) -> list[int]:
    rows = connection.execute(f"SELECT DISTINCT end_us // {DAY_US} AS day FROM ({query}) ORDER BY day")
    return [day for (day,) in rows.fetchall()]


def _by_day(samples: Sequence[Sample]) -> Mapping[str, Sequence[Sample]]:
    ends = [sample.end_us for sample in samples]
    if ends and min(ends) // DAY_US == max(ends) // DAY_US:
        return {day_of(ends[0]): samples}
    parts: dict[int, list[Sample]] = {}
    for sample in samples:
        parts.setdefault(sample.end_us // DAY_US, []).append(sample)
    return {day_of(number * DAY_US): part for number, part in sorted(parts.items())}
