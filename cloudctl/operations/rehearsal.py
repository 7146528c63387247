"""Runs an operation for its outcome alone: every check, nothing kept. What `--dry-run` and a printed plan show.

Numbers of new rows are not part of the outcome: PostgreSQL hands a rolled-back one out to nobody again, SQLite to
whoever writes next. What prints a new row before it is in leaves its number out.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy.orm import Session

from cloudctl.core.database import Database
from cloudctl.operations.context import Context


class RehearsalDatabase(Database):
    """The same ledger; what is written is rolled back."""

    def __init__(self, real: Database) -> None:
        self.engine = real.engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._session("IMMEDIATE") as session, session.begin() as transaction:
            yield session
            session.flush()
            transaction.rollback()


def rehearsal(ctx: Context) -> Context:
    """The context in which nothing lasts. Only for operations that change the ledger and nothing else."""
    return replace(ctx, database=RehearsalDatabase(ctx.database))
