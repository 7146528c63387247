"""Sealing: the files of a closed period hold nothing else, are as they were written, and never change again."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from cloudctl.core.errors import Message, Refused
from metering.samples.files import file_hash
from metering.samples.store import SampleStore, connected, source_of
from metering.store import Seal, live_files, lock_store, mark_replaced, mark_sealed
from metering.tables import SampleFileRow


def seal_files(session: Session, store: SampleStore, seal: Seal) -> list[SampleFileRow]:
    """Seals every file with a sample that touches the period, in the caller's transaction; they are the evidence.

    A file that reaches beyond the period is split first, so that later days stay open to imports and corrections; an
    interval that crosses the period's end belongs to the sealed part. Files sealed with an earlier period stay as
    they are. Refused when a file is damaged or gone.
    """
    lock_store(session)
    for row in live_files(session, seal.start, seal.end):
        _require_whole(store, row)
    for row in live_files(session, seal.start, seal.end):
        if row.sealed_at is None and (row.first_end <= seal.start or row.last_end > seal.end):
            _split(session, store, row, seal)
    files = list(live_files(session, seal.start, seal.end))
    mark_sealed(session, [row.id for row in files if row.sealed_at is None], seal, store.clock.now())
    for row in files:
        session.refresh(row)
    return files


def is_whole(store: SampleStore, row: SampleFileRow) -> bool:
    """Whether a file is there, byte for byte as the manifest has it."""
    path = store.folder / row.path
    return path.is_file() and file_hash(path, row.algorithm) == row.hash


def _require_whole(store: SampleStore, row: SampleFileRow) -> None:
    if not is_whole(store, row):
        raise Refused(
            "The sample file {path} is damaged or gone.",
            path=row.path,
            hint=Message("Check with “cloudctl doctor”; restore the file from a backup."),
        )


def _split(session: Session, store: SampleStore, row: SampleFileRow, seal: Seal) -> None:
    start, end = to_micros(seal.start), to_micros(seal.end)
    touches = f"end_us > {start} AND start_us < {end}"
    source = source_of([str(store.folder / row.path)])
    with store.holding_files(), connected(store.folder) as connection:
        queries: Sequence[str] = [
            f"SELECT * FROM {source} WHERE {touches}",
            f"SELECT * FROM {source} WHERE end_us <= {start}",
            f"SELECT * FROM {source} WHERE start_us >= {end}",
        ]
        for query in queries:
            with store.staged(connection, query) as parts:
                for part in parts:
                    store.enter_staged(session, part, row.kind)
    mark_replaced(session, [row.id], store.clock.now())
