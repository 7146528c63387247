"""Times `review open` of a 30-day window against bare DuckDB queries over the same Parquet files, in one run.

    python benchmarks/generate_samples.py HOME --machines 1000 --days 30
    python benchmarks/review_open.py HOME [--runs 5]

Two references: the month's question that all stores are measured by (mean, p95 and share under half of three meters
per machine), and one query for the figures a review rests on (means, p95 and maximum of three meters, of CPU use and
steal together, the CPU's p95 of the last 14 days, measured time, steal, and the chart's 120 buckets per machine with
the share of time above a limit). Opening is timed as the operation in a warm process and as the whole command; each
time on a home in which no case was opened yet. Targets: under 5 s, under 1 GiB, near 1.5 times the second reference.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudctl.core.clock import DrivenClock, FileClock
from cloudctl.core.database import to_micros
from cloudctl.operations.context import CLOCK_FILE, Context, open_context
from cloudctl.operations.review.open_review import open_review
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from metering.samples.store import FOLDER, connected

STARTS = datetime(2026, 9, 30, 16, tzinfo=UTC)
ENDS = STARTS + timedelta(days=30)
LEDGER = "ledger.sqlite"
TARIFFS = """
tariffs:
  - code: std
    pool: [p1, p2, p3]
    valid_from: 2026-01-01
    items:
      - {item: vcpu, per: month, price: "46.00"}
      - {item: memory_gib, per: month, price: "17.00"}
      - {item: storage_gib, tier: ssd, per: month, price: "0.70"}
"""
RATIOS = {
    "cpu": "cpu_ns / (vcpus * (end_us - start_us) * 1000.0)",
    "memory": "memory_used_bytes / (memory_mib * 1048576.0)",
    "storage": "storage_used_bytes / (storage_gib * 1073741824.0)",
}
LOAD = "(cpu_ns + steal_ns) / ((end_us - start_us) * 1000.0)"
MONTH = "SELECT vm, {} FROM samples GROUP BY vm".format(
    ", ".join(
        f"avg({ratio}), quantile_cont({ratio}, 0.95), avg(({ratio} < 0.5)::INTEGER)"
        for ratio in RATIOS.values()
    )
)
FIGURES = "SELECT vm, {}, {}, {} FROM samples GROUP BY vm".format(
    ", ".join(
        f"avg({ratio}), quantile_cont({ratio}, 0.95), max({ratio}), sum(end_us - start_us) FILTER ({ratio} IS NOT NULL)"
        for ratio in RATIOS.values()
    ),
    f"quantile_cont({LOAD}, 0.95), max({LOAD}), avg(steal_ns / (vcpus * (end_us - start_us) * 1000.0))",
    f"quantile_cont({RATIOS['cpu']}, 0.95) FILTER (start_us >= {to_micros(ENDS - timedelta(days=14))})",
)
CHART = "SELECT vm, start_us // 21600000000 AS bucket, {}, {} FROM samples GROUP BY vm, bucket".format(
    ", ".join(f"avg({ratio}), max({ratio})" for ratio in RATIOS.values()),
    f"sum(end_us - start_us) FILTER ({LOAD} > vcpus * 0.4 OR memory_used_bytes > memory_mib * 524288.0)",
)


def ask(home: Path, *questions: str) -> None:
    with connected(home / FOLDER) as connection:
        connection.execute("SET memory_limit = '4GB'")
        connection.execute(
            f"CREATE VIEW samples AS SELECT * FROM read_parquet('{home / FOLDER}/*/*.parquet')"
        )
        for question in questions:
            connection.execute(question).fetchnumpy()


def prepare(ctx: Context, home: Path) -> None:
    path = home / "tariffs.yaml"
    path.write_text(TARIFFS)
    apply_tariffs(ctx, path)


def reset(home: Path) -> None:
    """The ledger as it was before any case was opened."""
    for leftover in home.glob(f"{LEDGER}-*"):
        leftover.unlink()
    shutil.copyfile(home / "ledger.before", home / LEDGER)


def operate(home: Path) -> float:
    reset(home)
    with open_context(home) as opened:
        ctx = replace(opened, clock=DrivenClock(ENDS))
        start = time.perf_counter()
        opening = open_review(ctx, end=ENDS)
        spent = time.perf_counter() - start
    assert opening.cases
    return spent


def command(home: Path) -> float:
    reset(home)
    executable = Path(sys.executable).with_name("cloudctl")
    arguments = [
        str(executable),
        "--home",
        str(home),
        "review",
        "open",
        "--window-end",
        ENDS.isoformat(),
        "-o",
        "json",
    ]
    start = time.perf_counter()
    answer = subprocess.run(arguments, check=True, capture_output=True)
    spent = time.perf_counter() - start
    assert json.loads(answer.stdout)
    return spent


def timed(home: Path, *questions: str) -> float:
    start = time.perf_counter()
    ask(home, *questions)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    home: Path = options.home
    FileClock(home / CLOCK_FILE).move_to(ENDS)
    if not (home / "ledger.before").exists():
        with open_context(home) as opened:
            prepare(replace(opened, clock=DrivenClock(ENDS)), home)
        shutil.copyfile(home / LEDGER, home / "ledger.before")
    work = {
        "bare: the month's question": lambda: timed(home, MONTH),
        "bare: a review's figures": lambda: timed(home, FIGURES, CHART),
        "review open, operation": lambda: operate(home),
        "review open, command": lambda: command(home),
    }
    # Interleaved, so that a busy moment of the machine falls on all alike; the first round warms up.
    spent: dict[str, list[float]] = {name: [] for name in work}
    for round_ in range(options.runs + 1):
        for name, once in work.items():
            seconds = once()
            if round_:
                spent[name].append(seconds)
    month, figures = (statistics.median(spent[name]) for name in list(work)[:2])
    for name, times in spent.items():
        median = statistics.median(times)
        print(
            f"{name:28} median {median:6.2f} s  min {min(times):6.2f}  "
            f"×{median / figures:.2f} of its figures  ×{median / month:.2f} of the month's question"
        )
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"peak memory {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
