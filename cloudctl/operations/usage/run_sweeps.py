"""The sweep loop by itself, for a site without the scheduler: on the grid until told to stop."""

import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event
from typing import Any

from cloudctl.core.clock import DrivenClock, FileClock
from cloudctl.core.errors import CloudctlError
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.usage.collect_usage import sweep
from cloudctl.operations.usage.drive_sweeps import drive_sweeps, grid
from cloudctl.operations.usage.pool_measurements import Workers
from cloudctl.operations.usage.sweep_outcome import SweepOutcome


def plan_sweeps(ctx: Context, until: datetime | None) -> dict[str, Any]:
    """What `run_sweeps` would do: how often, and the first and last sweep."""
    now, interval_s = ctx.clock.now(), ctx.settings.metering.interval_s
    far = until or now + timedelta(seconds=interval_s)
    instants = list(grid(now, far, interval_s))
    return {
        "interval_s": interval_s,
        "first": instants[0] if instants else None,
        "last": instants[-1] if until and instants else None,
        "sweeps": len(instants) if until else None,
    }


def run_sweeps(
    ctx: Context,
    until: datetime | None,
    on_sweep: Callable[[SweepOutcome], None],
    stopping: Event | None = None,
) -> int:
    """Sweeps at every instant of the grid; returns how many samples were kept. SIGTERM and SIGINT end it cleanly.

    In a home whose clock is driven it runs time ahead to `until` instead of waiting. A sweep that takes longer than
    the interval makes the next one skipped, never started twice.
    """
    ctx.actor.require(Role.OPERATOR)
    if isinstance(ctx.clock, DrivenClock | FileClock):
        outcome = drive_sweeps(ctx, until or ctx.clock.now())
        on_sweep(outcome)
        return outcome.samples
    stopping = stopping or Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    workers, kept, after = Workers(), 0, ctx.clock.now()
    step = timedelta(seconds=ctx.settings.metering.interval_s)
    while not stopping.is_set():
        due = next(grid(after, after + step, ctx.settings.metering.interval_s))
        if until is not None and due > until:
            break
        if stopping.wait(max(0.0, (due - ctx.clock.now()).total_seconds())):
            break
        kept += _sweep_once(ctx, workers, on_sweep)
        after = max(ctx.clock.now(), due + timedelta(microseconds=1))
    return kept


def _sweep_once(ctx: Context, workers: Workers, on_sweep: Callable[[SweepOutcome], None]) -> int:
    try:
        outcome = sweep(ctx, workers=workers)
    except CloudctlError:
        # The ledger did not answer. The next sweep finds the time uncovered and says so.
        return 0
    on_sweep(outcome)
    return outcome.samples
