"""Sweeps of a home whose time is driven: every instant of the grid, in batches, as fast as the clouds answer."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.clock import DrivenClock, FileClock
from cloudctl.core.database import from_micros, to_micros
from cloudctl.core.errors import CloudctlError, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.pool_measurements import opened_drivers
from cloudctl.operations.usage.sweep_outcome import (
    SweepOutcome,
    SweepTotal,
    interval_us,
    keep_states,
    pool_state,
)
from metering.allocations import held_at
from metering.collector import Held
from metering.samples.model import Sample
from metering.store import keep_reported_sizes, record_gaps
from metering.sweeps import POOL_UNREACHABLE, PoolState, PoolSwept, miss_pool, sweep_pool
from provisioning.driver import Driver
from provisioning.model import Measurement
from provisioning.series import Foresighted

# So many samples are gathered before a driven run writes them; a UTC day's end writes them anyway.
BATCH_ROWS = 150_000


def drive_sweeps(
    ctx: Context,
    until: datetime,
    pools: Sequence[str] | None = None,
    on_progress: Callable[[datetime], None] | None = None,
) -> SweepOutcome:
    """Sweeps at every instant of the grid from now to `until`, both included, moving the home's driven clock along.

    Refused where time can't be moved. Samples are written in batches of at most a day, each with the state it
    leaves in one transaction, and the clock moves when they are kept: killed, it goes on where it stopped.
    """
    ctx.actor.require(Role.OPERATOR)
    if not isinstance(ctx.clock, DrivenClock | FileClock):
        raise Refused("Only in a home whose clock is driven can time be run ahead.")
    clock = DrivenClock(ctx.clock.now())
    total = SweepTotal()
    days = list(_batches(grid(clock.now(), until, ctx.settings.metering.interval_s)))
    with opened_drivers(ctx, pools if days else (), clock) as pools_opened:
        for day in days:
            _drive_batch(ctx, clock, day, pools_opened, total)
            if on_progress:
                on_progress(day[-1])
    ctx.clock.move_to(max(until, clock.now()))
    return total.outcome(clock.now())


def grid(start: datetime, end: datetime, interval_s: int) -> Iterator[datetime]:
    """The instants of the sweep grid in [start, end], counted from the epoch."""
    step = interval_s * 1_000_000
    number = -(-to_micros(start) // step)
    while (instant := number * step) <= to_micros(end):
        yield from_micros(instant)
        number += 1


def _drive_batch(
    ctx: Context,
    clock: DrivenClock,
    instants: Sequence[datetime],
    pools: tuple[Mapping[str, int], Mapping[str, Driver]],
    total: SweepTotal,
) -> None:
    pool_ids, drivers = pools
    samples: list[Sample] = []
    with ctx.writing() as session:
        states = {code: pool_state(session, pool_id) for code, pool_id in pool_ids.items()}
        held = {code: held_at(session, pool_id, instants[0]) for code, pool_id in pool_ids.items()}
        last: dict[str, PoolSwept] = {}
        ahead = [
            run
            for code, driver in drivers.items()
            if (run := _swept_ahead(code, driver, states[code], held[code], instants, interval_us(ctx)))
        ]
        _keep_runs(ctx, session, ahead, total)
        last |= {run.code: run.last for run in ahead}
        singly = {code: driver for code, driver in drivers.items() if code not in last}
        for number, instant in enumerate(instants):
            clock.move_to(instant)
            for code, driver in singly.items():
                if states[code].swept_at == instant:
                    continue
                swept = _swept_by(driver, states[code], held[code], instant, interval_us(ctx))
                record_gaps(session, swept.gaps)
                keep_reported_sizes(session, swept.reported)
                states[code], last[code] = swept.state, swept
                samples += swept.taken.samples
                total.add(swept)
            if len(samples) >= BATCH_ROWS or number == len(instants) - 1:
                sample_store(ctx).append(session, samples)
                samples = []
        keep_states(session, last.values(), clock.now())
        total.machines = sum(swept.machines for swept in last.values())
    assert isinstance(ctx.clock, DrivenClock | FileClock)
    ctx.clock.move_to(clock.now())


@dataclass(frozen=True, slots=True)
class _Run:
    """A pool's sweeps of a batch that its cloud answered at once; `columns` are the samples after the first's."""

    code: str
    first: PoolSwept
    columns: Any
    last: PoolSwept
    sweeps: int


def _swept_ahead(
    code: str,
    driver: Driver,
    before: PoolState,
    held: Mapping[int, Held],
    instants: Sequence[datetime],
    interval_us: int,
) -> _Run | None:
    """The whole batch in one answer; None where it has to be swept one by one."""
    wanted = [instant for instant in instants if before.swept_at is None or instant > before.swept_at]
    if len(wanted) < 2 or not isinstance(driver, Foresighted):
        return None
    from metering.samples.series import can_take, last_readings, later_samples

    try:
        series = driver.measure_ahead(wanted)
    except CloudctlError:
        return None
    if not can_take(series, held):
        return None
    first = sweep_pool(before, series.first, held, wanted[0], interval_us)
    # To the last sweep everything after the first is one interval: its gaps are right, its samples are not used.
    answer = Measurement(last_readings(series), series.first.faults)
    whole = to_micros(wanted[-1]) - to_micros(wanted[0])
    last = sweep_pool(first.state, answer, held, wanted[-1], whole)
    return _Run(code, first, later_samples(series, held), last, len(wanted))


def _keep_runs(ctx: Context, session: Session, runs: Sequence[_Run], total: SweepTotal) -> None:
    for run in runs:
        record_gaps(session, [*run.first.gaps, *run.last.gaps])
        keep_reported_sizes(session, run.first.reported)
        total.add(run.first)
        total.samples += run.columns.num_rows
        total.missing += run.last.missing * (run.sweeps - 1)
        total.unallocated += len(run.last.taken.unallocated) * (run.sweeps - 1)
        total.gaps += len(run.last.gaps) * (run.sweeps - 1)
    columns = [run.columns for run in runs if run.columns.num_rows]
    if columns:
        first = [sample for run in runs for sample in run.first.taken.samples]
        sample_store(ctx).append_columns(session, columns, first)


def _swept_by(
    driver: Driver, before: PoolState, held: Mapping[int, Held], at: datetime, interval_us: int
) -> PoolSwept:
    try:
        return sweep_pool(before, driver.measure(), held, at, interval_us)
    except CloudctlError:
        return miss_pool(before, held, at, interval_us, POOL_UNREACHABLE)


def _batches(instants: Iterable[datetime]) -> Iterator[list[datetime]]:
    """The instants by UTC day; midnight's belongs to the new day, as its samples' files do."""
    batch: list[datetime] = []
    for instant in instants:
        if batch and instant.date() != batch[-1].date():
            yield batch
            batch = []
        batch.append(instant)
    if batch:
        yield batch
