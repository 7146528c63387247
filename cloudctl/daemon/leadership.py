"""One scheduler per ledger: a lock beside the ledger's file, held as long as the process lives."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudctl.core.errors import Message, Refused
from cloudctl.operations.context import Context

SUFFIX = ".scheduler"


@contextmanager
def leading(ctx: Context) -> Iterator[None]:
    """Holds the lock. Refused when another process holds it, which is named; the system frees it when one dies."""
    path = lock_path(ctx)
    # Never truncated before the lock is ours: the number in it is the other's.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                "Another scheduler runs on this home already: process {pid}.", pid=_pid(path) or "?"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def leader(ctx: Context) -> int | None:
    """The process that schedules on this ledger now, or None."""
    path = lock_path(ctx)
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid(path)
    else:
        return None
    finally:
        os.close(descriptor)


def lock_path(ctx: Context) -> Path:
    """Beside the ledger's file, so that two homes on one ledger meet. Refused for a ledger that is no file."""
    url = ctx.database.engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        raise Refused(
            "This version's scheduler works on an SQLite ledger alone.",
            hint=Message("Run its jobs by hand: “cloudctl meter sweep”, “review open”, “settle draft”."),
        )
    return Path(url.database + SUFFIX)


def _pid(path: Path) -> int | None:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return None
