"""The review's figures against NumPy over the same samples: sums, quantiles, coverage, resizes, charts and risk."""

from contextlib import contextmanager

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.samples import review_figures as module
from metering.samples.model import COLUMNS
from metering.samples.review_figures import review_figures
from metering.samples.review_model import Limit, MachineQuestion, ReviewWindow
from metering.samples.review_series import bucket_s, review_series

DAY = 86_400_000_000
SPAN = 300_000_000
WINDOW = ReviewWindow(10 * DAY, 40 * DAY, 26 * DAY, 0.03)
MIB, GIB = 1 << 20, 1 << 30


@contextmanager
def samples(rows):
    """A connection with a view `samples` over rows of (vm, start, end) and whatever differs from the usual."""
    usual = {
        "allocation": 1,
        "state": "running",
        "vcpus": 4,
        "cpu_ns": 0,
        "steal_ns": None,
        "memory_mib": 4096,
        "memory_used_bytes": GIB,
        "storage_gib": 100,
        "storage_used_bytes": 50 * GIB,
        "disk_written_bytes": 0,
        "network_bytes": 0,
        "cpu_quality": "measured",
        "memory_quality": "measured",
        "storage_quality": "measured",
    }
    full = [usual | row for row in rows]
    types = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string()}
    table = pa.table({name: pa.array([r[name] for r in full], types[kind]) for name, kind in COLUMNS.items()})
    with duckdb.connect() as connection:
        connection.register("samples", table)
        yield connection


def question(vm=1, sized_us=0, held_us=30 * DAY, **size):
    sized_held_us = min(held_us, WINDOW.end_us - max(sized_us, WINDOW.start_us))
    known = {"vcpus": 4, "memory_mib": 4096, "storage_gib": 100} | size
    return MachineQuestion(vm, held_us, 14 * DAY, sized_us, sized_held_us, **known)


