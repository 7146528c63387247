"""Importing files of recorded usage: what is taken, what is not and why, and that twice is once."""

import errno
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.audit import verify
from cloudctl.core.errors import InvalidInput, NotFound, Unreachable
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.import_samples import import_samples
from metering.store import Seal, mark_sealed, reported_sizes

HEADER = (
    "vm,end,interval_s,state,vcpus,cpu_core_seconds,memory_mib,memory_used_mib,storage_gib,storage_used_gib\n"
)
SINCE = datetime(2026, 9, 1, tzinfo=UTC)
COLUMNS = "vm, start_us, end_us, state, cpu_ns, memory_used_bytes, storage_used_bytes"


def line(name: str, minute: int, cpu: Any = 12.5, **changed: Any) -> str:
    """A row that ends `minute` minutes into 2026-09-02 UTC."""
    end = datetime(2026, 9, 2, tzinfo=UTC) + timedelta(minutes=minute)
    values = {
        "vm": name,
        "end": end.isoformat(),
        "interval_s": 300,
        "state": "running",
        "vcpus": 4,
        "cpu": cpu,
        "memory": 8192,
        "memory_used": 1024.5,
        "storage": 100,
        "storage_used": "",
    } | changed
    return ",".join(str(value) for value in values.values()) + "\n"


@pytest.fixture
def vm(estate: Any) -> int:
    number: int = estate.machine("web", SINCE, pool="pub", driver="external")
    return number


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def make(*lines: str, name: str = "use.csv", header: str = HEADER) -> Path:
        path = tmp_path / name
        text = (header + "".join(lines)).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return make


def stored(ctx: Any, columns: str = COLUMNS) -> list[Any]:
    with ctx.reading() as session, sample_store(ctx).opened(session, SINCE, ctx.clock.now()) as connection:
        return list(connection.execute(f"SELECT {columns} FROM samples ORDER BY vm, end_us").fetchall())


def take(ctx: Any, *paths: Path, **options: Any) -> Any:
    """The verdict on the last file."""
    return import_samples(ctx, paths, **options)[-1].verdict


@pytest.mark.parametrize("name", ["use.csv", "use.csv.gz"])
def test_a_row_becomes_a_sample_of_what_was_held(ctx: Any, vm: int, write: Any, name: str) -> None:
    verdict = take(
        ctx, write(line("web", 5), line("web", 10, state="off", cpu="", memory_used=""), name=name)
    )
    assert (verdict.rows, verdict.accepted, verdict.rejected) == (2, 2, {})
    start = int(datetime(2026, 9, 2, tzinfo=UTC).timestamp() * 1_000_000)
    assert stored(ctx) == [
        (vm, start, start + 300_000_000, "running", 12_500_000_000, 1_074_266_112, None),
        (vm, start + 300_000_000, start + 600_000_000, "off", 0, 0, None),
    ]
    assert stored(ctx, "vcpus, memory_mib, storage_gib, cpu_quality, storage_quality")[0] == (
        4,
        8192,
        100,
        "measured",
        "unknown",
    )
    with ctx.reading() as session:
        assert reported_sizes(session)[vm].memory_mib == 8192
        assert verify(session).ok


