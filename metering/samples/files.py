"""One file of the store: written whole or not at all, and hashed."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from cloudctl.core.audit import preferred_algorithm
from metering.samples.model import COLUMNS, Sample

Opener = Callable[[Path], BinaryIO]

ARROW_TYPES = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.dictionary(pa.int8(), pa.string())}
SCHEMA = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in COLUMNS.items()])
# Times and counters differ little from row to row; see the ADR on the sample store.
DELTA_PACKED = [name for name, kind in COLUMNS.items() if kind != "VARCHAR"]
WORDS = [name for name, kind in COLUMNS.items() if kind == "VARCHAR"]
CARRIED = b"cloudctl.carried"


@dataclass(frozen=True, slots=True)
class Written:
    """What lies on the disk: rows, size, and the hash of the content."""

    rows: int
    bytes: int
    algorithm: str
    hash: str


def open_new(path: Path) -> BinaryIO:
    return path.open("wb")


def as_table(samples: Sequence[Sample]) -> pa.Table:
    """Samples as columns in the store's types."""
    columns = zip(*samples, strict=True) if samples else [()] * len(SCHEMA)
    arrays = [_array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _array(values: Sequence[Any], kind: pa.DataType) -> "pa.Array[Any]":
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string()).dictionary_encode().cast(kind)
    return pa.array(values, kind)


def write_table(table: pa.Table, path: Path, opener: Opener = open_new, carried: bytes = b"") -> Written:
    """Writes under a temporary name, syncs, renames, syncs the folder. OSError leaves nothing behind.

    carried: bytes that travel in the file's metadata (the readings a sweep left off at).
    """
    if carried:
        table = table.replace_schema_metadata({CARRIED: carried})
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with opener(temporary) as sink:
            pq.write_table(
                table,
                sink,
                compression="zstd",
                use_dictionary=WORDS,  # type: ignore[arg-type]  # the stubs know only yes or no
                column_encoding=dict.fromkeys(DELTA_PACKED, "DELTA_BINARY_PACKED"),
                store_schema=False,
            )
            sink.flush()
            os.fsync(sink.fileno())
        written = describe(temporary, table.num_rows)
        settle(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return written


def settle(temporary: Path, path: Path) -> None:
    """Gives a synced file its name, and makes the name as durable as the content."""
    temporary.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def describe(path: Path, rows: int) -> Written:
    algorithm = preferred_algorithm()
    return Written(rows, path.stat().st_size, algorithm, file_hash(path, algorithm))


def file_hash(path: Path, algorithm: str) -> str:
    """The hash of a file's content, read in pieces."""
    state = hashlib.new(algorithm)
    with path.open("rb") as source:
        while piece := source.read(1 << 20):
            state.update(piece)
    return state.hexdigest()


def read_carried(path: Path) -> bytes:
    """What `write_table` was given to carry; empty when nothing. ValueError or OSError: the file is not whole."""
    metadata = pq.read_metadata(path).metadata or {}
    return metadata.get(CARRIED, b"")
