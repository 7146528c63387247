"""Who leads on a PostgreSQL ledger: a session's advisory lock, and the fencing number that a newer leader raises."""

from datetime import datetime

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.lock_store import give_back, is_taken, take
from cloudctl.core.tables import LeaderRow

# PostgreSQL's lock number of the ledger's leader.
LEADER = 0x6C656164


def seize(connection: Connection) -> bool:
    """Takes the lock for as long as the connection lives; False while another session has it."""
    return take(connection, LEADER)


def release(connection: Connection) -> None:
    """Gives the lock back."""
    give_back(connection, LEADER)


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
    row = session.get(LeaderRow, 1)
    return row.holder if row is not None and is_taken(session, LEADER) else None
