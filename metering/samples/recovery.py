"""After a crash: files the manifest does not know are adopted whole or removed; nothing is ever half-read."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from metering.samples.store import SampleStore, connected
from metering.store import all_files, lock_store

SWEEP = "sweep"


@dataclass(frozen=True, slots=True)
class Recovered:
    """Paths under the store's folder."""

    adopted: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def recover(
    session: Session, store: SampleStore, accepts: Callable[[bytes], bool], days: Sequence[str] | None = None
) -> Recovered:
    """Settles what a crash left behind, in the given UTC days or everywhere.

    A sweep's file that is whole is offered to `accepts` with what it carries; said yes, it enters the manifest.
    Anything else is removed: an import is run again by who ran it, a compaction's rows stand in the files it read.
    Call it in a writing transaction, so that no file can be on its way into the manifest.
    """
    lock_store(session)
    orphans = list(_orphans(session, store, days))
    if not orphans:
        return Recovered()
    offered: dict[bytes, list[Path]] = {}
    for path in orphans:
        offered.setdefault(_carried_by(path), []).append(path)
    adopted = [path for carried, paths in offered.items() if carried and accepts(carried) for path in paths]
    for path in adopted:
        _adopt(session, store, path)
    removed = [path for path in orphans if path not in adopted]
    for path in removed:
        path.unlink(missing_ok=True)
    return Recovered(_names(store, adopted), _names(store, removed))


def _orphans(session: Session, store: SampleStore, days: Sequence[str] | None) -> Iterator[Path]:
    folders = (
        [store.folder / f"day={day}" for day in days] if days is not None else store.folder.glob("day=*")
    )
    present = [path for folder in sorted(folders) if folder.is_dir() for path in sorted(folder.iterdir())]
    if not present:
        return
    known = {row.path for row in all_files(session)}
    for path in present:
        if path.name.endswith(".tmp"):
            if not _is_being_written(path):
                yield path
        elif str(path.relative_to(store.folder)) not in known:
            yield path


def _is_being_written(path: Path) -> bool:
    """A temporary name ends with its writer's process id."""
    number = path.name.split(".")[-2]
    try:
        os.kill(int(number), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return int(number) != os.getpid()


def _carried_by(path: Path) -> bytes:
    from metering.samples.files import read_carried

    if path.name.endswith(".tmp") or not path.name.startswith(SWEEP):
        return b""
    try:
        return read_carried(path)
    except (OSError, ValueError):
        return b""


def _adopt(session: Session, store: SampleStore, path: Path) -> None:
    from metering.samples.files import describe

    with connected(store.folder) as connection:
        found = connection.execute(
            "SELECT count(*), min(start_us), min(end_us), max(end_us) FROM read_parquet(?)", [str(path)]
        ).fetchone()
    assert found is not None
    store.enter(session, path, describe(path, found[0]), (found[1], found[2], found[3]))


def _names(store: SampleStore, paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(str(path.relative_to(store.folder)) for path in paths)
