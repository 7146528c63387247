"""Examines a home and the machine it stands on: one finding per check, none of them stops the others."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from cloudctl.core.clock import SystemClock
from cloudctl.core.database import Database
from cloudctl.core.errors import CloudctlError, InvalidInput, Message, Problem
from cloudctl.core.estate import people
from cloudctl.core.identity import Role
from cloudctl.core.ledger_store import faults, is_file
from cloudctl.core.schema import present_revision, schema_state
from cloudctl.core.settings import Settings, load_settings
from cloudctl.operations.context import Context, ledger_url, open_context
from cloudctl.operations.home.read_audit import audit_entries
from cloudctl.operations.home.scheduler_lock import scheduler_now
from cloudctl.operations.machines.show_change import INTERRUPTED, UNCERTAIN, list_changes
from cloudctl.operations.usage.check_samples import check_samples
from metering.store import last_sweeps
from provisioning.store import pools

LITTLE_SPACE = 2 << 30
NO_SPACE = 200 << 20
# Where SQLite's shared memory does not work.
NETWORK_DISKS = ("nfs", "cifs", "smb", "9p", "fuse.sshfs", "afs", "ceph")
SIMULATED, EXTERNAL = "embedded", "external"
# A sweep this many intervals ago is a silence.
SILENT_AFTER = 3


class Health(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to. check: a word of the catalogue (kind "check")."""

    check: str
    health: Health
    detail: Message


def diagnose(home: Path, *, login: str | None = None) -> list[Finding]:
    """All findings; those that need the ledger are left out when it can't be opened, and that stands as one."""
    if not home.is_dir():
        return [Finding("home", Health.BAD, Message("There is no folder {home}.", {"home": str(home)}))]
    found = [*_home(home), _space(home), _disk(home)]
    try:
        settings = load_settings(home)
    except InvalidInput as failure:
        return [*found, *(Finding("settings", Health.BAD, _placed(reason)) for reason in failure.problems)]
    found.append(Finding("settings", Health.GOOD, Message("Read without a fault.")))
    try:
        found.append(_schema(home, settings))
        with open_context(home, login=login) as ctx:
            for check in CHECKS:
                found += check(ctx)
    except CloudctlError as failure:
        found.append(Finding("ledger", Health.BAD, failure.message))
    return found


def _placed(reason: Problem) -> Message:
    return Message("{place}: {reason}", {"place": reason.place, "reason": reason.message})


