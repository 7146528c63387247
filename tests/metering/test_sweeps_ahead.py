"""A driven run that asks its cloud for many sweeps at once leaves what sweeping one by one leaves."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context, open_context
from cloudctl.operations.usage import drive_sweeps as driving
from cloudctl.operations.usage.drive_sweeps import drive_sweeps
from metering.samples.model import Sample
from metering.samples.store import SampleStore
from metering.store import collector_state, gaps_between, last_sweeps, reported_sizes
from provisioning.drivers.embedded.faults import Faults, write_faults
from provisioning.steps import create_step, resize_step, stop_step
from provisioning.store import find_pool, open_pool_driver
from provisioning.tables import HostRow

HELD = Size(4, 8192, {"ssd": 100})
HOST = {"vcpus": 16, "memory_mib": 2**20, "storage_gib": {"ssd": 9000}}


def simulated(ctx: Context, estate: Any) -> None:
    """Two hosts, seven machines: one off, one unknown to the ledger, one the ledger gives another size."""
    for name in "abcdef":
        estate.machine(name, ctx.clock.now())
    with ctx.writing() as session:
        pool = find_pool(session, "lab")
        pool.options = {"seed": 3}
        session.add_all(HostRow(pool_id=pool.id, code=code, options=HOST) for code in ("n1", "n2"))
    with ctx.reading() as session:
        driver = open_pool_driver(session, find_pool(session, "lab"), ctx.home, ctx.clock)
    numbers = {**estate.machines, "stray": 999}
    for name, number in numbers.items():
        driver.apply(create_step(number, name, HELD, host="n1" if number % 2 else "n2"))
    driver.apply(stop_step(numbers["b"], "b"))
    driver.apply(resize_step(numbers["c"], "c", HELD, Size(2, 4096, {"ssd": 100})))
    driver.close()


def drive(home: Path, source: Context) -> dict[str, Any]:
    """Three stretches with other faults in each; everything that is left of them."""
    with open_context(home) as opened:
        ctx = replace(opened, clock=DrivenClock(source.clock.now()))
        outcomes = []
        for hours, faults in (
            (20, Faults()),
            (9, Faults(hosts_down=("n2",), stuck=("a",))),
            (30, Faults()),
            (3, Faults(pool_down=True)),
            (8, Faults()),
        ):
            write_faults(home / "clouds" / "lab", faults)
            outcomes.append(drive_sweeps(ctx, ctx.clock.now() + timedelta(hours=hours)))
        return {"outcomes": outcomes, **remains(ctx)}


def remains(ctx: Context) -> dict[str, Any]:
    start, end = ctx.clock.now() - timedelta(days=9), ctx.clock.now()
    with ctx.reading() as session:
        pool = find_pool(session, "lab")
        with SampleStore(ctx.home / "samples", ctx.clock).opened(session, start, end) as connection:
            query = f"SELECT {', '.join(Sample._fields)} FROM samples ORDER BY vm, end_us"
            rows = connection.execute(query).fetchall()
        return {
            "rows": rows,
            "state": collector_state(session, pool.id),
            "gaps": gaps_between(session, start, end),
            "reported": reported_sizes(session),
            "sweeps": [
                (row.started_at, row.machines, row.samples, row.missing, row.unallocated)
                for row in last_sweeps(session)
            ],
        }


def test_a_run_ahead_leaves_what_single_sweeps_leave(
    ctx: Context, estate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated(ctx, estate)
    ctx.database.close()
    homes = [tmp_path / name for name in ("ahead", "singly")]
    for home in homes:
        shutil.copytree(ctx.home, home)
    ahead = drive(homes[0], ctx)
    with monkeypatch.context() as patch:
        patch.setattr(driving, "_swept_ahead", lambda *_: None)
        singly = drive(homes[1], ctx)
    assert len(ahead["rows"]) > 4000
    assert {gap.reason for gap in ahead["gaps"]} >= {"host_unreachable", "machine_stuck", "pool_unreachable"}
    for key, value in singly.items():
        assert ahead[key] == value, key
