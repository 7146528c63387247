"""Which part of the held time was measured, and why the rest was not; and how the last sweeps went."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cloudctl.operations.context import Context
from cloudctl.operations.usage.show_usage import window
from metering.coverage import Coverage, coverage
from metering.samples.store import FOLDER, SampleStore
from metering.store import last_sweeps, live_files
from provisioning.store import find_vm, pool_codes, vm_names


def show_coverage(
    ctx: Context, start: datetime | None, end: datetime | None, machines: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A row per machine and meter: the covered fraction and the gaps with their reasons. NotFound for a machine."""
    begin, until = window(ctx, start, end)
    interval_us = ctx.settings.metering.interval_s * 1_000_000
    with ctx.reading() as session:
        names = vm_names(session)
        chosen = [find_vm(session, name).id for name in machines] or None
        store = SampleStore(ctx.home / FOLDER, ctx.clock)
        rows = coverage(store, session, (begin, until), interval_us, chosen)
    return sorted((_row(names[row.vm_id], row) for row in rows), key=lambda row: str(row["vm"]))


def _row(name: str, row: Coverage) -> dict[str, Any]:
    gaps = [{"start": gap.start, "end": gap.end, "reason": gap.reason} for gap in row.missing]
    return {"vm": name, "meter": row.meter, "coverage": row.coverage, "gaps": gaps}


def meter_status(ctx: Context) -> dict[str, Any]:
    """The sample store in figures, and the last sweep of each pool with its age."""
    now = ctx.clock.now()
    with ctx.reading() as session:
        codes = pool_codes(session)
        files = live_files(session)
        sweeps = [
            {
                "pool": codes[row.pool_id],
                "swept_at": row.started_at,
                "age_s": int((now - row.started_at) / timedelta(seconds=1)),
                "duration_s": row.duration_us / 1_000_000,
                "machines": row.machines,
                "samples": row.samples,
                "missing": row.missing,
                "unallocated": row.unallocated,
            }
            for row in last_sweeps(session)
        ]
        return {
            "now": now,
            "interval_s": ctx.settings.metering.interval_s,
            "files": len(files),
            "sealed_files": sum(row.sealed_at is not None for row in files),
            "samples": sum(row.rows for row in files),
            "bytes": sum(row.bytes for row in files),
            "first": min((row.first_start for row in files), default=None),
            "last": max((row.last_end for row in files), default=None),
            "sweeps": sweeps,
        }
