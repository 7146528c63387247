"""One scheduler per ledger: refused while another process schedules on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from cloudctl.core.errors import Message, Refused
from cloudctl.core.process_lock import held_lock, holder
from cloudctl.operations.context import Context
from cloudctl.operations.home.scheduler_lock import lock_beside


@contextmanager
def leading(ctx: Context) -> Iterator[None]:
    """Leads for the block. Refused when another process does, which is named; its death frees the place."""
    if ctx.database.engine.dialect.name != "sqlite":
        raise Refused(
            "This version's scheduler works on an SQLite ledger alone.",
            hint=Message("Run its jobs by hand: “cloudctl meter sweep”, “review open”, “settle draft”."),
        )
    with held_lock(lock_beside(ctx.database)) as other:
        if other is not None:
            raise Refused("Another scheduler runs on this home already: process {pid}.", pid=other)
        yield


def leader(ctx: Context) -> int | None:
    """The process that schedules on this ledger now, or None."""
    return holder(lock_beside(ctx.database)) if ctx.database.engine.dialect.name == "sqlite" else None
