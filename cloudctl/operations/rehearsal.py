"""A dry run of the ledger: an operation does all it would do, and its transactions are taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy.orm import Session

from cloudctl.core.database import Database
from cloudctl.operations.context import Context


class Rehearsal(Database):
    """The same ledger; what is written is seen within its transaction alone."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._session("IMMEDIATE") as session:
            yield session
            session.rollback()


def rehearsed(ctx: Context) -> Context:
    """For operations of one transaction that touch nothing but the ledger."""
    return replace(ctx, database=Rehearsal(ctx.database))