def series_of(seed, count=2000, start=WINDOW.start_us - SPAN // 2):
    """Intervals of uneven length from half an interval before the window on, some of them unknown."""
    random = np.random.default_rng(seed)
    lengths = random.integers(SPAN // 2, 5 * SPAN, count)
    ends = start + np.cumsum(lengths)
    rows = []
    for begin, end in zip(ends - lengths, ends, strict=True):
        use = None if random.random() < 0.05 else int(random.random() * 4 * (end - begin) * 1000)
        memory = None if random.random() < 0.05 else int(random.random() * 4096 * MIB)
        rows.append(
            {
                "vm": 1,
                "start_us": int(begin),
                "end_us": int(end),
                "cpu_ns": use,
                "steal_ns": None if use is None else int(random.random() * 1e8),
                "memory_used_bytes": memory,
            }
        )
    return rows


@settings(max_examples=15)
@given(seed=st.integers(0, 1 << 30))
def test_figures_agree_with_numpy(seed):
    rows = series_of(seed)
    inside = [r for r in rows if r["end_us"] > WINDOW.start_us and r["start_us"] < WINDOW.end_us]

    with samples(rows) as connection:
        found = review_figures(connection, WINDOW, [question()])[1]

    known = [r for r in inside if r["cpu_ns"] is not None]
    start, end = (np.array([r[name] for r in known], dtype=np.float64) for name in ("start_us", "end_us"))
    used = np.array([r["cpu_ns"] for r in known], dtype=np.float64)
    steal = np.array([r["steal_ns"] for r in known], dtype=np.float64)
    part = np.minimum(end, WINDOW.end_us) - np.maximum(start, WINDOW.start_us)
    ratio = used / (4 * 1000 * (end - start))
    cpu = found.window["cpu"]
    assert cpu.mean == pytest.approx((used * part / (end - start)).sum() / (4000 * part.sum()), abs=1e-9)
    assert cpu.p95 == pytest.approx(np.percentile(ratio, 95), abs=1e-9)
    assert cpu.max == pytest.approx(ratio.max(), abs=1e-9)
    assert cpu.coverage == pytest.approx(part.sum() / (30 * DAY), abs=1e-9)
    load = (used + steal) / (1000 * (end - start))
    assert found.sizing["cpu"].load_p95 == pytest.approx(np.percentile(load, 95), abs=1e-9)
    assert found.sizing["cpu"].load_max == pytest.approx(load.max(), abs=1e-9)
    assert found.steal_share == pytest.approx(steal.sum() / (4000 * (end - start)).sum(), abs=1e-9)
    gauge = [r for r in inside if r["memory_used_bytes"] is not None]
    begin, stop = (np.array([r[name] for r in gauge], dtype=np.float64) for name in ("start_us", "end_us"))
    part = np.minimum(stop, WINDOW.end_us) - np.maximum(begin, WINDOW.start_us)
    bytes_used = np.array([r["memory_used_bytes"] for r in gauge], dtype=np.float64)
    memory = found.window["memory"]
    assert memory.mean == pytest.approx((bytes_used * part).sum() / (4096 * MIB * part.sum()), abs=1e-9)
    assert memory.p95 == pytest.approx(np.percentile(bytes_used / (4096 * MIB), 95), abs=1e-9)
    assert memory.held == pytest.approx(4096 * MIB)


def regular(vm, first_day, last_day, **more):
    """Hourly rows; a callable value is asked for each row's start."""
    hour = 3_600_000_000
    for start in range(int(first_day * DAY), int(last_day * DAY), hour):
        row = {name: value(start) if callable(value) else value for name, value in more.items()}
        yield {"vm": vm, "start_us": start, "end_us": start + hour, **row}


def cpu(share, vcpus=4):
    return int(share * vcpus * 3_600_000_000_000)


def test_what_a_machine_held_and_used_before_its_resize_counts_for_the_mean_alone():
    before = regular(1, 10, 20, vcpus=8, cpu_ns=cpu(0.9, 8))
    after = regular(1, 20, 40, cpu_ns=cpu(0.2), memory_used_bytes=GIB)
    with samples([*before, *after]) as connection:
        found = review_figures(connection, WINDOW, [question(sized_us=20 * DAY)])[1]

    # 7.2 of 8 for 10 days, 0.8 of 4 for 20.
    assert found.window["cpu"].mean == pytest.approx((72 + 16) / (80 + 80))
    assert found.window["cpu"].held == pytest.approx(160 / 30)
    assert found.sizing["cpu"].load_max == pytest.approx(0.8)
    assert found.sizing["cpu"].use_p95 == pytest.approx(0.2)
    assert found.sizing["cpu"].coverage == pytest.approx(1.0)


def test_a_machine_without_samples_has_figures_without_values():
    with samples([{"vm": 2, "start_us": 0, "end_us": 1}]) as connection:
        found = review_figures(connection, WINDOW, [question()])[1]

    assert found.window["cpu"].mean is None and found.window["cpu"].coverage == 0.0
    assert found.sizing["memory"].load_p95 is None and found.recent.cpu_p95 is None


def test_a_machine_without_storage_has_no_storage_figures():
    rows = regular(1, 10, 40, storage_gib=0, storage_used_bytes=None)
    with samples(rows) as connection:
        found = review_figures(connection, WINDOW, [question(storage_gib=0)])[1]

    assert found.window["storage"].mean is None and found.window["cpu"].mean == 0.0


def test_rates_are_those_of_the_last_days_and_an_off_machine_has_none():
    rows = [
        *regular(1, 10, 26, network_bytes=10**12, disk_written_bytes=10**12),
        *regular(1, 26, 33, network_bytes=3600, disk_written_bytes=7200),
        *regular(1, 33, 40, state="off", network_bytes=None, disk_written_bytes=None),
    ]
    with samples(rows) as connection:
        recent = review_figures(connection, WINDOW, [question()])[1].recent

    assert recent.network_bytes_per_s == pytest.approx(0.5)
    assert recent.disk_written_bytes_per_s == pytest.approx(1.0)
    assert (recent.network_coverage, recent.cpu_coverage, recent.cpu_p95) == (1.0, 1.0, 0.0)


def test_unknown_traffic_is_no_coverage():
    rows = regular(1, 10, 40, network_bytes=None)
    with samples(rows) as connection:
        recent = review_figures(connection, WINDOW, [question()])[1].recent

    assert recent.network_bytes_per_s is None and recent.network_coverage == 0.0


def test_memory_that_counts_page_cache_says_so():
    rows = regular(1, 10, 40, memory_quality=lambda start: "coarse" if start < 16 * DAY else "measured")
    with samples(rows) as connection:
        found = review_figures(connection, WINDOW, [question()])[1]

    assert found.memory_coarse_share == pytest.approx(0.2)


def test_portions_answer_as_the_whole_does(monkeypatch):
    rows = [row for vm in range(1, 8) for row in regular(vm, 10, 40, cpu_ns=cpu(vm / 10))]
    questions = [question(vm, sized_us=25 * DAY if vm % 3 == 0 else 0) for vm in range(7, 0, -1)]
    with samples(rows) as connection:
        whole = review_figures(connection, WINDOW, questions)
        monkeypatch.setattr(module, "PORTION", 2)
        parts = review_figures(connection, WINDOW, questions)

    assert parts == whole and len(whole) == 7


def test_risk_is_the_share_of_time_above_the_limit_and_above_its_wanted_share():
    def use(start):
        # A tenth of the time above 2 vCPUs, another fifth above 1.6.
        number = start // 3_600_000_000 % 10
        return cpu(3.0 / 4) if number == 0 else cpu(1.8 / 4) if number < 3 else cpu(0.2)

    rows = list(regular(1, 10, 40, cpu_ns=use))
    with samples(rows) as connection:
        resized = review_series(connection, WINDOW, [Limit(1, 2, None, None, is_resized=True)], 0.8)[1]
        free = review_series(connection, WINDOW, [Limit(1, None, None, None)], 0.8)[1]

    assert resized.over_share == pytest.approx(0.1) and resized.tight_share == pytest.approx(0.3)
    assert free.over_share is None and free.tight_share is None


def test_every_machine_asked_about_is_answered_resized_or_not():
    rows = [row for vm in (1, 2, 3) for row in regular(vm, 10, 40, cpu_ns=cpu(0.5))]
    limits = [Limit(1, 1, None, None, is_resized=True), Limit(2, 1, None, None), Limit(4, 1, None, None)]
    with samples(rows) as connection:
        found = review_series(connection, WINDOW, limits, 0.8)

    assert {vm: (series.over_share, series.tight_share) for vm, series in found.items()} == {
        1: (1.0, 1.0),
        2: (0.0, 1.0),
    }


def test_the_chart_has_a_bucket_per_six_hours_and_none_where_nothing_is_known():
    rows = list(
        regular(1, 10, 39, cpu_ns=lambda s: cpu(1.0) if s == 10 * DAY else cpu(0.5), memory_used_bytes=None)
    )
    with samples(rows) as connection:
        chart = review_series(connection, WINDOW, [Limit(1, None, None, None)], 0.8)[1]

    assert bucket_s(WINDOW) == chart.bucket_s == 21_600
    # One hour of six at 4 vCPUs, five at 2: in thousandths.
    assert chart.mean["cpu"][:2] == [2333, 2000] and chart.max["cpu"][:2] == [4000, 2000]
    assert chart.mean["cpu"][116:] == [None] * 4 and set(chart.mean["memory"]) == {None}
    assert set(chart.max["storage"][:116]) == {50 * 1024}
