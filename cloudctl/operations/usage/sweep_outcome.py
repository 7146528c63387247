"""What sweeps came to, and the state that they leave in the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cloudctl.operations.context import Context
from metering.store import collector_state, keep_collector_state, keep_sweep, last_duration_us
from metering.sweeps import PoolState, PoolSwept
from metering.tables import SweepRow


@dataclass(frozen=True, slots=True)
class SweepOutcome:
    """What a sweep came to. is_stored False: the disk refused, and the sweep stands as a gap."""

    at: datetime
    machines: int
    samples: int
    missing: int
    unallocated: int
    gaps: int
    is_stored: bool = True


@dataclass(slots=True)
class SweepTotal:
    """Counts that sweeps add to."""

    machines: int = 0
    samples: int = 0
    missing: int = 0
    unallocated: int = 0
    gaps: int = 0

    def add(self, swept: PoolSwept) -> None:
        self.samples += len(swept.taken.samples)
        self.missing += swept.missing
        self.unallocated += len(swept.taken.unallocated)
        self.gaps += len(swept.gaps)

    def outcome(self, at: datetime) -> SweepOutcome:
        return SweepOutcome(at, self.machines, self.samples, self.missing, self.unallocated, self.gaps)


def interval_us(ctx: Context) -> int:
    return ctx.settings.metering.interval_s * 1_000_000


def pool_state(session: Session, pool_id: int) -> PoolState:
    return PoolState(pool_id, *collector_state(session, pool_id), last_duration_us(session, pool_id))


def keep_states(
    session: Session, swept: Iterable[PoolSwept], started: datetime, duration: timedelta = timedelta(0)
) -> None:
    for pool in swept:
        keep_collector_state(
            session, pool.state.pool_id, pool.state.swept_at or started, pool.state.readings.values()
        )
        keep_sweep(
            session,
            SweepRow(
                pool_id=pool.state.pool_id,
                started_at=started,
                duration_us=duration // timedelta(microseconds=1),
                machines=pool.machines,
                samples=len(pool.taken.samples),
                missing=pool.missing,
                unallocated=len(pool.taken.unallocated),
            ),
        )
