"""Makes a home with N machines metered every 5 minutes for some days, through the store's bulk way in.

    python benchmarks/generate_samples.py HOME [--machines 1000] [--days 30] [--seed 7]

The ledger is real: units, systems, pools, machines, allocations (one machine in fifty resized in the middle), and a
manifest of one sorted file a day. The numbers are made by the engine from the seed, so it is fast and repeatable.
"""

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cloudctl.core.clock import FileClock
from cloudctl.core.database import to_micros
from cloudctl.core.settings import FILE_NAME
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import CLOCK_FILE, Context, open_context
from cloudctl.operations.home.initialise import initialise
from metering.allocations import size_of
from metering.samples.store import FOLDER, SampleStore, connected
from metering.tables import AllocationRow
from provisioning.tables import PoolRow, VmRow

START = datetime(2026, 9, 30, 16, tzinfo=UTC)
STEP = timedelta(seconds=300)
UNITS, SYSTEMS, POOLS = 45, 80, 3
SIZES = [(2, 4096, 100), (4, 8192, 200), (4, 16384, 300), (8, 16384, 500), (8, 32768, 500), (16, 65536, 1000)]


def generate(home: Path, machines: int, days: int, seed: int) -> None:
    """Refused when there is a home already. The home's clock stands at the end of the last day."""
    home.mkdir(parents=True, exist_ok=True)
    (home / FILE_NAME).write_text('[clock]\nmode = "driven"\n')
    FileClock(home / CLOCK_FILE).move_to(START)
    initialise(home, language="en")
    with open_context(home) as ctx:
        _make_estate(ctx, machines, days)
        store = SampleStore(home / FOLDER, ctx.clock)
        first = START
        end = START + timedelta(days=days)
        while first < end:
            after = min(end, first.replace(hour=0) + timedelta(days=1))
            _write_span(ctx, store, first, after, seed)
            first = after
    FileClock(home / CLOCK_FILE).move_to(end)


def _make_estate(ctx: Context, machines: int, days: int) -> None:
    with ctx.writing() as session:
        session.add_all(UnitRow(id=n, code=f"u{n:02}", name=f"Unit {n}") for n in range(1, UNITS + 1))
        session.add_all(
            PoolRow(id=n, code=f"p{n}", name=f"Pool {n}", driver="external", provider="", options={})
            for n in range(1, POOLS + 1)
        )
        session.flush()
        session.add_all(
            SystemRow(id=n, code=f"s{n:02}", name=f"System {n}", unit_id=1 + n % UNITS, status="live")
            for n in range(1, SYSTEMS + 1)
        )
        session.flush()
        session.add_all(_machine(n) for n in range(1, machines + 1))
        session.flush()
        resized = START + timedelta(days=days / 2)
        for n in range(1, machines + 1):
            size = SIZES[n % len(SIZES)]
            if n % 50:
                session.add(_allocation(n, size, START, None))
            else:
                session.add(_allocation(n, size, START, resized))
                session.add(_allocation(n, (size[0] * 2, size[1], size[2]), resized, None))


def _machine(n: int) -> VmRow:
    return VmRow(
        id=n,
        uuid=f"00000000-0000-0000-0000-{n:012}",
        name=f"vm-{n:05}",
        pool_id=1 + n % POOLS,
        system_id=1 + n % SYSTEMS,
        state="active",
        created_at=START,
    )


def _allocation(n: int, size: tuple[int, int, int], start: datetime, end: datetime | None) -> AllocationRow:
    system = 1 + n % SYSTEMS
    return AllocationRow(
        vm_id=n,
        system_id=system,
        unit_id=1 + system % UNITS,
        pool_id=1 + n % POOLS,
        start=start,
        end=end,
        vcpus=size[0],
        memory_mib=size[1],
        storage_gib={"ssd": size[2]},
        reason="benchmark",
    )


