"""The ledger's engine, transactions and column types: nothing exact ever passes through a float or SQLite's REAL."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from time import monotonic, sleep
from typing import Any

from sqlalchemy import (
    BigInteger,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Text,
    TypeDecorator,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from cloudctl.core.clock import as_utc
from cloudctl.core.errors import InvalidInput, Message, Unreachable, problem

BUSY_TIMEOUT_S = 30
# PostgreSQL's lock number of the ledger's writers.
WRITERS = 0x636C6F7564

# PostgreSQL's code for a number beyond its column; SQLite's driver has an OverflowError.
_OUT_OF_RANGE = "22003"

# SQLite numbers a row by its INTEGER PRIMARY KEY alone; elsewhere ids are 64 bits wide.
Id = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware datetime as microseconds since the epoch, so that it sorts, compares and keeps UTC everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class Base(DeclarativeBase):
    """The one declarative base of all packages' tables."""

    type_annotation_map = {int: Id, str: Text, datetime: Instant}  # noqa: RUF012

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as text: digits and places come back as they went in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        if isinstance(value, float):
            raise TypeError("a float is not an exact number")
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


class ExactFraction(TypeDecorator[Fraction]):
    """A Fraction as "n/d"."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Fraction | None, dialect: Dialect) -> str | None:
        if isinstance(value, float):
            raise TypeError("a float is not an exact number")
        return None if value is None else f"{value.numerator}/{value.denominator}"

    def process_result_value(self, value: str | None, dialect: Dialect) -> Fraction | None:
        return None if value is None else Fraction(value)


class JsonText(TypeDecorator[Any]):
    """A JSON document in canonical text, the same bytes for the same document on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def canonical_json(document: Any) -> str:
    """Sorted keys, no spaces, UTF-8 kept, NaN refused: the form that is hashed and stored."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def to_micros(instant: datetime) -> int:
    """Microseconds since the epoch. ValueError on a naive datetime."""
    return (as_utc(instant) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def from_micros(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


class Database:
    """The ledger. Writers begin one after the other, so that two never meet in the middle of a transaction."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session in one transaction: committed at the end, rolled back on any exception."""
        with self._session("IMMEDIATE") as session, session.begin():
            if self.engine.dialect.name == "postgresql":
                # As SQLite's IMMEDIATE: waits for the other writer, and ends with the transaction.
                session.execute(select(func.pg_advisory_xact_lock(WRITERS)))
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the ledger and is rolled back at the end; what it read stays readable."""
        with self._session("DEFERRED") as session:
            yield session
            # Rolled back while in the session, rows would be emptied.
            session.expunge_all()
            session.rollback()

    @contextmanager
    def _session(self, begin: str) -> Iterator[Session]:
        bound = self.engine.execution_options(sqlite_begin=begin)
        if begin == "DEFERRED" and self.engine.dialect.name == "postgresql":
            # A reader sees one state of the ledger, however many writers come by.
            bound = bound.execution_options(isolation_level="REPEATABLE READ")
        with answering(), Session(bound, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def answering() -> Iterator[None]:
    """The database's own troubles (locked, damaged, read-only, full, gone) as Unreachable, in words."""
    try:
        yield
    except OverflowError as failure:
        if "SQLite" not in str(failure):
            raise
        raise _too_large() from failure
    except DatabaseError as failure:
        if getattr(failure.orig, "sqlstate", None) == _OUT_OF_RANGE:
            raise _too_large() from failure
        if type(failure) not in (DatabaseError, OperationalError):
            # A violated rule of the ledger is a defect of the caller, not of the disk.
            raise
        raise _trouble(str(failure.orig)) from failure


def _too_large() -> InvalidInput:
    return InvalidInput([problem("", "A number is too large for the ledger.")])


def _trouble(reason: str) -> Unreachable:
    told = reason.lower()
    if "locked" in told or "busy" in told:
        return Unreachable(
            "Another process kept the ledger locked for {seconds} s; nothing was changed.",
            seconds=BUSY_TIMEOUT_S,
        )
    if "full" in told:
        return Unreachable("The disk that holds the ledger is full; nothing was changed.")
    if "i/o" in told:
        return Unreachable("The disk that holds the ledger is full or fails: {reason}", reason=reason)
    if "readonly" in told or "read-only" in told:
        return Unreachable("The ledger cannot be written: {reason}", reason=reason)
    if "malformed" in told or "not a database" in told:
        return Unreachable(
            "The ledger is damaged: {reason}",
            reason=reason,
            hint=Message("Restore a backup with “cloudctl db restore”."),
        )
    return Unreachable(
        "The ledger does not answer: {reason}", reason=reason, hint=Message("Check with “cloudctl doctor”.")
    )


def open_engine(url: str) -> Engine:
    """An engine for the ledger's URL; SQLite gets WAL, foreign keys, a busy timeout and guarded triggers."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_S * 1000}")
    enter_wal(connection)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        # INSERT OR REPLACE would slip past the triggers that guard closed rows.
        "recursive_triggers=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def enter_wal(connection: sqlite3.Connection) -> None:
    """Puts the file into WAL mode, in which it stays.

    While another process does so or writes, SQLite refuses at once, whatever its timeout: it is asked again until then.
    """
    until = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as failure:
            if "locked" not in str(failure) or monotonic() >= until:
                raise
        sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")
