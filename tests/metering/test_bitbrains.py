"""Real recorded usage: three months of eleven machines, imported, and every figure held against NumPy."""

import gzip
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from cloudctl.core.database import to_micros
from cloudctl.core.quantity import Size
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.import_samples import import_samples
from metering.utilisation import utilisation

pytestmark = pytest.mark.traces

MACHINES = ("106", "124", "165", "20", "204", "27", "332", "407", "422", "44", "75")
MONTHS = ("2013-7", "2013-8", "2013-9")
SINCE = datetime(2013, 7, 1, tzinfo=UTC)
GIB = 1024


class Since(NamedTuple):
    """From when on a machine held so many vCPUs and so much memory."""

    at: datetime
    vcpus: int
    memory_mib: int


# As an inventory declares it; the resizes that the traces show are in it, to the second.
HISTORY = {
    "106": [Since(SINCE, 4, 16 * GIB)],
    "124": [Since(SINCE, 4, 16 * GIB)],
    "165": [Since(datetime(2013, 7, 30, 12, tzinfo=UTC), 1, 4 * GIB)],
    "20": [Since(SINCE, 1, 4 * GIB)],
    "204": [Since(SINCE, 2, 6 * GIB), Since(datetime(2013, 8, 26, 7, 2, 49, tzinfo=UTC), 4, 6 * GIB)],
    "27": [Since(SINCE, 32, 256 * GIB), Since(datetime(2013, 9, 23, 11, 32, 51, tzinfo=UTC), 16, 128 * GIB)],
    "332": [Since(SINCE, 2, 2 * GIB)],
    "407": [Since(SINCE, 1, 1 * GIB)],
    "422": [Since(datetime(2013, 7, 11, tzinfo=UTC), 1, 1 * GIB)],
    "44": [Since(SINCE, 8, 16 * GIB), Since(datetime(2013, 9, 21, 15, 42, 34, tzinfo=UTC), 4, 16 * GIB)],
    "75": [Since(SINCE, 8, 32 * GIB)],
}


@pytest.fixture(scope="module")
def traces() -> Path:
    folder = (
        Path(os.environ.get("CLOUDCTL_TRACES", Path(__file__).parents[2].parent / "shared/data"))
        / "bitbrains-rnd"
    )
    if not folder.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"the recorded traces are not at {folder}")
        pytest.skip(f"the recorded traces are not at {folder}")
    return folder


@pytest.fixture
def imported(ctx: Any, estate: Any, traces: Path) -> Any:
    """A home with the eleven machines and all their files."""
    for name, history in HISTORY.items():
        sizes = [Size(since.vcpus, since.memory_mib, {"sata": 50}) for since in history]
        estate.machine(
            name,
            history[0].at,
            sizes[0],
            pool="pub",
            driver="external",
            system=f"s{int(name) % 3}",
            unit=f"u{int(name) % 3}",
        )
        for since, size in zip(history[1:], sizes[1:], strict=True):
            estate.resize(name, since.at, size)
    files = [traces / month / f"{name}.csv.gz" for month in MONTHS for name in MACHINES]
    return import_samples(ctx, files, format="bitbrains")


class Rows(NamedTuple):
    """A machine's samples as the issue reads the files: µs, core-seconds, bytes, and what was held at their ends."""

    start: Any
    end: Any
    cpu: Any
    memory: Any
    vcpus: Any
    memory_mib: Any


def read_rows(traces: Path, name: str) -> Rows:
    """Straight from the files: nothing of the program's code is used."""
    parts = []
    for month in MONTHS:
        text = gzip.decompress((traces / month / f"{name}.csv.gz").read_bytes()).decode().splitlines()[1:]
        raw = np.array([[float(value) for value in line.split(";")] for line in text])
        _, first = np.unique(raw[:, 0], return_index=True)
        raw = raw[first]
        before = np.concatenate([[-np.inf], raw[:-1, 0]])
        seconds = np.where(raw[:, 0] - before <= 450, raw[:, 0] - before, 300.0)
        off = raw[:, 1] == 0
        cpu = np.where(off, 0.0, raw[:, 1] * raw[:, 4] / 100 * seconds)
        memory = np.where(off, 0.0, raw[:, 6] * 1024)
        parts.append(np.stack([raw[:, 0] - seconds, raw[:, 0], cpu, memory]))
    start, end, cpu, memory = np.concatenate(parts, axis=1)
    starts = np.array([since.at.timestamp() for since in HISTORY[name]])
    place = np.searchsorted(starts, end, side="left") - 1
    held = place >= 0
    sizes = HISTORY[name]
    return Rows(
        start[held],
        end[held],
        cpu[held],
        memory[held],
        np.array([since.vcpus for since in sizes])[place[held]],
        np.array([since.memory_mib for since in sizes])[place[held]],
    )


def expected(rows: Rows, name: str, begin: datetime, until: datetime, meter: str) -> dict[str, float]:
    """The definitions of metering.md, by hand."""
    low, high = max(begin, HISTORY[name][0].at).timestamp(), until.timestamp()
    touching = (rows.end > begin.timestamp()) & (rows.start < high)
    start, end, cpu, memory, vcpus, memory_mib = (column[touching] for column in rows)
    inside = np.minimum(end, high) - np.maximum(start, low)
    if meter == "cpu":
        used, held, ratio = cpu * inside / (end - start), vcpus * inside, cpu / (vcpus * (end - start))
    else:
        used, held, ratio = memory * inside, memory_mib * 2.0**20 * inside, memory / (memory_mib * 2.0**20)
    return {
        "mean": used.sum() / held.sum(),
        "p95": np.quantile(ratio, 0.95),
        "maximum": ratio.max(),
        "coverage": inside.sum() / (high - low),
        "used": used.sum() / inside.sum() / (1 if meter == "cpu" else 2.0**20),
    }


