"""Sweeps: reads every machine's counters and keeps what was used since the last time."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, Protocol

from sqlalchemy.orm import Session

from cloudctl.core.clock import DrivenClock, FileClock
from cloudctl.core.database import from_micros, to_micros
from cloudctl.core.errors import CloudctlError, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from metering.allocations import held_at
from metering.collector import Held
from metering.samples.model import Sample
from metering.samples.recovery import Recovered, recover
from metering.samples.store import FOLDER, SampleStore
from metering.store import (
    Gap,
    collector_state,
    keep_collector_state,
    keep_reported_sizes,
    keep_sweep,
    last_duration_us,
    record_gaps,
)
from metering.sweeps import (
    DEADLINE,
    DISK_FULL,
    POOL_UNREACHABLE,
    PoolState,
    PoolSwept,
    miss_pool,
    sweep_pool,
)
from metering.tables import SweepRow
from provisioning.driver import Driver, Selective
from provisioning.model import Capability, Measurement, Reading
from provisioning.series import Foresighted
from provisioning.store import find_pool, open_pool_driver
from provisioning.store import pools as all_pools

# So many samples are gathered before a driven run writes them; a UTC day's end writes them anyway.
BATCH_ROWS = 150_000


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


class Measurable(Protocol):
    """A pool's driver, or some machines of it."""

    def measure(self) -> Measurement: ...


@dataclass(slots=True)
class Workers:
    """Threads that measure pools; one that overran its deadline keeps its pool until it comes back."""

    busy: dict[str, Thread] = field(default_factory=dict)

    def measure(self, drivers: Mapping[str, Measurable], deadline_s: float) -> dict[str, Measurement | str]:
        """Per pool its measurement, or the reason why there is none. Pools never wait for one another."""
        answers: dict[str, Measurement | str] = {}
        started = {}
        for code, driver in drivers.items():
            if code in self.busy and self.busy[code].is_alive():
                continue
            # A daemon thread: one that hangs in a cloud's library must not keep the process from ending.
            started[code] = Thread(target=_measure_into, args=(answers, code, driver), daemon=True)
            started[code].start()
        self.busy |= started
        for thread in started.values():
            thread.join(deadline_s)
        return {code: answers.get(code, DEADLINE) for code in drivers}


def _measure_into(answers: dict[str, Measurement | str], code: str, driver: Measurable) -> None:
    try:
        answers[code] = driver.measure()
    except CloudctlError:
        answers[code] = POOL_UNREACHABLE


def sample_store(ctx: Context) -> SampleStore:
    """The home's sample store."""
    return SampleStore(ctx.home / FOLDER, ctx.clock)


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
    with _opened_drivers(ctx, pools) as (pool_ids, drivers):
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
            store.append(session, samples, carried=_carried(session, swept))
            _keep(ctx, session, swept, started)
    except OSError:
        return _keep_as_gap(ctx, [(pool_ids[code], answers[code]) for code in sorted(answers)], started)
    return _outcome(swept, started)


def sample_before_change(ctx: Context, pool_code: str, vm_ids: Sequence[int]) -> None:
    """Measures these machines now, so that no interval spans what is about to change. Call it outside a transaction.

    A pool that does not answer changes nothing: the interval then goes by its end.
    """
    with _opened_drivers(ctx, [pool_code]) as (pool_ids, drivers):
        part = {code: _Part(driver, frozenset(vm_ids)) for code, driver in drivers.items()}
        answer = Workers().measure(part, ctx.settings.metering.deadline_s).get(pool_code)
    if not isinstance(answer, Measurement):
        return
    wanted = tuple(reading for reading in answer.readings if reading.vm_id in set(vm_ids))
    store = sample_store(ctx)
    with ctx.writing() as session:
        now = ctx.clock.now()
        adopt_orphans(session, store, now)
        before = _state(session, pool_ids[pool_code])
        held = held_at(session, before.pool_id, now)
        theirs = {vm_id: held[vm_id] for vm_id in vm_ids if vm_id in held}
        swept = sweep_pool(before, Measurement(wanted), theirs, now, _interval_us(ctx))
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
    total = _Total()
    days = list(_batches(grid(clock.now(), until, ctx.settings.metering.interval_s)))
    with _opened_drivers(ctx, pools if days else (), clock) as pools_opened:
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


@dataclass(slots=True)
class _Total:
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


def _drive_batch(
    ctx: Context,
    clock: DrivenClock,
    instants: Sequence[datetime],
    pools: tuple[Mapping[str, int], Mapping[str, Driver]],
    total: _Total,
) -> None:
    pool_ids, drivers = pools
    samples: list[Sample] = []
    with ctx.writing() as session:
        states = {code: _state(session, pool_id) for code, pool_id in pool_ids.items()}
        held = {code: held_at(session, pool_id, instants[0]) for code, pool_id in pool_ids.items()}
        last: dict[str, PoolSwept] = {}
        ahead = [
            run
            for code, driver in drivers.items()
            if (run := _swept_ahead(code, driver, states[code], held[code], instants, _interval_us(ctx)))
        ]
        _keep_runs(ctx, session, ahead, total)
        last |= {run.code: run.last for run in ahead}
        singly = {code: driver for code, driver in drivers.items() if code not in last}
        for number, instant in enumerate(instants):
            clock.move_to(instant)
            for code, driver in singly.items():
                if states[code].swept_at == instant:
                    continue
                swept = _swept_by(driver, states[code], held[code], instant, _interval_us(ctx))
                record_gaps(session, swept.gaps)
                keep_reported_sizes(session, swept.reported)
                states[code], last[code] = swept.state, swept
                samples += swept.taken.samples
                total.add(swept)
            if len(samples) >= BATCH_ROWS or number == len(instants) - 1:
                sample_store(ctx).append(session, samples)
                samples = []
        _keep_states(session, last.values(), clock.now())
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


