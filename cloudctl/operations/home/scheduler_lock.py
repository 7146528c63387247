"""Who schedules on a ledger: the holder of the lock beside its file, or of PostgreSQL's advisory lock."""

from pathlib import Path

from cloudctl.core.database import Database
from cloudctl.core.leader_store import present_leader
from cloudctl.core.ledger_store import is_file, ledger_file
from cloudctl.core.process_lock import holder
from cloudctl.operations.context import Context

SUFFIX = ".scheduler"


def lock_beside(database: Database) -> Path:
    """Beside the ledger's file, so that two homes on one ledger meet."""
    file = ledger_file(database)
    return file.with_name(file.name + SUFFIX)


def scheduler_of(ledger: Path) -> int | None:
    """The process that schedules on the ledger in this file, or None."""
    return holder(ledger.with_name(ledger.name + SUFFIX))


def scheduler_now(ctx: Context) -> str | None:
    """The process that schedules on this ledger now, on PostgreSQL with its machine; or None."""
    if is_file(ctx.database):
        process = holder(lock_beside(ctx.database))
        return None if process is None else str(process)
    with ctx.reading() as session:
        return present_leader(session)