def _home(home: Path) -> Iterator[Finding]:
    if os.access(home, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("home", Health.GOOD, Message("{home} can be read and written.", {"home": str(home)}))
    else:
        yield Finding("home", Health.BAD, Message("{home} cannot be read and written.", {"home": str(home)}))


def _space(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    health = Health.BAD if free < NO_SPACE else Health.WARNING if free < LITTLE_SPACE else Health.GOOD
    return Finding("disk_space", health, Message("{gib} GiB are free.", {"gib": f"{free / (1 << 30):.1f}"}))


def _disk(home: Path) -> Finding:
    kind = _file_system(home)
    if kind.startswith(NETWORK_DISKS):
        detail = Message("{kind} is a network disk: SQLite loses its write-ahead log there.", {"kind": kind})
        return Finding("disk_kind", Health.BAD, detail)
    return Finding("disk_kind", Health.GOOD, Message("The file system is {kind}.", {"kind": kind or "?"}))


def _file_system(home: Path) -> str:
    """The kind of the file system that holds the home, by the longest mount point above it."""
    mounts = Path("/proc/self/mounts")
    place = str(home.resolve())
    best, kind = "", ""
    for line in mounts.read_text().splitlines() if mounts.exists() else []:
        _, point, name, *_ = line.split()
        inside = f"{place}/".startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


def _schema(home: Path, settings: Settings) -> Finding:
    database = Database(ledger_url(home, settings))
    try:
        state, revision = schema_state(database), present_revision(database)
    finally:
        database.close()
    health = Health.GOOD if state == "current" else Health.BAD
    details = {
        "current": Message("Revision {revision}, this version's own.", {"revision": revision}),
        "older": Message(
            "Revision {revision} is older than this version: run “cloudctl db upgrade”.",
            {"revision": revision},
        ),
        "newer": Message(
            "Revision {revision} is newer than this version of cloudctl.", {"revision": revision}
        ),
    }
    return Finding("schema", health, details[state])


def _ledger(ctx: Context) -> Iterator[Finding]:
    with ctx.reading() as session:
        found = faults(session, thorough=False)
    if found:
        yield Finding("ledger", Health.BAD, Message("SQLite finds it damaged: {fault}", {"fault": found[0]}))
    elif is_file(ctx.database):
        yield Finding("ledger", Health.GOOD, Message("SQLite finds nothing wrong with it."))
    else:
        yield Finding("ledger", Health.GOOD, Message("A PostgreSQL server keeps it, and answers."))


def _clock(ctx: Context) -> Iterator[Finding]:
    with ctx.reading() as session:
        real = [pool.code for pool in pools(session) if pool.driver not in (SIMULATED, EXTERNAL)]
    is_driven = not isinstance(ctx.clock, SystemClock)
    now = ctx.clock.now()
    last = audit_entries(ctx, limit=1) if ctx.actor.has(Role.OPERATOR, Role.SYSADMIN, Role.AUDITOR) else []
    if is_driven and real:
        detail = Message(
            "The clock is moved by hand, and there are real clouds: {pools}.", {"pools": ", ".join(real)}
        )
        yield Finding("clock", Health.BAD, detail)
    elif last and last[0]["at"] > now + timedelta(minutes=5):
        yield Finding(
            "clock", Health.BAD, Message("The clock stands before the last entry of the audit chain.")
        )
    elif is_driven:
        detail = Message("The clock is moved by hand; it stands at {now}.", {"now": _local(ctx)})
        yield Finding("clock", Health.WARNING, detail)
    else:
        yield Finding("clock", Health.GOOD, Message("The machine's own; {now}.", {"now": _local(ctx)}))


def _local(ctx: Context) -> str:
    return ctx.clock.now().astimezone(ctx.site.zone).isoformat(timespec="seconds")


def _zone(ctx: Context) -> Iterator[Finding]:
    offset = ctx.clock.now().astimezone(ctx.site.zone).strftime("%z")
    detail = Message(
        "Days and months begin by {zone} (now {offset}).", {"zone": ctx.site.zone.key, "offset": offset}
    )
    yield Finding("time_zone", Health.GOOD, detail)


def _samples(ctx: Context) -> Iterator[Finding]:
    found = check_samples(ctx)
    values = {
        "files": found.files,
        "missing": len(found.missing),
        "changed": len(found.changed),
        "unknown": len(found.strangers),
    }
    if not found.is_sound:
        detail = Message("Of {files} sample files {missing} are missing and {changed} have changed.", values)
        yield Finding("samples", Health.BAD, detail)
    elif found.strangers:
        detail = Message("{files} sample files are there, and {unknown} that no manifest names.", values)
        yield Finding("samples", Health.WARNING, detail)
    else:
        yield Finding(
            "samples",
            Health.GOOD,
            Message("{files} sample files are there, as their manifest says.", values),
        )


def _pools(ctx: Context) -> Iterator[Finding]:
    with ctx.reading() as session:
        rows = pools(session)
    simulated = [pool.code for pool in rows if pool.driver == SIMULATED]
    if simulated:
        detail = Message("Simulated, no real machines: {pools}.", {"pools": ", ".join(simulated)})
        yield Finding("pools", Health.WARNING, detail)
    elif rows:
        yield Finding("pools", Health.GOOD, Message("{count} pools, none simulated.", {"count": len(rows)}))
    else:
        yield Finding("pools", Health.WARNING, Message("There is no pool yet: apply an inventory."))


def _changes(ctx: Context) -> Iterator[Finding]:
    left = [str(row["change"]) for row in list_changes(ctx, (UNCERTAIN, INTERRUPTED))]
    if left:
        detail = Message(
            "Uncertain or interrupted: {numbers}; see “cloudctl change show NUMBER”.",
            {"numbers": ", ".join(left)},
        )
        yield Finding("changes", Health.WARNING, detail)
    else:
        yield Finding("changes", Health.GOOD, Message("None is uncertain or interrupted."))


def _people(ctx: Context) -> Iterator[Finding]:
    with ctx.reading() as session:
        rows = people(session)
    homeless = [row.login for row in rows if Role.UNIT in row.roles and row.unit_id is None]
    if homeless:
        detail = Message(
            "People who act for a unit and have none: {logins}.", {"logins": ", ".join(homeless)}
        )
        yield Finding("people", Health.BAD, detail)
    seats = sum(Role.PANEL in row.roles for row in rows)
    quorum = ctx.settings.review.quorum
    if seats < quorum:
        detail = Message(
            "{seats} people sit on the panel, its quorum is {quorum}.", {"seats": seats, "quorum": quorum}
        )
        yield Finding("panel", Health.WARNING, detail)
    if not any(Role.FINANCE in row.roles for row in rows):
        yield Finding(
            "people", Health.WARNING, Message("Nobody may act for finance: no month can be approved.")
        )
    if not homeless:
        yield Finding("people", Health.GOOD, Message("{count} people may act.", {"count": len(rows)}))


def _scheduler(ctx: Context) -> Iterator[Finding]:
    pid = scheduler_now(ctx)
    if pid is None:
        yield Finding("scheduler", Health.WARNING, Message("No scheduler runs on this home."))
    else:
        yield Finding("scheduler", Health.GOOD, Message("The scheduler runs as process {pid}.", {"pid": pid}))
    limit = timedelta(seconds=SILENT_AFTER * ctx.settings.metering.interval_s)
    with ctx.reading() as session:
        codes = {pool.id: pool.code for pool in pools(session)}
        silent = [
            codes[row.pool_id]
            for row in last_sweeps(session)
            if row.pool_id in codes and ctx.clock.now() - row.started_at > limit
        ]
    if silent:
        detail = Message(
            "Not swept for {minutes} minutes and more: {pools}.",
            {"minutes": int(limit.total_seconds() // 60), "pools": ", ".join(silent)},
        )
        yield Finding("sweeps", Health.WARNING, detail)


CHECKS: tuple[Callable[[Context], Iterator[Finding]], ...] = (
    _ledger,
    _clock,
    _zone,
    _samples,
    _pools,
    _changes,
    _people,
    _scheduler,
)
