"""The sample store under compaction, crashes, readers and sealing: no row twice, none lost, none half-read."""

import errno
import multiprocessing
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.database import to_micros
from cloudctl.core.errors import Refused, Unreachable
from cloudctl.operations.context import open_context
from cloudctl.operations.usage.collect_usage import sweep
from cloudctl.operations.usage.compact_samples import archive_samples, compact_samples
from cloudctl.operations.usage.home_samples import sample_store
from metering.samples.files import FileBeingWritten, as_table, remove_abandoned
from metering.samples.model import MEASURED, Sample
from metering.samples.sealing import is_whole, seal_files
from metering.samples.store import SampleStore
from metering.store import Seal, all_files, live_files, seals
from metering.utilisation import utilisation

STEP_US = 300_000_000
# Longer than another process needs on a machine that has other things to do.
PATIENCE_S = 300
DAY = datetime(2026, 9, 29, tzinfo=UTC)


def sample(vm: int, end_us: int, cpu_ns: int = 7, allocation: int = 1) -> Sample:
    words = (MEASURED, MEASURED, MEASURED)
    used = (8192, 1 << 30, 100, 1 << 34)
    return Sample(vm, allocation, end_us - STEP_US, end_us, "running", 4, cpu_ns, 0, *used, 0, 0, *words)


def append(ctx: Any, end: datetime, vms: range = range(1, 4), **changed: Any) -> None:
    with ctx.writing() as session:
        sample_store(ctx).append(session, [sample(vm, to_micros(end), **changed) for vm in vms])


def fill_day(ctx: Any, day: datetime = DAY, sweeps: int = 24, step: timedelta = timedelta(hours=1)) -> None:
    for number in range(1, sweeps + 1):
        append(ctx, day + number * step - timedelta(seconds=1))


def everything(ctx: Any) -> list[Any]:
    with (
        ctx.reading() as session,
        sample_store(ctx).opened(session, DAY - timedelta(days=900), DAY + timedelta(days=900)) as connection,
    ):
        return list(connection.execute("SELECT vm, end_us, cpu_ns FROM samples ORDER BY ALL").fetchall())


def on_disk(ctx: Any) -> list[str]:
    return sorted(path.name for path in (ctx.home / "samples").rglob("*.parquet"))


def test_a_sweep_is_one_file_and_a_row_of_the_manifest(ctx: Any) -> None:
    append(ctx, DAY + timedelta(minutes=5))
    with ctx.reading() as session:
        (row,) = live_files(session)
        assert (row.path, row.day, row.kind, row.rows) == (
            "day=2026-09-29/sweep-00000001.parquet",
            "2026-09-29",
            "sweep",
            3,
        )
        assert (row.first_start, row.last_end) == (DAY, DAY + timedelta(minutes=5))
        assert is_whole(sample_store(ctx), row)


def test_a_transaction_that_fails_leaves_nothing_that_counts(ctx: Any) -> None:
    with pytest.raises(RuntimeError), ctx.writing() as session:
        sample_store(ctx).append(session, [sample(1, to_micros(DAY) + STEP_US)])
        raise RuntimeError("before the commit")
    assert everything(ctx) == []
    compact_samples(ctx)
    assert on_disk(ctx) == []


def test_a_day_becomes_one_sorted_file(ctx: Any) -> None:
    fill_day(ctx)
    before = everything(ctx)
    outcome = compact_samples(ctx)
    assert (outcome.merges, outcome.files, outcome.rows, outcome.deleted) == (1, 24, 72, 24)
    assert everything(ctx) == before
    assert on_disk(ctx) == ["day-00000025.parquet"]
    assert compact_samples(ctx).merges == 0


def test_the_running_day_is_merged_by_the_hour(ctx: Any) -> None:
    now = ctx.clock.now()
    today = now.replace(hour=0, minute=0)
    for minute in range(5, 181, 5):
        append(ctx, today + timedelta(minutes=minute))
    assert isinstance(ctx.clock, DrivenClock)
    before = everything(ctx)
    outcome = compact_samples(ctx)
    assert (outcome.merges, outcome.files) == (3, 36)
    assert {name.split("-")[0] for name in on_disk(ctx)} == {"hour"}
    assert everything(ctx) == before


def test_rows_that_stand_there_twice_are_dropped_and_the_first_of_contradicting_stays(ctx: Any) -> None:
    append(ctx, DAY + timedelta(minutes=5))
    append(ctx, DAY + timedelta(minutes=5), vms=range(1, 2))
    append(ctx, DAY + timedelta(minutes=5), vms=range(2, 3), cpu_ns=99)
    outcome = compact_samples(ctx)
    assert (outcome.dropped, outcome.contradicting) == (2, 1)
    assert [cpu for _, _, cpu in everything(ctx)] == [7, 7, 7]