# A machine's base load and its rhythm come from its number and the seed, the noise from the sweep's number too.
ROWS = """
WITH held AS (SELECT unnest($vm) AS vm, unnest($allocation) AS allocation, unnest($start) AS held_start,
                     unnest($end) AS held_end, unnest($vcpus) AS vcpus, unnest($memory) AS memory_mib,
                     unnest($storage) AS storage_gib),
sweeps AS (SELECT unnest(range($first, $after, $step)) AS edge),
rhythm AS (SELECT *, edge - $step + (hash(vm, edge - $step, 1) % 20000)::BIGINT AS start_us,
        edge + (hash(vm, edge, 1) % 20000)::BIGINT AS end_us,
        (hash(vm, $seed) % 1000) / 1000.0 AS base, (hash(vm, edge, 2) % 1000000) / 1000000.0 AS noise,
        sin(edge / 86400000000.0 * 2 * pi()) AS tide FROM held, sweeps)
SELECT vm, allocation, start_us, end_us, 'running' AS state, vcpus::INTEGER AS vcpus,
       (vcpus * (end_us - start_us) * 1000.0 *
        least(1, base * base * 0.6 + 0.1 * base * (1 + tide) + 0.2 * noise * noise))::BIGINT AS cpu_ns,
       (hash(vm, edge, 3) % 1000000000)::BIGINT AS steal_ns, memory_mib,
       4096 * (memory_mib * 256 * (0.1 + 0.6 * base + 0.02 * tide)
       + hash(vm, edge, 4) % 2000)::BIGINT AS memory_used_bytes,
       storage_gib, 4096 * (storage_gib * 262144 * (0.2 + base / 2) + (edge - $origin) // 1000000 // 60
       + hash(vm, edge, 5) % 10)::BIGINT AS storage_used_bytes,
       4096 * (hash(vm, edge, 6) % 100000)::BIGINT AS disk_written_bytes,
       (hash(vm, edge, 7) % 1000000000)::BIGINT AS network_bytes,
       'measured' AS cpu_quality, 'measured' AS memory_quality, 'measured' AS storage_quality
FROM rhythm WHERE start_us > held_start AND start_us >= $origin AND end_us <= held_end
"""


def _write_span(ctx: Context, store: SampleStore, first: datetime, after: datetime, seed: int) -> None:
    with ctx.reading() as session:
        values = _held(session.query(AllocationRow).order_by(AllocationRow.vm_id).all()) | {
            "first": to_micros(first),
            "after": to_micros(after),
            "step": STEP // timedelta(microseconds=1),
            "origin": to_micros(START),
            "seed": seed,
        }
    with connected(store.folder) as connection:
        connection.execute(f"CREATE TEMP TABLE made AS {ROWS}", values)
        with store.staged(connection, "SELECT * FROM made") as parts, ctx.writing() as session:
            for part in parts:
                store.enter_staged(session, part, "day")


def _held(rows: Sequence[AllocationRow]) -> dict[str, Any]:
    far = to_micros(START + timedelta(days=3650))
    return {
        "vm": [row.vm_id for row in rows],
        "allocation": [row.id for row in rows],
        # The executor measures right before a resize, so no interval here spans one.
        "start": [to_micros(row.start) - 1_000_000 for row in rows],
        "end": [to_micros(row.end) + 1_000_000 if row.end else far for row in rows],
        "vcpus": [row.vcpus for row in rows],
        "memory": [row.memory_mib for row in rows],
        "storage": [size_of(row).storage_total_gib for row in rows],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    began = time.perf_counter()
    generate(options.home, options.machines, options.days, options.seed)
    size = sum(path.stat().st_size for path in (options.home / FOLDER).glob("day=*/*.parquet"))
    rows = options.machines * options.days * 288
    print(f"{rows:,} samples in {time.perf_counter() - began:.1f} s, {size / rows:.1f} bytes each")


if __name__ == "__main__":
    main()
