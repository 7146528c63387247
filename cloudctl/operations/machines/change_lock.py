"""One process at a time carries out a change: a lock that its holder's death frees.

It holds among the processes of one machine; the ledger's step states refuse what would still slip through. The file
names its holder, so that whoever only looks need not take the lock to know whether a change is in hand.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudctl.core.errors import Refused


@contextmanager
def held_change(home: Path, change_id: int) -> Iterator[None]:
    """Refused while another process holds it."""
    path = _path(home, change_id)
    path.parent.mkdir(exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                "Change {number} is being carried out by another process.", number=change_id
            ) from None
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            # Whoever held it removed it between our opening and our locking it: a newcomer may hold another.
            raise Refused("Change {number} has moved on; look at it again.", number=change_id)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink()


def is_in_hand(home: Path, change_id: int) -> bool:
    """Whether a process of this machine is carrying the change out."""
    try:
        holder = int(_path(home, change_id).read_text())
        os.kill(holder, 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _path(home: Path, change_id: int) -> Path:
    return home / "locks" / f"change-{change_id}.lock"
