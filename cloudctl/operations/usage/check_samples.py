"""Compares the sample store's files with its manifest."""

from dataclasses import dataclass
from pathlib import Path

from cloudctl.operations.context import Context
from metering.samples.files import file_hash, is_being_written
from metering.samples.store import FOLDER
from metering.store import all_files


@dataclass(frozen=True, slots=True)
class SampleCheck:
    """Paths under the store's folder. strangers: on the disk and in no manifest, as a crash can leave them."""

    files: int
    rows: int
    bytes: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]
    strangers: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        return not self.missing and not self.changed


def check_samples(ctx: Context, *, hashes: bool = False) -> SampleCheck:
    """Every file the manifest counts is there with its size, and with `hashes` byte for byte as it was written."""
    folder = ctx.home / FOLDER
    with ctx.reading() as session:
        rows = all_files(session)
    live = [row for row in rows if row.replaced_at is None]
    missing = [row.path for row in live if not (folder / row.path).is_file()]
    changed = [
        row.path
        for row in live
        if row.path not in missing
        and not _is_as_written(folder / row.path, row.bytes, row.algorithm, row.hash, hashes)
    ]
    known = {row.path for row in rows}
    strangers = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*.parquet"))
        if path.relative_to(folder).as_posix() not in known and not is_being_written(path)
    ]
    return SampleCheck(
        len(live),
        sum(row.rows for row in live),
        sum(row.bytes for row in live),
        tuple(missing),
        tuple(changed),
        tuple(strangers),
    )


def _is_as_written(path: Path, size: int, algorithm: str, digest: str, hashes: bool) -> bool:
    if path.stat().st_size != size:
        return False
    return not hashes or file_hash(path, algorithm) == digest
