"""After a crash: files the manifest does not know are adopted whole or removed; nothing is ever half-read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from metering.samples.store import SampleStore
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
    removed = [path for path in orphans if path not in adopted and _is_removed(path)]
    return Recovered(_names(store, adopted), _names(store, removed))


def _orphans(session: Session, store: SampleStore, days: Sequence[str] | None) -> Iterator[Path]:
    folders = (
        [store.folder / f"day={day}" for day in days] if days is not None else store.folder.glob("day=*")
    )
    from metering.samples.files import is_being_written

    present = [path for folder in sorted(folders) if folder.is_dir() for path in sorted(folder.iterdir())]
    if not present:
        return
    known = {row.path for row in all_files(session)}
    for path in present:
        if path.name.endswith(".tmp"):
            if not is_being_written(path):
                yield path
        elif str(path.relative_to(store.folder)) not in known:
            yield path


def _carried_by(path: Path) -> bytes:
    from metering.samples.files import read_carried

    if path.name.endswith(".tmp") or not path.name.startswith(SWEEP):
        return b""
    try:
        return read_carried(path)
    except (OSError, ValueError):
        return b""


def _is_removed(path: Path) -> bool:
    from metering.samples.files import remove_abandoned

    if path.name.endswith(".tmp"):
        return remove_abandoned(path)
    path.unlink(missing_ok=True)
    return True


def _adopt(session: Session, store: SampleStore, path: Path) -> None:
    from metering.samples.files import describe

    store.enter(session, path, describe(path))


def _names(store: SampleStore, paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(str(path.relative_to(store.folder)) for path in paths)
