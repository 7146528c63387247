"""The daemon: wakes each job when its rule says so, listens for /metrics, and stops cleanly when told."""

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from cloudctl.core.clock import SystemClock
from cloudctl.core.identity import Role
from cloudctl.core.logging import start_logging
from cloudctl.daemon.jobs import all_jobs
from cloudctl.daemon.leadership import leading
from cloudctl.daemon.metrics import serving_metrics
from cloudctl.daemon.runner import CatchUp, Job, run_due
from cloudctl.daemon.schedule import Every
from cloudctl.operations.context import Context

log = logging.getLogger("cloudctl.scheduler")

# How often a job whose rule is a time of day, or whose last run failed, is asked whether something is due.
WAKE_S = 30
# In a home whose clock is driven nobody knows when the time will move.
WAKE_DRIVEN_S = 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def run(ctx: Context) -> None:
    """Schedules until SIGTERM or SIGINT, then finishes the jobs under way and returns.

    Refused when another scheduler runs on this ledger; Unreachable when the metrics' port is taken.
    """
    ctx.actor.require(Role.OPERATOR, Role.SYSADMIN)
    start_logging(ctx.home, "scheduler")
    with _stopping_on_signals() as stopping, leading(ctx) as led, serving_metrics(ctx):
        scheduler = _clockwork(led, all_jobs(ctx.settings), stopping)
        scheduler.start()
        log.info("scheduling %s", ", ".join(job.id for job in scheduler.get_jobs()))
        stopping.wait()
        log.info("stopping: the jobs under way are finished first")
        scheduler.shutdown(wait=True)
        log.info("stopped")


def _clockwork(ctx: Context, jobs: tuple[Job, ...], stopping: Event) -> BackgroundScheduler:
    """APScheduler as an alarm clock: what is due is found out from our own records when it rings.

    Sweeps have a thread of their own, so that a long review delays none; all other jobs run one after the other.
    """
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"sweep": ThreadPoolExecutor(1), "default": ThreadPoolExecutor(1)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    for job in jobs:
        scheduler.add_job(
            _wake,
            _alarm(ctx, job),
            args=[ctx, job, stopping],
            id=job.name,
            executor="sweep" if _is_sweep(job) else "default",
        )
        if not _is_sweep(job):
            # The first ring is now: what was missed while nobody ran is caught up.
            scheduler.modify_job(job.name, next_run_time=SystemClock().now())
    return scheduler


def _alarm(ctx: Context, job: Job) -> IntervalTrigger:
    if not isinstance(ctx.clock, SystemClock):
        return IntervalTrigger(seconds=WAKE_DRIVEN_S, start_date=EPOCH)
    if _is_sweep(job) and isinstance(job.schedule, Every):
        return IntervalTrigger(seconds=job.schedule.seconds, start_date=EPOCH)
    # Only a sweep belongs to its instant of the grid; all else may begin half a minute late.
    return IntervalTrigger(seconds=WAKE_S, start_date=EPOCH)


def _is_sweep(job: Job) -> bool:
    return job.catch_up is CatchUp.GAP


def _wake(ctx: Context, job: Job, stopping: Event) -> None:
    """One ring of one job. Whatever happens in it must not silence the others."""
    try:
        run_due(ctx, job, stopping)
    except Exception:
        log.exception("%s: the ledger could not be asked or told", job.name)


@contextmanager
def _stopping_on_signals() -> Iterator[Event]:
    """An event that SIGTERM and SIGINT set; the handlers of before come back at the end."""
    stopping = Event()
    before = {
        number: signal.signal(number, lambda *_: stopping.set()) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
