"""The record of scheduled jobs: which ran for which period, claimed before it runs so that none is done twice."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloudctl.core.tables import AuditRow, JobRunRow

RUNNING, DONE, FAILED, MISSED = "running", "done", "failed", "missed"


def last_run(session: Session, job: str) -> JobRunRow | None:
    """The run of the latest period, whatever came of it."""
    query = select(JobRunRow).where(JobRunRow.job == job).order_by(JobRunRow.period.desc()).limit(1)
    return session.scalar(query)


def unfinished_runs(session: Session, job: str) -> Sequence[JobRunRow]:
    """Runs that were begun and cut off, and runs that failed, by period."""
    query = select(JobRunRow).where(JobRunRow.job == job, JobRunRow.state.in_((RUNNING, FAILED)))
    return session.scalars(query.order_by(JobRunRow.period)).all()


def claim_run(session: Session, job: str, period: datetime, at: datetime) -> JobRunRow:
    """Writes the run down as running: anew, or once more after it failed or was cut off."""
    query = select(JobRunRow).where(JobRunRow.job == job, JobRunRow.period == period)
    row = session.scalar(query) or JobRunRow(job=job, period=period, attempts=0)
    row.state, row.started_at, row.finished_at, row.detail = RUNNING, at, None, None
    row.attempts += 1
    session.add(row)
    session.flush()
    return row


def finish_run(
    session: Session, job: str, period: datetime, state: str, at: datetime, detail: str | None
) -> None:
    row = session.scalars(select(JobRunRow).where(JobRunRow.job == job, JobRunRow.period == period)).one()
    row.state, row.finished_at, row.detail = state, at, detail
    session.flush()


def forget_runs(session: Session, jobs: Sequence[str], before: datetime) -> int:
    """Drops finished runs of frequent jobs from before; returns how many."""
    query = delete(JobRunRow).where(
        JobRunRow.job.in_(jobs), JobRunRow.period < before, JobRunRow.state != RUNNING
    )
    # A DELETE always answers with a row count.
    return int(session.execute(query).rowcount)  # type: ignore[attr-defined]


def birth(session: Session) -> datetime | None:
    """When this ledger's first entry was written; nothing was due before."""
    return session.scalar(select(AuditRow.at).order_by(AuditRow.sequence).limit(1))


def job_names(session: Session) -> list[str]:
    """Every job that ever ran."""
    return list(session.scalars(select(JobRunRow.job).distinct().order_by(JobRunRow.job)))


def last_finished(session: Session, job: str, state: str) -> JobRunRow | None:
    """The run of that state that ended last."""
    query = select(JobRunRow).where(JobRunRow.job == job, JobRunRow.state == state)
    return session.scalar(query.order_by(JobRunRow.finished_at.desc()).limit(1))