def test_a_reader_keeps_its_files_until_it_is_done(ctx: Any) -> None:
    fill_day(ctx)
    with (
        ctx.reading() as session,
        sample_store(ctx).opened(session, DAY, DAY + timedelta(days=1)) as connection,
    ):
        assert compact_samples(ctx).deleted == 0
        assert connection.execute("SELECT count(*) FROM samples").fetchone() == (72,)
        assert len(on_disk(ctx)) == 25
    assert compact_samples(ctx).deleted == 24


def test_a_reader_whose_ledger_is_older_than_the_files_looks_again(ctx: Any) -> None:
    fill_day(ctx)
    with ctx.reading() as session:
        assert len(live_files(session)) == 24
        assert compact_samples(ctx).deleted == 24
        with sample_store(ctx).opened(session, DAY, DAY + timedelta(days=1)) as connection:
            assert connection.execute("SELECT count(*) FROM samples").fetchone() == (72,)


def _write_and_compact(home: Path, stop: Any) -> None:
    with open_context(home) as ctx:
        day = 0
        while not stop.is_set():
            fill_day(ctx, DAY - timedelta(days=day % 3), sweeps=8, step=timedelta(seconds=day * 97 + 311))
            compact_samples(ctx)
            day += 1


def test_readers_beside_a_writer_see_every_row_once(ctx: Any) -> None:
    """A process appends and compacts without pause: whatever a reader counts twice or misses shows in its sums."""
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    writer = spawn.Process(target=_write_and_compact, args=(ctx.home, stop), daemon=True)
    writer.start()
    try:
        seen, reads, deadline = 0, 0, time.monotonic() + PATIENCE_S
        while (reads < 25 or seen < 120) and time.monotonic() < deadline:
            rows = everything(ctx)
            assert len(rows) % 3 == 0
            assert len(rows) >= seen
            assert len({(vm, end) for vm, end, _ in rows}) == len(rows)
            seen, reads = len(rows), reads + 1
        assert seen >= 120
    finally:
        stop.set()
        writer.join(PATIENCE_S)
    assert writer.exitcode == 0
    assert compact_samples(ctx).contradicting == 0


