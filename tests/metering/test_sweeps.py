"""Sweeps through the operation: samples, gaps with their reasons, restarts, full disks."""

import errno
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from cloudctl.core.clock import DrivenClock
from cloudctl.core.database import to_micros
from cloudctl.core.errors import Unreachable
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.usage.collect_usage import sample_before_change, sweep
from cloudctl.operations.usage.drive_sweeps import drive_sweeps
from metering.samples.store import SampleStore
from metering.store import collector_state, gaps_between, last_sweeps, reported_sizes
from provisioning.model import Fault, Measurement

STEP = timedelta(seconds=300)


def rows(ctx: Context, columns: str = "vm, cpu_ns") -> list[Any]:
    store = SampleStore(ctx.home / "samples", ctx.clock)
    start, end = ctx.clock.now() - timedelta(days=60), ctx.clock.now() + timedelta(days=1)
    with ctx.reading() as session, store.opened(session, start, end) as connection:
        return connection.execute(f"SELECT {columns} FROM samples ORDER BY vm, end_us").fetchall()


def gaps(ctx: Context) -> list[tuple[int | None, datetime, datetime, str]]:
    with ctx.reading() as session:
        found = gaps_between(
            session, ctx.clock.now() - timedelta(days=60), ctx.clock.now() + timedelta(days=1)
        )
    return [(gap.vm_id, gap.start, gap.end, gap.reason) for gap in found]


def advance(ctx: Context, step: timedelta = STEP) -> None:
    assert isinstance(ctx.clock, DrivenClock)
    ctx.clock.advance(step)


def test_the_second_sweep_keeps_what_was_used_since_the_first(
    ctx: Any, estate: Any, cloud: Any, reading: Any
) -> None:
    vm = estate.machine("a", ctx.clock.now() - STEP)
    cloud.shows(reading(vm, 100))
    assert sweep(ctx).samples == 0
    advance(ctx)
    cloud.shows(reading(vm, 700))
    assert sweep(ctx).samples == 1
    assert rows(ctx) == [(vm, 600)]
    with ctx.reading() as session:
        assert [row.machines for row in last_sweeps(session)] == [1]
        assert reported_sizes(session)[vm].vcpus == 4


def test_a_host_that_fails_is_a_gap_of_its_machines_alone(
    ctx: Any, estate: Any, cloud: Any, reading: Any
) -> None:
    a, b = estate.machine("a", ctx.clock.now() - STEP), estate.machine("b", ctx.clock.now() - STEP)
    cloud.shows(reading(a, 0), reading(b, 0, host="n2"))
    sweep(ctx)
    since = ctx.clock.now()
    for number in (1, 2):
        advance(ctx)
        cloud.shows(reading(a, 100 * number), faults=[Fault("n2", None, "host_unreachable")])
        sweep(ctx)
    assert rows(ctx) == [(a, 100), (a, 100)]
    assert gaps(ctx) == [(b, since, since + 2 * STEP, "host_unreachable")]


def test_a_stuck_machine_is_named_and_the_others_are_measured(
    ctx: Any, estate: Any, cloud: Any, reading: Any
) -> None:
    a, b = estate.machine("a", ctx.clock.now() - STEP), estate.machine("b", ctx.clock.now() - STEP)
    cloud.shows(reading(a, 0), reading(b, 0))
    sweep(ctx)
    advance(ctx)
    cloud.shows(reading(a, 5), faults=[Fault("n1", b, "stuck")])
    sweep(ctx)
    assert rows(ctx) == [(a, 5)]
    assert [(vm, reason) for vm, _, _, reason in gaps(ctx)] == [(b, "stuck")]


def test_missed_sweeps_are_downtime(ctx: Any, estate: Any, cloud: Any, reading: Any) -> None:
    vm = estate.machine("a", ctx.clock.now() - STEP)
    cloud.shows(reading(vm, 0))
    sweep(ctx)
    since = ctx.clock.now()
    advance(ctx, 10 * STEP)
    cloud.shows(reading(vm, 100))
    sweep(ctx)
    assert rows(ctx) == []
    assert gaps(ctx) == [(None, since, since + 10 * STEP, "daemon_down")]


