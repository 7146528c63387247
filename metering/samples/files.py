"""One file of the store: written whole or not at all, and hashed."""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cloudctl.core.audit import preferred_algorithm
from metering.samples.model import COLUMNS, Sample

Opener = Callable[[Path], BinaryIO]

ARROW_TYPES: dict[str, pa.DataType] = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string()}
SCHEMA = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in COLUMNS.items()])
# What rises along a sorted file, what repeats from row to row; the rest is measured anew each time. See the ADR on
# the sample store.
RISING = ["vm", "allocation"]
REPEATING = ["vcpus", "memory_mib", "storage_gib"]
WORDS = [name for name, kind in COLUMNS.items() if kind == "VARCHAR"]
ENCODINGS = {
    name: "BYTE_STREAM_SPLIT" for name in COLUMNS if name not in RISING + REPEATING + WORDS
} | dict.fromkeys(RISING, "DELTA_BINARY_PACKED")
# DuckDB reads row groups in parallel and skips those whose machines are not asked for.
ROW_GROUP = 122_880
CARRIED = "cloudctl.carried"


@dataclass(frozen=True, slots=True)
class Written:
    """What lies on the disk: rows, size, the hash of the content, first start, first end and last end in µs."""

    rows: int
    bytes: int
    algorithm: str
    hash: str
    first_start_us: int
    first_end_us: int
    last_end_us: int


def open_new(path: Path) -> BinaryIO:
    return path.open("wb")


def as_table(samples: Sequence[Sample]) -> pa.Table:
    """Samples as columns in the store's types, by machine and time."""
    ordered = sorted(samples, key=attrgetter("vm", "end_us"))
    columns = zip(*ordered, strict=True) if ordered else [()] * len(SCHEMA)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def sorted_together(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of all of them by machine and time."""
    table = pa.concat_tables(tables).unify_dictionaries()
    return table.sort_by([("vm", "ascending"), ("end_us", "ascending")])


class FileBeingWritten:
    """A file under a temporary name, locked as long as it has that name; `settle` gives it its own.

    The lock tells a recovery that somebody is still at it; it goes with the process, however that ends.
    """

    def __init__(self, temporary: Path, opener: Opener = open_new) -> None:
        self.temporary = temporary
        self._opener = opener
        self._lock = -1

    def write(
        self, batches: Iterable[pa.RecordBatch], carried: bytes = b"", schema: pa.Schema = SCHEMA
    ) -> Written:
        """Writes and syncs. carried: bytes that travel in the file's metadata. OSError leaves nothing behind."""
        seen = _Seen()
        try:
            with self._opened() as sink:
                _write_batches(sink, schema, map(seen.note, batches), carried)
                sink.flush()
                os.fsync(sink.fileno())
            return seen.written(self.temporary)
        except BaseException:
            self.discard()
            raise

    def _opened(self) -> BinaryIO:
        """The new file, locked. One that a recovery took for left behind in between is made anew."""
        while True:
            sink = self._opener(self.temporary)
            self._lock = os.dup(sink.fileno())
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.temporary.exists():
                return sink
            sink.close()
            self.discard()

    def settle(self, path: Path) -> None:
        """Gives the file its name, and makes the name as durable as the content."""
        self.temporary.rename(path)
        sync_folder(path.parent)
        self.discard()

    def discard(self) -> None:
        """Removes what still has its temporary name. Harmless when called again."""
        self.temporary.unlink(missing_ok=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _write_batches(
    sink: BinaryIO, schema: pa.Schema, batches: Iterable[pa.RecordBatch], carried: bytes
) -> None:
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        use_dictionary=[name for name in WORDS + REPEATING if name in schema.names],  # type: ignore[arg-type]
        column_encoding={name: encoding for name, encoding in ENCODINGS.items() if name in schema.names},
        store_schema=False,
    ) as writer:
        for batch in batches:
            writer.write_batch(batch if batch.schema == schema else batch.cast(schema), ROW_GROUP)
        if carried:
            writer.add_key_value_metadata({CARRIED: carried.decode()})


class _Seen:
    """Counts and bounds of the rows that pass by on their way to the file."""

    def __init__(self) -> None:
        self.rows = 0
        self.bounds = [1 << 62, 1 << 62, -(1 << 62)]

    def note(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if batch.num_rows:
            import pyarrow.compute as pc

            starts, ends = pc.min_max(batch.column("start_us")), pc.min_max(batch.column("end_us"))
            found = (starts["min"].as_py(), ends["min"].as_py(), ends["max"].as_py())
            low, high = self.bounds[:2], self.bounds[2]
            self.bounds = [min(low[0], found[0]), min(low[1], found[1]), max(high, found[2])]
            self.rows += batch.num_rows
        return batch

    def written(self, path: Path) -> Written:
        algorithm = preferred_algorithm()
        return Written(self.rows, path.stat().st_size, algorithm, file_hash(path, algorithm), *self.bounds)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_hash(path: Path, algorithm: str) -> str:
    """The hash of a file's content, read in pieces."""
    state = hashlib.new(algorithm)
    with path.open("rb") as source:
        while piece := source.read(1 << 20):
            state.update(piece)
    return state.hexdigest()


def describe(path: Path) -> Written:
    """What `write` said of a file, read from the file. ValueError or OSError: it is not whole, or not one of ours."""
    seen = _Seen()
    with pq.ParquetFile(path) as source:
        for batch in source.iter_batches(columns=["start_us", "end_us"]):
            seen.note(batch)
    return seen.written(path)


def read_carried(path: Path) -> bytes:
    """What `write` was given to carry; empty when nothing. ValueError or OSError: the file is not whole."""
    return dict(pq.read_metadata(path).metadata or {}).get(CARRIED.encode(), b"")


def is_being_written(path: Path) -> bool:
    """Whether somebody still holds the lock of a file with a temporary name."""
    try:
        with path.open("rb") as source:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def remove_abandoned(path: Path) -> bool:
    """Removes a file with a temporary name under its own lock; False: somebody is writing it."""
    try:
        with path.open("rb") as source:
            fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        pass
    return True