def test_parquet_is_read_like_csv(ctx: Any, vm: int, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ends = [datetime(2026, 9, 2, 0, 5, tzinfo=UTC), datetime(2026, 9, 2, 0, 10, tzinfo=UTC)]
    table = pa.table(
        {"vm": ["web"] * 2, "end": ends, "interval_s": [300, 300], "cpu_core_seconds": [12.5, None]}
    )
    path = tmp_path / "use.parquet"
    pq.write_table(table, path)
    assert take(ctx, path).accepted == 2
    assert [row[4] for row in stored(ctx)] == [12_500_000_000, None]
    naive = table.set_column(1, "end", pa.array([end.replace(tzinfo=None) for end in ends]))
    pq.write_table(naive, path)
    with pytest.raises(InvalidInput, match="no time with an offset"):
        take(ctx, path)


def test_importing_twice_changes_nothing(ctx: Any, vm: int, write: Any) -> None:
    path = write(*[line("web", minute) for minute in range(5, 100, 5)])
    assert take(ctx, path).accepted == 19
    before, files = stored(ctx), sorted((ctx.home / "samples").rglob("*.parquet"))
    verdict = take(ctx, path)
    assert (verdict.accepted, verdict.known, verdict.contradicting, verdict.rejected) == (0, 19, 0, {})
    assert stored(ctx) == before
    assert sorted((ctx.home / "samples").rglob("*.parquet")) == files


def test_the_first_of_contradicting_rows_stays(ctx: Any, vm: int, write: Any) -> None:
    verdict = take(
        ctx, write(line("web", 5, cpu=1), line("web", 5, cpu=2), line("web", 5, cpu=1), line("web", 10))
    )
    assert (verdict.accepted, verdict.repeated, verdict.contradicting) == (2, 1, 1)
    assert [(unused.line, unused.reason) for unused in verdict.listed] == [(3, "contradicting")]
    verdict = take(ctx, write(line("web", 5, cpu=7), line("web", 10), line("web", 15)))
    assert (verdict.accepted, verdict.known, verdict.contradicting) == (1, 1, 1)
    assert [row[4] for row in stored(ctx)] == [1_000_000_000, 12_500_000_000, 12_500_000_000]


BAD = {
    "columns": "web,2026-09-02T00:05:00+00:00,300,running,4,1",
    "time": line("web", 5, end="2026-09-02T00:05:00"),
    "number": line("web", 5, cpu="nan"),
    "negative": line("web", 5, memory_used=-1),
    "interval": line("web", 5, interval_s=0),
    "state": line("web", 5, state="asleep"),
    "off_but_used": line("web", 5, state="off"),
    "machine": line("nobody", 5),
    "machine_missing": line("", 5),
    "future": line("web", 5, end="2099-01-01T00:00:00Z"),
    "outside_allocation": line("web", 5, end="2020-01-01T00:00:00Z"),
    "overlap": line("web", 62),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_wrong_row_is_left_out_and_named(ctx: Any, vm: int, write: Any, reason: str) -> None:
    good = [line("web", minute) for minute in (30, 35, 60)]
    verdict = take(ctx, write(*good, BAD[reason].rstrip("\n") + "\n"))
    assert (verdict.accepted, dict(verdict.rejected)) == (3, {reason: 1})
    assert [(unused.line, unused.reason) for unused in verdict.listed] == [(5, reason)]


@pytest.mark.parametrize("value", ["inf", "-inf", "Infinity", "NaN", "1e300", "12,5x", "--"])
def test_what_is_not_a_finite_number_is_refused(ctx: Any, vm: int, write: Any, value: str) -> None:
    with pytest.raises(InvalidInput):
        take(ctx, write(line("web", 5, cpu=value)))
    assert stored(ctx) == []


def test_a_file_of_which_nothing_is_right_is_refused_whole(ctx: Any, vm: int, write: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        take(ctx, write(line("nobody", 5), line("web", 5, cpu="nan")))
    assert [str(reason.place).rsplit("/", 1)[1] for reason in refused.value.problems] == [
        "use.csv:2:1",
        "use.csv:3:1",
    ]


def test_strict_refuses_the_file_for_one_wrong_row(ctx: Any, vm: int, write: Any) -> None:
    with pytest.raises(InvalidInput, match=":3:1: A value is negative"):
        take(ctx, write(line("web", 5), line("web", 10, cpu=-1)), strict=True)
    assert stored(ctx) == []


def test_a_dry_run_judges_and_keeps_nothing(ctx: Any, vm: int, write: Any) -> None:
    assert take(ctx, write(line("web", 5)), dry_run=True).accepted == 1
    assert stored(ctx) == []
    assert not list((ctx.home / "samples").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("vm,end,state\n", "no column “interval_s”"),
        ("vm,end,interval_s,cpu\n", "a column “cpu”"),
        ("vm,end,interval_s,vm,cpu_core_seconds\n", "twice"),
        ("vm,end,interval_s,state\n", "No column says what was used"),
        ("", "no column “vm”"),
    ],
)
def test_wrong_columns_are_refused_at_once(ctx: Any, vm: int, write: Any, header: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        take(ctx, write(line("web", 5), header=header))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"PAR1nonsense", b"\x1f\x8bnonsense", b""])
def test_a_file_that_is_none_of_ours_is_refused(ctx: Any, vm: int, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "use.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput):
        take(ctx, path)


def test_line_ends_and_a_byte_order_mark_do_not_matter(ctx: Any, vm: int, write: Any) -> None:
    rows = [
        line("web", 5).replace("\n", "\r\n"),
        "\r\n",
        '"web"' + line("web", 10)[3:],
        "\n",
        line("web", 15),
    ]
    verdict = take(ctx, write(*rows, header="\ufeff" + HEADER.replace("\n", "\r\n")))
    assert (verdict.rows, verdict.accepted) == (3, 3)


def test_a_trifle_of_overlap_moves_the_start_and_is_counted(ctx: Any, vm: int, write: Any) -> None:
    path = write(line("web", 5), line("web", 10, end="2026-09-02T00:09:55Z"))
    verdict = take(ctx, path)
    assert (verdict.accepted, verdict.trimmed) == (2, 1)
    assert [(row[2] - row[1]) // 1_000_000 for row in stored(ctx)] == [300, 295]
    assert take(ctx, path).known == 2


def test_an_interval_that_another_file_covers_overlaps(ctx: Any, vm: int, write: Any) -> None:
    take(ctx, write(line("web", 60, interval_s=3600)))
    verdict = take(ctx, write(line("web", 30), line("web", 65)))
    assert (verdict.accepted, dict(verdict.rejected)) == (1, {"overlap": 1})


def test_a_row_goes_by_what_was_held_at_its_end(ctx: Any, vm: int, estate: Any, write: Any) -> None:
    from cloudctl.core.quantity import Size

    estate.resize("web", datetime(2026, 9, 2, 0, 7, tzinfo=UTC), Size(8, 16384))
    take(ctx, write(line("web", 5), line("web", 10), line("web", 15)))
    assert [row[0] for row in stored(ctx, "vcpus")] == [4, 8, 8]


def test_a_size_changed_while_a_file_is_judged_counts(ctx: Any, vm: int, estate: Any, write: Any) -> None:
    from cloudctl.core.quantity import Size

    resizes = [lambda: estate.resize("web", datetime(2026, 9, 2, 0, 7, tzinfo=UTC), Size(8, 16384))]
    (file,) = import_samples(
        ctx,
        [write(line("web", 5), line("web", 10), line("web", 15))],
        on_file=lambda _: [resize() for resize in resizes] and resizes.clear(),
    )
    assert file.verdict.accepted == 3
    assert [row[0] for row in stored(ctx, "vcpus")] == [4, 8, 8]


def test_files_that_are_not_there_are_all_named(ctx: Any, vm: int, write: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"one\.csv, .*two\.csv"):
        take(ctx, write(line("web", 5)), tmp_path / "one.csv", tmp_path / "two.csv")
    assert stored(ctx) == []


def test_nothing_is_added_to_a_closed_period(ctx: Any, vm: int, write: Any) -> None:
    take(ctx, write(line("web", 5)))
    seal = Seal(datetime(2026, 9, 2, tzinfo=UTC), datetime(2026, 9, 2, 0, 7, tzinfo=UTC))
    with ctx.writing() as session:
        mark_sealed(session, [], seal, ctx.clock.now())
    verdict = take(ctx, write(line("web", 5), line("web", 10), line("web", 15)))
    assert (verdict.known, verdict.accepted, dict(verdict.rejected)) == (1, 1, {"closed_period": 1})
    assert [(unused.line, unused.reason) for unused in verdict.listed] == [(3, "closed_period")]


def test_an_import_stands_in_the_audit_chain(ctx: Any, vm: int, write: Any) -> None:
    from cloudctl.core.tables import AuditRow

    take(ctx, write(line("web", 5)))
    with ctx.reading() as session:
        entry = session.query(AuditRow).filter_by(action="samples.import").one()
        assert entry.subject == "use.csv"
        assert entry.detail["accepted"] == 1


def test_on_a_full_disk_nothing_of_an_import_is_kept(ctx: Any, vm: int, write: Any, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = write(line("web", 5))
    with monkeypatch.context() as patch:
        patch.setattr("metering.samples.files._write_batches", full)
        with pytest.raises(Unreachable, match="No space left"):
            take(ctx, path)
    assert stored(ctx) == []
    assert not [
        item for item in (ctx.home / "samples").rglob("*") if item.name.endswith((".tmp", ".parquet"))
    ]
    assert take(ctx, path).accepted == 1
