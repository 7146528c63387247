"""One process at a time carries out a change: a lock that its holder's death frees.

It holds among the processes of one machine; the ledger's step states refuse what would still slip through.
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
    folder = home / "locks"
    folder.mkdir(exist_ok=True)
    path = folder / f"change-{change_id}.lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Refused(
                "Change {number} is being carried out by another process.", number=change_id
            ) from None
        if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
            # Whoever held it removed it between our opening and our locking it: a newcomer may hold another.
            raise Refused("Change {number} has moved on; look at it again.", number=change_id)
        try:
            yield
        finally:
            path.unlink()
