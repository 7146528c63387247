"""A lock file that one process holds as long as it lives, with its number in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

# Whoever asks for the holder has the lock himself for an instant: it is tried so often, this far apart.
TRIES, PAUSE_S = 20, 0.05


@contextmanager
def held_lock(path: Path) -> Iterator[int | None]:
    """Yields None when the lock is ours for the block, else the number of its holder (0: not told yet)."""
    # Never truncated before the lock is ours: the number in it is the other's.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        if not _is_taken(descriptor):
            yield _number(path)
            return
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield None
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    """Whether the lock is ours now; False: another keeps it."""
    for _ in range(TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(PAUSE_S)
        else:
            return True
    return False


def holder(path: Path) -> int | None:
    """The process that holds the lock now (0: not told yet), or None."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _number(path)
    else:
        return None
    finally:
        os.close(descriptor)


def _number(path: Path) -> int:
    try:
        return int(path.read_text().strip())
    except (OSError, ValueError):
        return 0