def test_a_pool_that_does_not_answer_is_a_gap_with_its_reason(
    ctx: Any, estate: Any, cloud: Any, reading: Any
) -> None:
    vm = estate.machine("a", ctx.clock.now() - STEP)
    cloud.shows(reading(vm, 0))
    sweep(ctx)
    advance(ctx)
    cloud.failure = Unreachable("gone")
    outcome = sweep(ctx)
    assert (outcome.samples, outcome.missing, outcome.gaps) == (0, 1, 1)
    assert [reason for _, _, _, reason in gaps(ctx)] == ["pool_unreachable"]


class FullDisk:
    """Writes a little, then says that the disk is full."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> int:
        self._file.write(bytes(data)[:20])
        self._file.flush()
        raise OSError(errno.ENOSPC, "No space left on device")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "FullDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def full_disk(path: Path) -> BinaryIO:
    return FullDisk(path)  # type: ignore[return-value]


def test_on_a_full_disk_the_sweep_is_a_gap_and_the_next_goes_on(
    ctx: Any, estate: Any, cloud: Any, reading: Callable[..., Any]
) -> None:
    vm = estate.machine("a", ctx.clock.now() - STEP)
    cloud.shows(reading(vm, 0))
    sweep(ctx)
    since = ctx.clock.now()
    advance(ctx)
    cloud.shows(reading(vm, 100))
    outcome = sweep(ctx, store=SampleStore(ctx.home / "samples", ctx.clock, opener=full_disk))
    assert not outcome.is_stored
    assert rows(ctx) == []
    assert not list((ctx.home / "samples").glob("day=*/*"))
    assert not list((ctx.home / "samples").glob("day=*/.*"))
    advance(ctx)
    cloud.shows(reading(vm, 150))
    assert sweep(ctx).is_stored
    assert rows(ctx) == [(vm, 50)]
    assert gaps(ctx) == [(None, since, since + STEP, "disk_full")]


def test_right_before_a_resize_the_interval_ends(ctx: Any, estate: Any, cloud: Any, reading: Any) -> None:
    vm, other = estate.machine("a", ctx.clock.now() - STEP), estate.machine("b", ctx.clock.now() - STEP)
    cloud.shows(reading(vm, 0), reading(other, 0))
    sweep(ctx)
    advance(ctx, STEP / 2)
    cloud.shows(reading(vm, 40), reading(other, 40))
    sample_before_change(ctx, "lab", [vm])
    estate.resize("a", ctx.clock.now(), Size(2, 4096))
    advance(ctx, STEP / 2)
    cloud.shows(reading(vm, 100), reading(other, 100))
    sweep(ctx)
    assert rows(ctx, "vm, cpu_ns, vcpus, (end_us - start_us) // 1000000") == [
        (vm, 40, 4, 150),
        (vm, 60, 2, 150),
        (other, 100, 4, 300),
    ]


def test_a_driven_run_sweeps_the_grid_and_moves_the_clock(
    ctx: Any, estate: Any, cloud: Any, reading: Any, monkeypatch: Any
) -> None:
    vm = estate.machine("a", ctx.clock.now() - STEP)
    begin = ctx.clock.now()

    def measure() -> Measurement:
        at = cloud.clock.now()
        return Measurement((reading(vm, (at - begin) // STEP * 3000, at_us=to_micros(at)),))

    def opened(_session: Any, _pool: Any, _home: Any, clock: Any) -> Any:
        cloud.clock = clock
        return cloud

    cloud.measure = measure
    monkeypatch.setattr("cloudctl.operations.usage.pool_measurements.open_pool_driver", opened)
    outcome = drive_sweeps(ctx, begin + timedelta(days=2))
    assert outcome.samples == 2 * 288
    assert {row[1] for row in rows(ctx)} == {3000}
    assert ctx.clock.now() == begin + timedelta(days=2)
    with ctx.reading() as session:
        assert collector_state(session, 1)[0] == begin + timedelta(days=2)
    assert drive_sweeps(ctx, begin + timedelta(days=2)).samples == 0
