"""Times `usage show` against a bare DuckDB query over the same files, both as processes and inside one process.

    python benchmarks/usage.py HOME [--by vm] [--runs 5]

HOME is made by generate_samples.py. The bare query knows no ledger: mean, p95, maximum and measured time of three
meters per machine, in doubles, machines in the same portions where there are too many for one query. Targets on
1,000 machines x 30 days: under 2 s, under 1 GiB, within 1.5 times the bare query; on 10,000: under 20 s and 1.5 GiB.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

ENTRY = "from cloudctl.cli.main import main; import sys; main(sys.argv[1:])"
INSIDE = """
import sys, time
from pathlib import Path
from cloudctl.core.clock import parse_instant
from cloudctl.operations.context import open_context
from cloudctl.operations.usage.show_usage import show_usage
home, by, begin, end, runs = sys.argv[1:]
with open_context(Path(home)) as ctx:
    for _ in range(int(runs)):
        began = time.perf_counter()
        show_usage(ctx, by, parse_instant(begin), parse_instant(end))
        print(time.perf_counter() - began)
"""
BARE = """
import sys, time
began = time.perf_counter()
import duckdb
folder, first, last, machines, runs = sys.argv[1:]
METERS = {
    "cpu": ("cpu_ns", "vcpus * (end_us - start_us) * 1000.0", "1"),
    "memory": ("memory_used_bytes", "memory_mib * 1048576.0", "(end_us - start_us)::DOUBLE"),
    "storage": ("storage_used_bytes", "storage_gib * 1073741824.0", "(end_us - start_us)::DOUBLE"),
}
columns = ", ".join(
    f"sum({used} * {weight}) / sum({held} * {weight}), quantile_cont({used} / ({held}), 0.95), "
    f"max({used} / ({held})), sum(CASE WHEN {used} IS NOT NULL THEN end_us - start_us END)"
    for used, held, weight in METERS.values()
)
connection = duckdb.connect(config={"memory_limit": "768MB", "preserve_insertion_order": "false"})
connection.execute("SET enable_progress_bar = false")
portion = max(1, 9_000_000 // (8640))
for _ in range(int(runs)):
    for start in range(1, int(machines) + 1, portion):
        connection.execute(
            f"SELECT vm, {columns} FROM read_parquet('{folder}/samples/day=*/*.parquet', hive_partitioning = false) "
            f"WHERE end_us > {first} AND start_us < {last} AND vm BETWEEN {start} AND {start + portion - 1} GROUP BY vm"
        ).fetchall()
    print(time.perf_counter() - began)
    began = time.perf_counter()
"""


def timed(command: list[str]) -> tuple[float, int, str]:
    """Wall seconds, peak memory in MiB, and the output of one process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"failed: {' '.join(command[:3])} …")
    return time.perf_counter() - began, usage.ru_maxrss // 1024, output


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--by", default="vm", choices=["vm", "system", "unit", "pool", "cloud"])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    begin, end, machines, samples = _extent(options.home)
    print(f"{machines:,} machines, {samples:,} samples, {begin} to {end}, by {options.by}")
    window = ["--from", begin, "--to", end]
    ours = [
        sys.executable,
        "-c",
        ENTRY,
        "--home",
        str(options.home),
        "usage",
        "show",
        "--by",
        options.by,
        *window,
    ]
    bounds = [str(round(_micros(begin))), str(round(_micros(end)))]
    bare = [sys.executable, "-c", BARE, str(options.home), *bounds, str(machines)]
    pairs = [(timed([*ours, "-o", "json"]), timed([*bare, "1"])) for _ in range(options.runs)]
    _report("as a process", [one[0] for one, _ in pairs], [other[0] for _, other in pairs])
    print(
        f"  peak memory: ours {max(one[1] for one, _ in pairs)} MiB, bare {max(other[1] for _, other in pairs)} MiB"
    )
    inside = [sys.executable, "-c", INSIDE, str(options.home), options.by, begin, end, str(options.runs)]
    ours_inside = [float(line) for line in timed(inside)[2].split()]
    bare_inside = [float(line) for line in timed([*bare, str(options.runs)])[2].split()]
    _report("within a process, the first left out", ours_inside[1:], bare_inside[1:])


def _report(name: str, ours: list[float], bare: list[float]) -> None:
    one, other = statistics.median(ours), statistics.median(bare)
    print(
        f"  {name}: ours {one:.2f} s ({min(ours):.2f}), bare {other:.2f} s ({min(bare):.2f}), "
        f"ratio {one / other:.2f} (of the best {min(ours) / min(bare):.2f})"
    )


def _extent(home: Path) -> tuple[str, str, int, int]:
    from cloudctl.operations.context import open_context
    from metering.store import live_files
    from provisioning.store import vm_names

    with open_context(home) as ctx, ctx.reading() as session:
        files = live_files(session)
        first, last = min(row.first_end for row in files), ctx.clock.now()
        begin = first - timedelta(seconds=ctx.settings.metering.interval_s)
        return begin.isoformat(), last.isoformat(), len(vm_names(session)), sum(row.rows for row in files)


def _micros(instant: str) -> float:
    from cloudctl.core.clock import parse_instant

    return parse_instant(instant).timestamp() * 1_000_000


if __name__ == "__main__":
    main()
