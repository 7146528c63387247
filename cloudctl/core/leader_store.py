"""Who leads on a PostgreSQL ledger: a session's advisory lock, and the fencing number that a newer leader raises."""

from datetime import datetime

from sqlalchemy import BigInteger, cast, column, func, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.tables import LeaderRow

# PostgreSQL's lock number of the ledger's leader.
LEADER = 0x6C656164


def seize(connection: Connection) -> bool:
    """Takes the lock for as long as the connection lives; False while another session has it."""
    return bool(connection.execute(select(func.pg_try_advisory_lock(LEADER))).scalar())


def release(connection: Connection) -> None:
    """Gives the lock back: to have it gone with the connection takes the server a while."""
    connection.execute(select(func.pg_advisory_unlock(LEADER)))


def succeed(session: Session, holder: str, now: datetime) -> int:
    """Writes the new leader down. Returns his fencing number, higher than any before."""
    row = session.get(LeaderRow, 1)
    if row is None:
        row = LeaderRow(id=1, number=0, holder=holder, since=now)
        session.add(row)
    row.number, row.holder, row.since = row.number + 1, holder, now
    session.flush()
    return row.number


def require_leader(session: Session, number: int) -> None:
    """Refused when another leads by now: this one was given up for dead."""
    row = session.get(LeaderRow, 1)
    if row is None or row.number != number:
        raise Refused(
            "Another scheduler leads on this ledger by now: {holder}.", holder=row.holder if row else ""
        )


def present_leader(session: Session) -> str | None:
    """Who holds the lock now, as he wrote himself down."""
    locks = table("pg_locks", *map(column, ("locktype", "database", "objid", "granted")))
    databases = table("pg_database", column("oid"), column("datname"))
    # The server's other databases have leaders of their own.
    ours = select(databases.c.oid).where(databases.c.datname == func.current_database()).scalar_subquery()
    held = select(func.count()).select_from(locks)
    held = held.where(
        locks.c.locktype == "advisory",
        locks.c.database == ours,
        cast(locks.c.objid, BigInteger) == LEADER,
        locks.c.granted,
    )
    row = session.get(LeaderRow, 1)
    return row.holder if row is not None and session.scalar(held) else None
