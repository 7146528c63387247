"""One process at a time carries out a change: a lock that its holder's death frees, and that can be looked at untaken.

Beside a ledger that is a file it is a byte of one file, the change's number its place; a ledger on a server keeps it
there, for all homes that share it. The ledger's step states refuse what would still slip through.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudctl.core.errors import Refused
from cloudctl.core.ledger_store import is_file
from cloudctl.operations.context import Context
from provisioning.change_lock_store import held_on_server, is_held_on_server

# The C struct flock: type, whence, start, length, process.
_FLOCK = "hhqqi"


@contextmanager
def held_change(ctx: Context, change_id: int) -> Iterator[None]:
    """Refused while another process holds it."""
    lock = (
        held_here(ctx.home, change_id) if is_file(ctx.database) else held_on_server(ctx.database, change_id)
    )
    with lock as is_ours:
        if not is_ours:
            raise Refused("Change {number} is being carried out by another process.", number=change_id)
        yield


def is_in_hand(ctx: Context, change_id: int) -> bool:
    """Whether a process is carrying the change out."""
    if is_file(ctx.database):
        return _is_locked(_path(ctx.home), change_id)
    with ctx.reading() as session:
        return is_held_on_server(session, change_id)


@contextmanager
def held_here(home: Path, change_id: int) -> Iterator[bool]:
    """Whether the lock is ours for the block."""
    path = _path(home)
    path.parent.mkdir(exist_ok=True)
    with path.open("a+b") as file:
        try:
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _flock(change_id))
        except BlockingIOError:
            yield False
        else:
            yield True


def _is_locked(path: Path, change_id: int) -> bool:
    try:
        with path.open("rb") as file:
            found = fcntl.fcntl(file, fcntl.F_OFD_GETLK, _flock(change_id))
    except FileNotFoundError:
        return False
    return bool(struct.unpack(_FLOCK, found)[0] != fcntl.F_UNLCK)


def _flock(change_id: int) -> bytes:
    return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, change_id, 1, 0)


def _path(home: Path) -> Path:
    return home / "locks" / "changes"
