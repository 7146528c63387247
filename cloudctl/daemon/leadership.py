"""One scheduler per ledger: refused while another leads on it, and fenced off when another takes over."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from cloudctl.core.database import Database
from cloudctl.core.errors import Refused
from cloudctl.core.leader_store import release, require_leader, seize, succeed
from cloudctl.core.ledger_store import is_file
from cloudctl.core.process_lock import held_lock
from cloudctl.operations.context import Context
from cloudctl.operations.home.scheduler_lock import lock_beside, scheduler_now


class FencedDatabase(Database):
    """The ledger as one leader writes it: not at all any more once another has taken over."""

    def __init__(self, real: Database, number: int) -> None:
        self.engine = real.engine
        self._number = number

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with super().writing() as session:
            require_leader(session, self._number)
            yield session


@contextmanager
def leading(ctx: Context) -> Iterator[Context]:
    """Leads for the block, whose jobs take the context given. Refused when another leads, who is named.

    On an SQLite file a process lock, which its holder's death frees. On PostgreSQL an advisory lock on a connection of
    its own, freed when the server loses that; a leader who lives on unheard is kept out by his fencing number.
    """
    if is_file(ctx.database):
        with held_lock(lock_beside(ctx.database)) as other:
            if other is not None:
                raise _taken(str(other))
            yield ctx
        return
    with ctx.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not seize(connection):
            raise _taken(scheduler_now(ctx) or "?")
        try:
            with ctx.writing() as session:
                number = succeed(session, f"{os.getpid()}@{socket.gethostname()}", ctx.clock.now())
            yield replace(ctx, database=FencedDatabase(ctx.database, number))
        finally:
            # Lost with its connection, the lock is nobody's already.
            with suppress(DBAPIError):
                release(connection)
            connection.invalidate()


def _taken(holder: str) -> Refused:
    return Refused("Another scheduler runs on this home already: process {pid}.", pid=holder)
