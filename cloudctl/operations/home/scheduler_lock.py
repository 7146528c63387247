"""Where the scheduler's lock lies: beside the ledger's file, so that two homes on one ledger meet."""

from pathlib import Path

from cloudctl.core.database import Database
from cloudctl.core.ledger_store import ledger_file
from cloudctl.core.process_lock import holder

SUFFIX = ".scheduler"


def lock_beside(database: Database) -> Path:
    file = ledger_file(database)
    return file.with_name(file.name + SUFFIX)


def scheduler_of(ledger: Path) -> int | None:
    """The process that schedules on the ledger in this file, or None."""
    return holder(ledger.with_name(ledger.name + SUFFIX))
