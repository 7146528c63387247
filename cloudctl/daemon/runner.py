"""Runs what is due of one job: every period claimed before, its end recorded, a failure kept from the others."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from threading import Event

from cloudctl.core.errors import CloudctlError
from cloudctl.core.identity import job_actor
from cloudctl.core.job_store import (
    DONE,
    FAILED,
    MISSED,
    RUNNING,
    birth,
    claim_run,
    finish_run,
    last_run,
    unfinished_runs,
)
from cloudctl.core.tables import JobRunRow
from cloudctl.daemon.schedule import Schedule, due_periods
from cloudctl.operations.context import Context

log = logging.getLogger("cloudctl.scheduler")

# A failed period is tried again this often, this far apart; then it waits for a person.
ATTEMPTS = 5
RETRY_AFTER = timedelta(minutes=10)


class CatchUp(StrEnum):
    """What becomes of periods missed while no scheduler ran."""

    EACH = "each"
    """Every one is run, oldest first: each has work of its own."""
    LATEST = "latest"
    """The latest is run and does what the earlier would have done."""
    GAP = "gap"
    """None is run: what was not measured then cannot be measured now. They are recorded as missed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A scheduled job. run(ctx, period) does one period and says in a few words what came of it.

    deadline: how late a period may begin and still count as its own, for CatchUp.GAP.
    """

    name: str
    schedule: Schedule
    run: Callable[[Context, datetime], str]
    catch_up: CatchUp = CatchUp.LATEST
    deadline: timedelta = timedelta(seconds=60)


def run_due(ctx: Context, job: Job, stopping: Event) -> int:
    """Runs all periods of a job that are due now; returns how many. Stops between two when asked to."""
    ctx = ctx.acting_as(job_actor(job.name))
    count = 0
    for period, covered in _todo(ctx, job):
        if stopping.is_set():
            break
        _run_one(ctx, job, period, covered)
        count += 1
    return count


def _todo(ctx: Context, job: Job) -> list[tuple[datetime, int]]:
    """(period, how many earlier ones it covers), oldest first: failed and cut-off ones to retry, then new ones."""
    now = ctx.clock.now()
    with ctx.reading() as session:
        last = last_run(session, job.name)
        open_runs = unfinished_runs(session, job.name)
        begin = last.period if last else birth(session) or now
    fresh = due_periods(job.schedule, begin, now, ctx.site.zone)
    cut_off = [row.period for row in open_runs if row.state == RUNNING]
    if job.catch_up is CatchUp.GAP:
        return _after_gap(ctx, job, cut_off, fresh, is_first=last is None)
    again = [row.period for row in open_runs if _may_retry(row, now)]
    if job.catch_up is CatchUp.EACH:
        return [(period, 0) for period in sorted([*again, *fresh])]
    if not fresh:
        return [(period, 0) for period in again[-1:]]
    # A newer period does what a failed or cut-off older one was to do.
    for period in cut_off:
        _record_missed(ctx, job, period, "was cut off; the next period did its work")
    return [(fresh[-1], len(fresh) - 1)]


def _may_retry(row: JobRunRow, now: datetime) -> bool:
    if row.attempts >= ATTEMPTS:
        return False
    # One that still says "running" was cut off: its process held the lock that this one holds now.
    return row.finished_at is None or row.finished_at + RETRY_AFTER <= now


def _after_gap(
    ctx: Context, job: Job, cut_off: list[datetime], fresh: list[datetime], *, is_first: bool
) -> list[tuple[datetime, int]]:
    """Records what was missed, and leaves the latest period if it is still its own time."""
    is_timely = bool(fresh) and ctx.clock.now() - fresh[-1] <= job.deadline
    late = fresh[:-1] if is_timely else fresh
    for period in cut_off:
        _record_missed(ctx, job, period, "was cut off")
    if late and not is_first:
        # One row stands for the whole gap: its periods have nothing more to say.
        _record_missed(
            ctx, job, late[-1], f"{len(late)} period(s) from {late[0].isoformat()} on were not run"
        )
    return [(fresh[-1], 0)] if is_timely else []


def _record_missed(ctx: Context, job: Job, period: datetime, detail: str) -> None:
    log.warning("%s %s: missed: %s", job.name, period.isoformat(), detail)
    with ctx.writing() as session:
        claim_run(session, job.name, period, ctx.clock.now())
        finish_run(session, job.name, period, MISSED, ctx.clock.now(), detail)


def _run_one(ctx: Context, job: Job, period: datetime, covered: int) -> None:
    with ctx.writing() as session:
        claim_run(session, job.name, period, ctx.clock.now())
    log.info("%s %s: begins", job.name, period.isoformat())
    try:
        state, detail = DONE, job.run(ctx, period)
    except CloudctlError as failure:
        state, detail = FAILED, str(failure)
        log.error("%s %s: failed: %s", job.name, period.isoformat(), failure)
    except Exception as failure:
        state, detail = FAILED, f"{type(failure).__name__}: {failure}"
        log.exception("%s %s: failed unexpectedly", job.name, period.isoformat())
    else:
        log.info("%s %s: done: %s", job.name, period.isoformat(), detail)
    if covered:
        detail = f"{detail}; {covered} missed period(s) covered"
    with ctx.writing() as session:
        finish_run(session, job.name, period, state, ctx.clock.now(), detail)
