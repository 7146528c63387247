"""Who carries out a change of a ledger that PostgreSQL keeps: an advisory lock, one for all homes that share it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import BigInteger, cast, column, func, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cloudctl.core.database import Database, answering

# The first number of PostgreSQL's locks of changes; the second is the change's own.
CHANGES = 0x6368


@contextmanager
def held_on_server(database: Database, change_id: int) -> Iterator[bool]:
    """Whether the lock is ours for the block: on a connection of its own, with whose loss it is nobody's again."""
    with answering():
        connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        with answering():
            is_ours = connection.execute(select(func.pg_try_advisory_lock(CHANGES, change_id))).scalar()
        yield bool(is_ours)
    finally:
        # Lost with its connection, the lock is nobody's already; to have it gone with it takes the server a while.
        with suppress(DBAPIError):
            connection.execute(select(func.pg_advisory_unlock_all()))
        connection.invalidate()
        connection.close()


def is_held_on_server(session: Session, change_id: int) -> bool:
    """Whether some process has the lock now."""
    locks = table(
        "pg_locks", *map(column, ("locktype", "database", "classid", "objid", "objsubid", "granted"))
    )
    databases = table("pg_database", column("oid"), column("datname"))
    ours = select(databases.c.oid).where(databases.c.datname == func.current_database()).scalar_subquery()
    held = select(func.count()).select_from(locks)
    held = held.where(
        locks.c.locktype == "advisory",
        locks.c.database == ours,
        cast(locks.c.classid, BigInteger) == CHANGES,
        cast(locks.c.objid, BigInteger) == change_id,
        locks.c.objsubid == 2,
        locks.c.granted,
    )
    return bool(session.scalar(held))
