"""Sweeps: reads every machine's counters and keeps what was used since the last time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.pool_measurements import Workers, opened_drivers, readings_once
from cloudctl.operations.usage.sweep_outcome import (
    SweepOutcome,
    SweepTotal,
    interval_us,
    keep_states,
    pool_state,
)
from cloudctl.operations.usage.sweep_recovery import adopt_orphans, carried_states
from metering.allocations import held_at
from metering.samples.store import SampleStore
from metering.store import Gap, keep_collector_state, keep_reported_sizes, record_gaps
from metering.sweeps import DISK_FULL, POOL_UNREACHABLE, PoolSwept, miss_pool, sweep_pool
from provisioning.driver import Driver, Selective
from provisioning.model import Measurement


def sweep(
    ctx: Context,
    pools: Sequence[str] | None = None,
    *,
    workers: Workers | None = None,
    store: SampleStore | None = None,
    dry_run: bool = False,
) -> SweepOutcome:
    """One sweep over all pools that can be measured, or over `pools` by code.

    A loop gives the same `workers` every time, so that a pool that hangs is not asked twice at once. Errors of one
    pool become a gap with its reason; a disk that is full makes the whole sweep one. `dry_run` measures and keeps
    nothing.
    """
    ctx.actor.require(Role.OPERATOR)
    store = store or sample_store(ctx)
    started = ctx.clock.now()
    with opened_drivers(ctx, pools) as (pool_ids, drivers):
        answers = (workers or Workers()).measure(drivers, ctx.settings.metering.deadline_s)
    answers |= dict.fromkeys(pool_ids.keys() - drivers.keys(), POOL_UNREACHABLE)
    if dry_run:
        with ctx.reading() as session:
            judged = [
                _sweep_one(ctx, session, pool_ids[code], answers[code], started) for code in sorted(answers)
            ]
        return _outcome(judged, started, is_stored=False)
    try:
        with ctx.writing() as session:
            adopt_orphans(session, store, started)
            swept = [
                _sweep_one(ctx, session, pool_ids[code], answers[code], started) for code in sorted(answers)
            ]
            samples = [sample for pool in swept for sample in pool.taken.samples]
            store.append(session, samples, carried=carried_states(session, swept))
            _keep(ctx, session, swept, started)
    except OSError:
        return _keep_as_gap(ctx, [(pool_ids[code], answers[code]) for code in sorted(answers)], started)
    return _outcome(swept, started)


def sample_before_change(ctx: Context, pool_code: str, vm_ids: Sequence[int]) -> None:
    """Measures these machines now, so that no interval spans what is about to change. Call it outside a transaction.

    A pool that does not answer changes nothing: the interval then goes by its end.
    """
    with opened_drivers(ctx, [pool_code]) as (pool_ids, drivers):
        part = {code: _Part(driver, frozenset(vm_ids)) for code, driver in drivers.items()}
        answer = Workers().measure(part, ctx.settings.metering.deadline_s).get(pool_code)
    if not isinstance(answer, Measurement):
        return
    store = sample_store(ctx)
    with ctx.writing() as session:
        now = ctx.clock.now()
        adopt_orphans(session, store, now)
        before = pool_state(session, pool_ids[pool_code])
        once = readings_once(session, before.pool_id, answer).readings
        wanted = tuple(reading for reading in once if reading.vm_id in set(vm_ids))
        held = held_at(session, before.pool_id, now)
        theirs = {vm_id: held[vm_id] for vm_id in vm_ids if vm_id in held}
        swept = sweep_pool(before, Measurement(wanted), theirs, now, interval_us(ctx))
        store.append(session, swept.taken.samples)
        readings = {**before.readings, **{reading.vm_id: reading for reading in wanted}}
        keep_collector_state(session, before.pool_id, before.swept_at or now, readings.values())


@dataclass(frozen=True, slots=True)
class _Part:
    """Some machines of a pool, measured alone where its cloud can do that for less."""

    driver: Driver
    vm_ids: frozenset[int]

    def measure(self) -> Measurement:
        if isinstance(self.driver, Selective):
            return self.driver.measure_some(self.vm_ids)
        return self.driver.measure()


def _sweep_one(
    ctx: Context, session: Session, pool_id: int, answer: Measurement | str, at: datetime
) -> PoolSwept:
    before, held = pool_state(session, pool_id), held_at(session, pool_id, ctx.clock.now())
    if isinstance(answer, str):
        return miss_pool(before, held, at, interval_us(ctx), answer)
    return sweep_pool(before, readings_once(session, pool_id, answer), held, at, interval_us(ctx))


def _keep(ctx: Context, session: Session, swept: Sequence[PoolSwept], started: datetime) -> None:
    for pool in swept:
        record_gaps(session, pool.gaps)
        keep_reported_sizes(session, pool.reported)
    keep_states(session, swept, started, ctx.clock.now() - started)


def _keep_as_gap(
    ctx: Context, answers: Sequence[tuple[int, Measurement | str]], at: datetime
) -> SweepOutcome:
    """The disk refused the samples: the sweep is a gap, and the next one counts on from its readings."""
    with ctx.writing() as session:
        swept = [_sweep_one(ctx, session, pool_id, answer, at) for pool_id, answer in answers]
        for pool in swept:
            before = pool_state(session, pool.state.pool_id)
            lost = Gap(pool.state.pool_id, None, before.swept_at or at, at, DISK_FULL)
            record_gaps(session, [*pool.gaps, *([lost] if lost.start < at else [])])
            pool.taken.samples.clear()
        keep_states(session, swept, at)
    return _outcome(swept, at, is_stored=False)


def _outcome(swept: Sequence[PoolSwept], at: datetime, is_stored: bool = True) -> SweepOutcome:
    total = SweepTotal(machines=sum(pool.machines for pool in swept))
    for pool in swept:
        total.add(pool)
    return SweepOutcome(
        at, total.machines, total.samples, total.missing, total.unallocated, total.gaps, is_stored
    )
