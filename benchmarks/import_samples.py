"""Times `meter import` of a CSV: rows per second from the file to the committed store, and the same file again.

    python benchmarks/import_samples.py [--machines 1000] [--days 7] [--gzip]

Target: 300,000 rows per second or more.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context, open_context
from cloudctl.operations.home.initialise import initialise
from cloudctl.operations.usage.import_samples import import_samples
from metering.tables import AllocationRow
from provisioning.tables import PoolRow, VmRow

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
ROWS = """COPY (SELECT 'vm-' || printf('%05d', vm) AS vm,
    strftime(TIMESTAMP '2026-09-01' + to_seconds(sweep * 300), '%Y-%m-%dT%H:%M:%SZ') AS "end",
    300 AS interval_s, 'running' AS state, 4 AS vcpus, round(random() * 1200, 3) AS cpu_core_seconds,
    8192 AS memory_mib, round(random() * 8192, 2) AS memory_used_mib, 100 AS storage_gib,
    round(random() * 100, 3) AS storage_used_gib
  FROM range(1, $machines + 1) AS a(vm), range(1, $sweeps + 1) AS b(sweep)) TO '{path}' (HEADER{options})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--gzip", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("use.csv.gz" if options.gzip else "use.csv")
        write = ROWS.format(path=path, options=", COMPRESSION gzip" if options.gzip else "")
        duckdb.execute(write, {"machines": options.machines, "sweeps": options.days * 288})
        home = Path(folder) / "home"
        initialise(home)
        with open_context(home) as ctx:
            _make_estate(ctx, options.machines)
            print(f"{path.stat().st_size / 1e6:.0f} MB")
            for name in ("first", "again"):
                began, busy = time.perf_counter(), time.process_time()
                (done,) = import_samples(ctx, [path])
                took, busy = time.perf_counter() - began, time.process_time() - busy
                rows = done.verdict.rows
                print(
                    f"  {name}: {rows:,} rows ({done.verdict.accepted:,} new) in {took:.1f} s ({busy:.1f} s of CPU): "
                    f"{rows / took:,.0f} rows/s"
                )


def _make_estate(ctx: Context, machines: int) -> None:
    with ctx.writing() as session:
        session.add(UnitRow(id=1, code="u", name="Unit"))
        session.add(PoolRow(id=1, code="p", name="Pool", driver="external", provider="", options={}))
        session.flush()
        session.add(SystemRow(id=1, code="s", name="System", unit_id=1, status="live"))
        session.flush()
        names = {number: f"vm-{number:05}" for number in range(1, machines + 1)}
        session.add_all(
            VmRow(id=number, uuid=name, name=name, pool_id=1, system_id=1, state="active")
            for number, name in names.items()
        )
        session.flush()
        session.add_all(
            AllocationRow(
                vm_id=number,
                system_id=1,
                unit_id=1,
                pool_id=1,
                start=BEGIN,
                vcpus=4,
                memory_mib=8192,
                storage_gib={"ssd": 100},
                reason="benchmark",
            )
            for number in names
        )


if __name__ == "__main__":
    main()
