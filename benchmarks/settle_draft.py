"""Times `settle draft` of a month against the bare DuckDB query over the same Parquet files, in one run.

    python benchmarks/generate_samples.py HOME --machines 1000 --days 30
    python benchmarks/settle_draft.py HOME [--runs 5]

The bare question is the month's: mean, p95 and share under half of three meters per machine. The draft is timed as
the operation in a warm process and as the whole command. Targets: under 5 s, near 1.5 times the bare query.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cloudctl.core.clock import DrivenClock, FileClock
from cloudctl.operations.context import CLOCK_FILE, Context, open_context
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from cloudctl.operations.settlement.draft_settlement import draft_settlement
from metering.samples.store import FOLDER, connected

PERIOD, STARTS, ENDS = (
    "2026-10",
    datetime(2026, 9, 30, 16, tzinfo=UTC),
    datetime(2026, 10, 31, 16, tzinfo=UTC),
)
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
CPU, MEMORY, STORAGE = (
    "cpu_ns / (vcpus * (end_us - start_us) * 1000.0)",
    "memory_used_bytes / (memory_mib * 1048576.0)",
    "storage_used_bytes / (storage_gib * 1073741824.0)",
)
BARE = "SELECT vm, {} FROM read_parquet('{}') GROUP BY vm".format(
    ", ".join(
        f"avg({meter}), quantile_cont({meter}, 0.95), avg(({meter} < 0.5)::INTEGER)"
        for meter in (CPU, MEMORY, STORAGE)
    ),
    "{}/*/*.parquet",
)


def timed(runs: int, work: Callable[[], object]) -> list[float]:
    spent = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return spent


def bare(home: Path) -> None:
    with connected(home / FOLDER) as connection:
        connection.execute(BARE.format(home / FOLDER)).fetchall()


def command(home: Path) -> None:
    executable = Path(sys.executable).with_name("cloudctl")
    arguments = [str(executable), "--home", str(home), "settle", "draft", PERIOD, "-o", "json"]
    subprocess.run(arguments, check=True, capture_output=True)


def prepare(ctx: Context, home: Path) -> None:
    path = home / "tariffs.yaml"
    path.write_text(TARIFFS)
    apply_tariffs(ctx, path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    FileClock(options.home / CLOCK_FILE).move_to(ENDS)
    with open_context(options.home) as opened:
        ctx = replace(opened, clock=DrivenClock(ENDS))
        prepare(ctx, options.home)
        work = {
            "bare DuckDB query": lambda: bare(options.home),
            "settle draft, operation": lambda: draft_settlement(ctx, PERIOD),
            "settle draft, command": lambda: command(options.home),
        }
        for round_ in work.values():
            round_()
        # Interleaved, so that a busy moment of the machine falls on all alike.
        spent: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(options.runs):
            for name, once in work.items():
                spent[name] += timed(1, once)
    reference = statistics.median(spent["bare DuckDB query"])
    for name, times in spent.items():
        median = statistics.median(times)
        print(
            f"{name:26} median {median:6.2f} s  min {min(times):6.2f}  ×{median / reference:.2f} of the bare query"
        )
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"peak memory {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