def _die_in_the_middle(home: Path, when: str) -> None:
    """Sweeps once and is killed: with the file under its name but no commit, or with half a file."""
    from metering.samples import files

    def die(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if when == "half":
        files._write_batches = lambda sink, *_: (sink.write(b"PAR1 half"), sink.flush(), die())  # type: ignore[assignment]
    else:
        files.sync_folder = die
    with open_context(home) as ctx:
        append(ctx, DAY + timedelta(minutes=10))


@pytest.mark.parametrize("when", ["half", "before the commit"])
def test_what_a_kill_leaves_behind_is_never_read_and_goes(ctx: Any, when: str) -> None:
    append(ctx, DAY + timedelta(minutes=5))
    before = everything(ctx)
    process = multiprocessing.get_context("spawn").Process(target=_die_in_the_middle, args=(ctx.home, when))
    process.start()
    process.join(PATIENCE_S)
    assert process.exitcode == -signal.SIGKILL
    left = sorted(path.name for path in (ctx.home / "samples" / "day=2026-09-29").iterdir())
    assert len(left) == 2
    assert everything(ctx) == before
    assert len(compact_samples(ctx).removed) == 1
    assert everything(ctx) == before
    assert len(list((ctx.home / "samples" / "day=2026-09-29").iterdir())) == 1


def test_a_file_taken_for_left_behind_before_its_writer_locked_it_is_made_anew(ctx: Any) -> None:
    removed = []

    def opener(path: Path) -> Any:
        sink = path.open("wb")
        if not removed:
            removed.append(remove_abandoned(path))
        return sink

    store = SampleStore(ctx.home / "samples", ctx.clock, opener)
    with ctx.writing() as session:
        store.append(session, [sample(1, to_micros(DAY) + STEP_US)])
    assert removed == [True] and len(everything(ctx)) == 1


def test_a_file_somebody_is_writing_is_not_removed(tmp_path: Path) -> None:
    kept = []

    def opener(path: Path) -> Any:
        kept.append(path)
        return path.open("wb")

    def batches() -> Any:
        kept.append(remove_abandoned(kept[0]))
        yield from as_table([sample(1, STEP_US)]).to_batches()

    file = FileBeingWritten(tmp_path / ".sweep-1.tmp", opener)
    file.write(batches())
    assert kept == [file.temporary, False] and file.temporary.exists()
    file.discard()


def test_a_sweep_cut_off_from_the_manifest_is_adopted_by_the_next(
    ctx: Any, estate: Any, cloud: Any, reading: Any, monkeypatch: Any
) -> None:
    vm = estate.machine("a", ctx.clock.now() - timedelta(hours=1))
    cloud.shows(reading(vm, 0))
    sweep(ctx)
    ctx.clock.advance(timedelta(seconds=300))
    cloud.shows(reading(vm, 100))
    with monkeypatch.context() as patch:
        patch.setattr("cloudctl.operations.usage.collect_usage._keep", _fail)
        with pytest.raises(RuntimeError):
            sweep(ctx)
    assert everything(ctx) == []
    ctx.clock.advance(timedelta(seconds=300))
    cloud.shows(reading(vm, 250))
    sweep(ctx)
    assert [cpu for _, _, cpu in everything(ctx)] == [100, 150]


def _fail(*_: Any) -> None:
    raise RuntimeError("killed here")


def test_a_full_disk_while_merging_leaves_all_as_it_was(ctx: Any, monkeypatch: Any) -> None:
    fill_day(ctx)
    before, files = everything(ctx), on_disk(ctx)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("metering.samples.files._write_batches", full)
        with pytest.raises(Unreachable, match="No space"):
            compact_samples(ctx)
    assert (everything(ctx), on_disk(ctx)) == (before, files)
    assert compact_samples(ctx).merges == 1


SEAL = Seal(DAY + timedelta(hours=4), DAY + timedelta(hours=16))


def test_sealing_splits_files_that_reach_beyond_and_freezes_the_rest(ctx: Any) -> None:
    for number in range(1, 25):
        append(ctx, DAY + timedelta(hours=number, seconds=60))
    compact_samples(ctx)
    before = everything(ctx)
    with ctx.writing() as session:
        sealed = seal_files(session, sample_store(ctx), SEAL)
        assert seals(session) == [SEAL]
    assert everything(ctx) == before
    # The interval that crosses the begin ends at 04:01, the one that crosses the end at 16:01.
    assert [(row.rows, row.first_end.hour, row.last_end.hour) for row in sealed] == [(39, 4, 16)]
    assert all(is_whole(sample_store(ctx), row) for row in sealed)
    append(ctx, DAY + timedelta(hours=22, minutes=30))
    compact_samples(ctx)
    with ctx.reading() as session:
        assert sum(1 for row in live_files(session) if row.sealed_at) == 1
    with pytest.raises(Exception, match="closed rows are not changed"), ctx.writing() as session:
        session.execute(all_files_of(session))


def all_files_of(session: Any) -> Any:
    from sqlalchemy import update

    from metering.tables import SampleFileRow

    return update(SampleFileRow).where(SampleFileRow.sealed_at.is_not(None)).values(hash="0")


def test_a_damaged_file_is_not_sealed(ctx: Any) -> None:
    fill_day(ctx, sweeps=2)
    path = next((ctx.home / "samples").rglob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Refused, match="damaged"), ctx.writing() as session:
        seal_files(session, sample_store(ctx), Seal(DAY, DAY + timedelta(days=1)))


def test_old_days_leave_their_daily_figures(ctx: Any, estate: Any) -> None:
    old = ctx.clock.now() - timedelta(days=500)
    vm = estate.machine("a", old - timedelta(days=2))
    first = old.replace(hour=0)
    with ctx.writing() as session:
        ends = [to_micros(first) + number * STEP_US for number in range(1, 288)]
        sample_store(ctx).append(session, [sample(vm, end, cpu_ns=600 * 10**9) for end in ends])
    window = (first, first + timedelta(days=1))
    with ctx.reading() as session:
        (raw,) = utilisation(sample_store(ctx), session, *window, "vm")
    assert archive_samples(ctx) == [f"{first:%Y-%m-%d}"]
    assert not list((ctx.home / "samples").glob("day=*/*.parquet"))
    with ctx.reading() as session:
        assert all_files(session) == []
        (kept,) = utilisation(sample_store(ctx), session, *window, "vm")
        assert kept.meters["cpu"] == raw.meters["cpu"]._replace(p95=None)
        assert (
            utilisation(sample_store(ctx), session, *window, "unit")[0].meters["memory"].mean
            == raw.meters["memory"].mean
        )
    assert archive_samples(ctx) == []


def test_sealed_days_are_never_given_up(ctx: Any) -> None:
    old = ctx.clock.now() - timedelta(days=500)
    append(ctx, old)
    with ctx.writing() as session:
        seal_files(session, sample_store(ctx), Seal(old - timedelta(days=1), old + timedelta(days=1)))
    assert archive_samples(ctx) == []
    assert len(everything(ctx)) == 3


def test_the_store_says_what_is_wrong_with_a_damaged_file(ctx: Any) -> None:
    append(ctx, DAY + timedelta(minutes=5))
    next((ctx.home / "samples").rglob("*.parquet")).write_bytes(b"PAR1")
    with pytest.raises(Unreachable, match="cannot be read"):
        everything(ctx)


def test_a_store_without_files_answers_with_no_rows(ctx: Any) -> None:
    assert everything(ctx) == []
    assert SampleStore(ctx.home / "elsewhere", ctx.clock).folder.exists() is False
