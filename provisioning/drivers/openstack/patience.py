"""How long the driver waits, and for what: pauses between tries, pauses between looks, deadlines."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from provisioning.driver import StillAtWork

# Seconds before a request is tried again: on 429, on 503, on a connection that was lost.
RETRY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
# No single answer takes longer than this.
REQUEST_SECONDS = 60
# Seconds between looks at something that is on its way; the last one goes on.
LOOK_PAUSES = (0.4, 0.6, 1.0, 1.0, 1.5)
# The longest a cloud may name in Retry-After before it counts as away.
LONGEST_PAUSE = 30.0


def pause(seconds: float) -> None:
    time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant of the monotonic clock, and what is late after it."""

    at: float
    pool: str
    name: str

    @classmethod
    def after(cls, seconds: float, pool: str, name: str) -> "Deadline":
        return cls(time.monotonic() + seconds, pool, name)

    def looks(self) -> Iterator[None]:
        """Yields once per look, pausing in between, until the time is up."""
        number = 0
        while True:
            yield
            self.require_time()
            pause(LOOK_PAUSES[min(number, len(LOOK_PAUSES) - 1)])
            number += 1

    def require_time(self) -> None:
        """StillAtWork when the time is up: it may still happen."""
        if time.monotonic() >= self.at:
            raise StillAtWork("Pool {pool} is still at work on {name}.", pool=self.pool, name=self.name)
