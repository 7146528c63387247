"""The jobs as people see them: the rule, the last run and how it ended, the next."""

from typing import Any

from cloudctl.core.job_store import DONE, birth, last_finished, last_run
from cloudctl.daemon.jobs import all_jobs
from cloudctl.daemon.runner import Job
from cloudctl.daemon.schedule import due_periods
from cloudctl.operations.context import Context


def job_rows(ctx: Context) -> list[dict[str, Any]]:
    """One row per job of the register, never run or not."""
    return [_row(ctx, job) for job in all_jobs(ctx.settings)]


def due_now(ctx: Context) -> list[tuple[str, int]]:
    """(job, how many of its periods nobody has run), of every job that has such."""
    jobs = all_jobs(ctx.settings)
    with ctx.reading() as session:
        since = birth(session) or ctx.clock.now()
        begins = {job.name: row.period if (row := last_run(session, job.name)) else since for job in jobs}
    counts = {
        job.name: len(due_periods(job.schedule, begins[job.name], ctx.clock.now(), ctx.site.zone))
        for job in jobs
    }
    return [(name, count) for name, count in counts.items() if count]


def _row(ctx: Context, job: Job) -> dict[str, Any]:
    with ctx.reading() as session:
        last, done = last_run(session, job.name), last_finished(session, job.name, DONE)
    finished = last.finished_at if last else None
    return {
        "job": job.name,
        "schedule": ctx.texts.message(job.schedule.described()),
        "last_period": last.period if last else None,
        "last_state": last.state if last else None,
        "last_started": last.started_at if last else None,
        "last_finished": finished,
        "last_duration_s": (finished - last.started_at).total_seconds() if last and finished else None,
        "last_attempts": last.attempts if last else None,
        "last_success": done.finished_at if done else None,
        "next_run": job.schedule.following(ctx.clock.now(), ctx.site.zone),
        "detail": last.detail if last else None,
    }