def _keep_runs(ctx: Context, session: Session, runs: Sequence[_Run], total: "_Total") -> None:
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


@contextmanager
def _opened_drivers(
    ctx: Context, codes: Sequence[str] | None, clock: DrivenClock | None = None
) -> Iterator[tuple[dict[str, int], dict[str, Driver]]]:
    """Ids of the wanted pools and, of those that open and can be measured, their drivers; closed at the end."""
    with ctx.reading() as session, ExitStack() as stack:
        rows = [find_pool(session, code) for code in codes] if codes is not None else all_pools(session)
        ids, drivers = {}, {}
        for row in rows:
            try:
                driver = open_pool_driver(session, row, ctx.home, clock or ctx.clock)
            except CloudctlError:
                ids[row.code] = row.id
                continue
            stack.callback(driver.close)
            if Capability.MEASURE in driver.capabilities:
                ids[row.code], drivers[row.code] = row.id, driver
        session.rollback()
        yield ids, drivers


def _interval_us(ctx: Context) -> int:
    return ctx.settings.metering.interval_s * 1_000_000


def _state(session: Session, pool_id: int) -> PoolState:
    return PoolState(pool_id, *collector_state(session, pool_id), last_duration_us(session, pool_id))


def _sweep_one(
    ctx: Context, session: Session, pool_id: int, answer: Measurement | str, at: datetime
) -> PoolSwept:
    before, held = _state(session, pool_id), held_at(session, pool_id, ctx.clock.now())
    if isinstance(answer, str):
        return miss_pool(before, held, at, _interval_us(ctx), answer)
    return sweep_pool(before, answer, held, at, _interval_us(ctx))


def _keep(ctx: Context, session: Session, swept: Sequence[PoolSwept], started: datetime) -> None:
    for pool in swept:
        record_gaps(session, pool.gaps)
        keep_reported_sizes(session, pool.reported)
    _keep_states(session, swept, started, ctx.clock.now() - started)


def _keep_states(
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


def _keep_as_gap(
    ctx: Context, answers: Sequence[tuple[int, Measurement | str]], at: datetime
) -> SweepOutcome:
    """The disk refused the samples: the sweep is a gap, and the next one counts on from its readings."""
    with ctx.writing() as session:
        swept = [_sweep_one(ctx, session, pool_id, answer, at) for pool_id, answer in answers]
        for pool in swept:
            before = _state(session, pool.state.pool_id)
            lost = Gap(pool.state.pool_id, None, before.swept_at or at, at, DISK_FULL)
            record_gaps(session, [*pool.gaps, *([lost] if lost.start < at else [])])
            pool.taken.samples.clear()
        _keep_states(session, swept, at)
    return _outcome(swept, at, is_stored=False)


def _outcome(swept: Sequence[PoolSwept], at: datetime, is_stored: bool = True) -> SweepOutcome:
    total = _Total(machines=sum(pool.machines for pool in swept))
    for pool in swept:
        total.add(pool)
    return SweepOutcome(
        at, total.machines, total.samples, total.missing, total.unallocated, total.gaps, is_stored
    )


def adopt_orphans(session: Session, store: SampleStore, now: datetime) -> Recovered:
    """Takes over what a crash cut off today or yesterday: a sweep that goes on where the ledger stands."""
    days = [f"{now - timedelta(days=1):%Y-%m-%d}", f"{now:%Y-%m-%d}"]
    return recover(session, store, lambda carried: _goes_on(session, carried), days)


def _goes_on(session: Session, carried: bytes) -> bool:
    pools = json.loads(carried)
    if any(_micros(collector_state(session, pool["pool"])[0]) != pool["since"] for pool in pools):
        return False
    for pool in pools:
        readings = [Reading(*fields) for fields in pool["readings"]]
        keep_collector_state(session, pool["pool"], from_micros(pool["swept_at"]), readings)
    return True


def _carried(session: Session, swept: Sequence[PoolSwept]) -> bytes:
    """The states this sweep leaves, kept in its file: so one that a crash cut off from the manifest is of use."""
    document = [
        {
            "pool": pool.state.pool_id,
            "since": _micros(collector_state(session, pool.state.pool_id)[0]),
            "swept_at": _micros(pool.state.swept_at),
            "readings": [list(reading) for reading in pool.state.readings.values()],
        }
        for pool in swept
    ]
    return json.dumps(document, separators=(",", ":")).encode()


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else to_micros(instant)
