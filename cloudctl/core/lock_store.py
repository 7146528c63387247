"""Advisory locks of a ledger on PostgreSQL: taken for as long as a connection lives, and looked at by others."""

from sqlalchemy import BigInteger, cast, column, func, select, table
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session


def take(connection: Connection, kind: int, number: int = 0) -> bool:
    """False while another session has it. kind: what is locked; number: which one of them."""
    return bool(connection.execute(select(func.pg_try_advisory_lock(kind, number))).scalar())


def give_back(connection: Connection, kind: int, number: int = 0) -> None:
    """To have it gone with the connection would take the server a while."""
    connection.execute(select(func.pg_advisory_unlock(kind, number)))


def is_taken(session: Session, kind: int, number: int = 0) -> bool:
    """Whether some session has it now. The server's other databases have locks of their own."""
    locks = table(
        "pg_locks", *map(column, ("locktype", "database", "classid", "objid", "objsubid", "granted"))
    )
    databases = table("pg_database", column("oid"), column("datname"))
    ours = select(databases.c.oid).where(databases.c.datname == func.current_database()).scalar_subquery()
    held = select(func.count()).select_from(locks)
    held = held.where(
        locks.c.locktype == "advisory",
        locks.c.database == ours,
        cast(locks.c.classid, BigInteger) == kind,
        cast(locks.c.objid, BigInteger) == number,
        # That it has two numbers.
        locks.c.objsubid == 2,
        locks.c.granted,
    )
    return bool(session.scalar(held))
