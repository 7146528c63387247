"""Backs a home up into one folder: the ledger, what the sample files must be, and, if asked, the files themselves."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cloudctl import __version__
from cloudctl.core.audit import verify
from cloudctl.core.database import Database
from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.core.ledger_store import copy_ledger, ledger_file
from cloudctl.core.schema import present_revision
from cloudctl.core.settings import FILE_NAME
from cloudctl.operations.context import CLOCK_FILE, LEDGER_FILE, Context
from cloudctl.operations.usage.home_samples import sample_store
from metering.samples.store import FOLDER
from metering.store import live_files

MANIFEST = "backup.json"
# Settings and what simulated clouds keep are small and part of a home.
BESIDE = (FILE_NAME, CLOCK_FILE)
CLOUDS = "clouds"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What went into the folder. bytes: of everything."""

    folder: Path
    audit_entries: int
    sample_files: int
    samples_copied: bool
    bytes: int


def plan_backup(ctx: Context, folder: Path, *, with_samples: bool = False) -> BackedUp:
    """What `back_up` would write now, the ledger's and the samples' bytes counted. Refused like it."""
    ctx.actor.require(Role.SYSADMIN, Role.OPERATOR)
    _require_new(folder)
    with ctx.reading() as session:
        entries, files = verify(session).entries, live_files(session)
    size = ledger_file(ctx.database).stat().st_size + (sum(row.bytes for row in files) if with_samples else 0)
    return BackedUp(folder, entries, len(files), with_samples, size)


def _require_new(folder: Path) -> None:
    if folder.exists():
        raise Refused("{folder} exists already; a backup goes into a folder of its own.", folder=str(folder))


def back_up(ctx: Context, folder: Path, *, with_samples: bool = False) -> BackedUp:
    """Writes the folder whole or not at all, while others go on writing. Refused when it exists already."""
    ctx.actor.require(Role.SYSADMIN, Role.OPERATOR)
    _require_new(folder)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        # No compaction takes a file away between the ledger's copy and the files'.
        with sample_store(ctx).holding_files():
            copy_ledger(ctx.database, part / LEDGER_FILE)
            document = _described(ctx, part / LEDGER_FILE)
            if with_samples:
                _copy_samples(ctx, document["samples"], part)
        _copy_beside(ctx.home, part)
        document["with_samples"] = with_samples
        (part / MANIFEST).write_text(
            json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    with ctx.writing() as session:
        ctx.record(
            session, "ledger.backup", folder.name, sha256=document["ledger_sha256"], with_samples=with_samples
        )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return BackedUp(folder, document["audit"]["entries"], len(document["samples"]), with_samples, size)


def _described(ctx: Context, copy: Path) -> dict[str, Any]:
    """The manifest, read from the copy itself, so that both speak of one instant."""
    database = Database(f"sqlite:///{copy}")
    try:
        with database.reading() as session:
            chain = asdict(verify(session))
            files = [
                {"path": row.path, "bytes": row.bytes, "algorithm": row.algorithm, "hash": row.hash}
                for row in live_files(session)
            ]
        revision = present_revision(database)
    finally:
        database.close()
    _stand_alone(copy)
    return {
        "cloudctl": __version__,
        "schema": revision,
        "made_at": ctx.clock.now().isoformat(),
        "ledger_sha256": sha256_of(copy),
        "audit": chain,
        "samples": files,
    }


def _stand_alone(copy: Path) -> None:
    """Reading it put it back into WAL mode: here it is one file again."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def sha256_of(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _copy_samples(ctx: Context, files: list[dict[str, Any]], part: Path) -> None:
    for entry in files:
        target = part / FOLDER / entry["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ctx.home / FOLDER / entry["path"], target)


def _copy_beside(home: Path, part: Path) -> None:
    for name in BESIDE:
        if (home / name).exists():
            shutil.copy2(home / name, part / name)
    for source in sorted((home / CLOUDS).rglob("*")):
        target = part / source.relative_to(home)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
        elif source.suffix == ".sqlite":
            target.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
                live.backup(copy)
        elif not source.name.endswith(("-wal", "-shm")):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
