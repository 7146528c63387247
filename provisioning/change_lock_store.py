"""Who carries out a change of a ledger that PostgreSQL keeps: an advisory lock, one for all homes that share it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cloudctl.core.database import Database, answering
from cloudctl.core.lock_store import give_back, is_taken, take

# PostgreSQL's lock number of changes; the second number is the change's own.
CHANGES = 0x6368


@contextmanager
def held_on_server(database: Database, change_id: int) -> Iterator[bool]:
    """Whether the lock is ours for the block: on a connection of its own, with whose loss it is nobody's again."""
    with answering():
        connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    is_ours = False
    try:
        with answering():
            is_ours = take(connection, CHANGES, change_id)
        yield is_ours
    finally:
        if is_ours:
            # Lost with its connection, the lock is nobody's already.
            with suppress(DBAPIError):
                give_back(connection, CHANGES, change_id)
        connection.invalidate()
        connection.close()


def is_held_on_server(session: Session, change_id: int) -> bool:
    """Whether some process has the lock now."""
    return is_taken(session, CHANGES, change_id)