WINDOWS = {
    "july": (datetime(2013, 6, 30, 16, tzinfo=UTC), datetime(2013, 7, 31, 16, tzinfo=UTC)),
    "august": (datetime(2013, 7, 31, 16, tzinfo=UTC), datetime(2013, 8, 31, 16, tzinfo=UTC)),
    "september": (datetime(2013, 8, 31, 16, tzinfo=UTC), datetime(2013, 9, 30, 16, tzinfo=UTC)),
    "an odd hour": (datetime(2013, 8, 26, 6, 1, 7, tzinfo=UTC), datetime(2013, 8, 26, 8, 3, 11, tzinfo=UTC)),
    "all": (SINCE, datetime(2013, 9, 30, 16, tzinfo=UTC)),
}


def test_every_figure_agrees_with_numpy(ctx: Any, estate: Any, imported: Any, traces: Path) -> None:
    compared = 0
    for begin, until in WINDOWS.values():
        with ctx.reading() as session:
            found = {item.group: item for item in utilisation(sample_store(ctx), session, begin, until, "vm")}
        for name in MACHINES:
            if HISTORY[name][0].at >= until:
                continue
            rows = read_rows(traces, name)
            for meter in ("cpu", "memory"):
                use = found[estate.machines[name]].meters[meter]
                for figure, value in expected(rows, name, begin, until, meter).items():
                    scale = use.held if figure == "used" else 1
                    assert getattr(use, figure) == pytest.approx(value, abs=1e-9 * scale, rel=0), (
                        name,
                        meter,
                        figure,
                    )
                    compared += 1
    assert compared > 500


def test_groups_are_sums_over_their_machines(ctx: Any, estate: Any, imported: Any, traces: Path) -> None:
    begin, until = WINDOWS["august"]
    members = {unit: [name for name in MACHINES if int(name) % 3 == unit] for unit in range(3)}
    with ctx.reading() as session:
        found = utilisation(sample_store(ctx), session, begin, until, "unit")
    low, high = begin.timestamp(), until.timestamp()
    by_size = {len(names): names for names in members.values()}
    assert sorted(item.machines for item in found) == sorted(len(names) for names in members.values())
    for item in found:
        ratios, used, held = [], 0.0, 0.0
        for name in by_size[item.machines]:
            rows = read_rows(traces, name)
            touching = (rows.end > low) & (rows.start < high)
            start, end, cpu, _, vcpus, _ = (column[touching] for column in rows)
            inside = np.minimum(end, high) - np.maximum(start, low)
            used += float((cpu * inside / (end - start)).sum())
            held += float((vcpus * inside).sum())
            ratios.append(cpu / (vcpus * (end - start)))
        assert item.meters["cpu"].mean == pytest.approx(used / held, abs=1e-9)
        assert item.meters["cpu"].p95 == pytest.approx(np.quantile(np.concatenate(ratios), 0.95), abs=1e-9)


def test_storage_is_unknown_and_never_zero(ctx: Any, imported: Any) -> None:
    with ctx.reading() as session:
        found = utilisation(sample_store(ctx), session, *WINDOWS["august"], "vm")
    assert len(found) == len(MACHINES)
    for item in found:
        storage = item.meters["storage"]
        assert (storage.used, storage.mean, storage.p95, storage.maximum) == (None, None, None, None)
        assert (storage.held, storage.coverage) == (50, 0)


def test_traps_of_the_files_are_counted(ctx: Any, imported: Any) -> None:
    by_file = {(item.file.parent.name, item.file.name.split(".")[0]): item.verdict for item in imported}
    assert by_file["2013-7", "124"].repeated + by_file["2013-7", "124"].contradicting == 4220
    assert by_file["2013-9", "106"].contradicting == 7
    assert by_file["2013-7", "165"].rejected == {}
    assert {reason for verdict in by_file.values() for reason in verdict.rejected} <= {"outside_allocation"}
    assert by_file["2013-7", "106"].rejected["outside_allocation"] > 0


def test_the_same_files_again_change_nothing(ctx: Any, imported: Any, traces: Path) -> None:
    files = [item.file for item in imported]
    again = import_samples(ctx, files)
    assert [item.format for item in again] == ["bitbrains"] * len(files)
    for before, after in zip(imported, again, strict=True):
        assert after.verdict.accepted == 0
        assert after.verdict.known == before.verdict.accepted
        assert after.verdict.contradicting == before.verdict.contradicting


def test_a_resize_splits_the_stamps_at_its_second(ctx: Any, estate: Any, imported: Any) -> None:
    resized = datetime(2013, 8, 26, 7, 2, 49, tzinfo=UTC)
    around = (resized - timedelta(hours=1), resized + timedelta(hours=1))
    with ctx.reading() as session, sample_store(ctx).opened(session, *around) as connection:
        rows = connection.execute(
            "SELECT DISTINCT end_us > $1, vcpus FROM samples WHERE vm = $2 ORDER BY 1",
            [to_micros(resized), estate.machines["204"]],
        ).fetchall()
    assert rows == [(False, 2), (True, 4)]
