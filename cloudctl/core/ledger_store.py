"""The ledger as one SQLite file: whether it is sound, and a copy of it taken while others write."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from cloudctl.core.database import Database, answering
from cloudctl.core.errors import Refused

# So many pages are copied before writers get a turn.
PAGES_AT_ONCE = 2000


def is_file(database: Database) -> bool:
    """Whether the ledger is an SQLite file; else a server keeps it."""
    return database.engine.dialect.name == "sqlite"


def faults(session: Session, *, thorough: bool = True) -> list[str]:
    """What SQLite finds wrong with the file, and rows that point at nothing; a quick look leaves indexes out."""
    if session.get_bind().dialect.name != "sqlite":
        return []
    pragma = "integrity_check" if thorough else "quick_check"
    found = [str(line) for line in session.execute(text(f"PRAGMA {pragma}")).scalars() if line != "ok"]
    orphans = session.execute(text("PRAGMA foreign_key_check")).all()
    return found + [f"{row[0]}, row {row[1]}: points at nothing in {row[2]}" for row in orphans]


def ledger_file(database: Database) -> Path:
    """Where the ledger lies. Refused for one that is no file."""
    url = database.engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        raise Refused("This ledger is no SQLite file: back it up with its server's own tools.")
    return Path(url.database)


def copy_ledger(database: Database, target: Path) -> None:
    """A consistent copy of the whole ledger, by SQLite's online backup."""
    ledger_file(database)
    with answering():
        source = database.engine.raw_connection()
        try:
            with closing(sqlite3.connect(target)) as copy:
                connection = source.driver_connection
                assert isinstance(connection, sqlite3.Connection)
                connection.backup(copy, pages=PAGES_AT_ONCE)
                # One file that stands alone, without a log beside it.
                copy.execute("PRAGMA journal_mode=DELETE")
        finally:
            source.close()
