"""Times the append of one sweep after another over a day: file, sync, manifest and commit, then the whole sweep.

    python benchmarks/append_sweeps.py [--machines 1000] [--sweeps 288]

Target: an append of 1,000 machines under 10 ms in the median, and not growing with the day.
"""

import argparse
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cloudctl.core.database import to_micros
from cloudctl.operations.context import open_context
from cloudctl.operations.home.initialise import initialise
from metering.samples.model import MEASURED, Sample
from metering.samples.store import FOLDER, SampleStore

DAY = datetime(2026, 10, 1, tzinfo=UTC)
STEP = timedelta(seconds=300)


def sweep_of(machines: int, end: datetime) -> list[Sample]:
    """What one sweep brings, with values that differ as real ones do."""
    end_us = to_micros(end)
    start_us = end_us - 300_000_000
    return [
        Sample(
            vm,
            vm,
            start_us + vm * 17 % 20_000,
            end_us + vm * 17 % 20_000,
            "running",
            4,
            (vm * 7919 + end_us) % 1_200_000_000_000,
            (vm * 104_729 + end_us) % 1_000_000_000,
            8192,
            4096 * ((vm * 31 + end_us // 1_000_000) % 2_000_000),
            200,
            4096 * ((vm * 37 + end_us // 1_000_000) % 40_000_000),
            4096 * ((vm + end_us) % 100_000),
            (vm * 97 + end_us) % 1_000_000_000,
            MEASURED,
            MEASURED,
            MEASURED,
        )
        for vm in range(1, machines + 1)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--sweeps", type=int, default=288)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        initialise(home)
        with open_context(home) as ctx:
            store = SampleStore(home / FOLDER, ctx.clock)
            times = []
            for number in range(1, options.sweeps + 1):
                samples = sweep_of(options.machines, DAY + number * STEP)
                began = time.perf_counter()
                with ctx.writing() as session:
                    store.append(session, samples)
                times.append((time.perf_counter() - began) * 1000)
    quarter = max(1, len(times) // 4)
    print(
        f"{options.sweeps} sweeps of {options.machines:,} machines: median {statistics.median(times):.1f} ms"
    )
    first, last = statistics.median(times[:quarter]), statistics.median(times[-quarter:])
    print(f"  first quarter {first:.1f} ms, last quarter {last:.1f} ms, best {min(times):.1f} ms")


if __name__ == "__main__":
    main()
