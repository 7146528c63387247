"""Puts a backup in place of a home's ledger; what stood there before is moved aside, never deleted."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudctl.core.audit import verify
from cloudctl.core.database import Database
from cloudctl.core.errors import CloudctlError, InvalidInput, Message, NotFound, Refused, problem
from cloudctl.core.identity import Role
from cloudctl.core.ledger_store import faults
from cloudctl.core.schema import schema_state
from cloudctl.core.settings import load_settings
from cloudctl.operations.context import LEDGER_FILE, find_actor, home_clock, open_context
from cloudctl.operations.home.back_up import BESIDE, CLOUDS, MANIFEST, sha256_of
from cloudctl.operations.home.scheduler_lock import scheduler_of
from metering.samples.files import file_hash
from metering.samples.store import FOLDER


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """What a restore would do. entries: of the audit chain. replaces None: no ledger stands there now.

    lost: sample files that neither the backup nor the home has.
    """

    backup: Path
    made_at: str
    entries: int
    replaces: int | None
    samples_copied: int
    lost: tuple[str, ...]


def plan_restore(home: Path, backup: Path) -> RestorePlan:
    """Checks the backup whole. NotFound, InvalidInput when it is damaged, Refused when it is of a newer version."""
    document = _read_manifest(backup)
    _check_ledger(backup, document)
    own = {entry["path"]: entry for entry in document["samples"]}
    wanting = {path for path, entry in own.items() if not _is_whole(home / FOLDER / path, entry)}
    lost = tuple(sorted(path for path in wanting if not (backup / FOLDER / path).is_file()))
    damaged = [
        path
        for path in sorted(wanting)
        if path not in lost and not _is_whole(backup / FOLDER / path, own[path])
    ]
    if damaged:
        raise InvalidInput(
            [problem(str(backup / FOLDER / path), "This file is not what was backed up.") for path in damaged]
        )
    entries = document["audit"]["entries"]
    return RestorePlan(
        backup, document["made_at"], entries, _entries_of(home), len(wanting) - len(lost), lost
    )


def restore(home: Path, plan: RestorePlan, *, login: str | None = None) -> Path | None:
    """Carries the plan out; returns where the ledger that stood there has gone. Needs a system administrator."""
    settings = load_settings(home)
    if settings.ledger.url:
        raise Refused("This ledger is no SQLite file: restore it with its server's own tools.")
    _require_sysadmin(plan.backup / LEDGER_FILE, home, login)
    _require_no_scheduler(home)
    home.mkdir(parents=True, exist_ok=True)
    document = _read_manifest(plan.backup)
    for entry in document["samples"]:
        source, target = plan.backup / FOLDER / entry["path"], home / FOLDER / entry["path"]
        if source.is_file() and not _is_whole(target, entry):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    fresh = home / (LEDGER_FILE + ".new")
    shutil.copy2(plan.backup / LEDGER_FILE, fresh)
    aside = _move_aside(
        home, f"{home_clock(home, settings).now():%Y%m%dT%H%M%SZ}" if plan.replaces is not None else ""
    )
    fresh.rename(home / LEDGER_FILE)
    _restore_beside(plan.backup, home)
    with open_context(home, login=login) as ctx, ctx.writing() as session:
        ctx.record(
            session, "ledger.restore", plan.backup.name, made_at=plan.made_at, replaced_entries=plan.replaces
        )
    return aside


def _read_manifest(backup: Path) -> dict[str, Any]:
    path = backup / MANIFEST
    if not path.is_file() or not (backup / LEDGER_FILE).is_file():
        raise NotFound("There is no backup in {folder}.", folder=str(backup))
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = document["ledger_sha256"], document["made_at"], document["audit"]["entries"]
        _ = [
            (entry["path"], entry["bytes"], entry["algorithm"], entry["hash"])
            for entry in document["samples"]
        ]
    except (ValueError, KeyError, TypeError):
        raise InvalidInput([problem(str(path), "This is not the manifest of a backup.")]) from None
    if any(
        Path(entry["path"]).is_absolute() or ".." in Path(entry["path"]).parts
        for entry in document["samples"]
    ):
        raise InvalidInput([problem(str(path), "This manifest names files outside the sample store.")])
    return document


def _check_ledger(backup: Path, document: dict[str, Any]) -> None:
    path = backup / LEDGER_FILE
    if sha256_of(path) != document["ledger_sha256"]:
        raise InvalidInput([problem(str(path), "This ledger is not the one that was backed up.")])
    database = _read_only(path)
    try:
        if schema_state(database) == "newer":
            raise Refused(
                "This backup was made by a newer version of cloudctl.",
                hint=Message("Install that version or a later one; nothing was changed."),
            )
        with database.reading() as session:
            found = faults(session)
            if not found and not verify(session).ok:
                found = ["audit chain"]
    finally:
        database.close()
    if found:
        raise InvalidInput(
            [problem(str(path), "This ledger is damaged: {fault}", fault=fault) for fault in found]
        )


def _read_only(path: Path) -> Database:
    """A ledger looked at without a byte of it changing."""
    return Database(f"sqlite:///file:{path.resolve()}?mode=ro&immutable=1&uri=true")


def _is_whole(path: Path, entry: dict[str, Any]) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == entry["bytes"]
        and file_hash(path, entry["algorithm"]) == entry["hash"]
    )


def _entries_of(home: Path) -> int | None:
    """How many audit entries the present ledger has; 0 when it cannot be read, None when there is none."""
    if not (home / LEDGER_FILE).exists():
        return None
    database = Database(f"sqlite:///{home / LEDGER_FILE}")
    try:
        with database.reading() as session:
            return verify(session).entries
    except (CloudctlError, ValueError, TypeError):
        # A damaged ledger is what restores are for.
        return 0
    finally:
        database.close()


def _require_sysadmin(ledger: Path, home: Path, login: str | None) -> None:
    database = _read_only(ledger)
    try:
        with database.reading() as session:
            actor = find_actor(session, load_settings(home), login, "cli")
    finally:
        database.close()
    actor.require(Role.SYSADMIN)


def _require_no_scheduler(home: Path) -> None:
    pid = scheduler_of(home / LEDGER_FILE)
    if pid is not None:
        raise Refused("The scheduler runs on this home as process {pid}: stop it first.", pid=pid)


def _move_aside(home: Path, stamp: str) -> Path | None:
    if not stamp:
        return None
    aside = home / "backups" / f"before-restore-{stamp}"
    aside.mkdir(parents=True)
    for name in (LEDGER_FILE, LEDGER_FILE + "-wal", LEDGER_FILE + "-shm"):
        if (home / name).exists():
            (home / name).rename(aside / name)
    return aside


def _restore_beside(backup: Path, home: Path) -> None:
    """Settings and simulated clouds of the backup, where the home has none of its own."""
    for name in (*BESIDE, CLOUDS):
        source, target = backup / name, home / name
        if source.is_dir() and not target.exists():
            shutil.copytree(source, target)
        elif source.is_file() and not target.exists():
            shutil.copy2(source, target)
