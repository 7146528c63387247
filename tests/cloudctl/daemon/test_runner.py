"""What becomes of a job's periods: run once, caught up once, tried again, recorded as missed."""

from datetime import UTC, datetime, time, timedelta
from threading import Event

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from cloudctl.core.errors import Refused
from cloudctl.core.job_store import claim_run
from cloudctl.core.tables import JobRunRow
from cloudctl.daemon.runner import ATTEMPTS, RETRY_AFTER, CatchUp, Job, run_due
from cloudctl.daemon.schedule import Daily, Every, Monthly

# The home's clock begins at midnight of 1 October in Shanghai.
FIRST = datetime(2026, 9, 30, 16, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Work:
    """A job's work that remembers what it was given, and fails when told to."""

    def __init__(self):
        self.periods, self.actors, self.failure = [], [], None

    def __call__(self, ctx, period):
        self.periods.append(period)
        self.actors.append(ctx.actor.login)
        if self.failure:
            raise self.failure
        return "well done"


@pytest.fixture
def work():
    return Work()


def rows(ctx):
    with ctx.reading() as session:
        found = session.scalars(select(JobRunRow).order_by(JobRunRow.period))
        return [(row.period, row.state, row.attempts, row.detail) for row in found]


def due(ctx, job):
    return run_due(ctx, job, Event())


def test_a_period_is_run_once_however_often_the_alarm_rings(ctx, work):
    job = Job("daily", Daily(time(1, 0)), work, CatchUp.EACH)
    ctx.clock.advance(timedelta(hours=2))

    assert [due(ctx, job), due(ctx, job), due(ctx, job)] == [1, 0, 0]
    assert rows(ctx) == [(FIRST + timedelta(hours=1), "done", 1, "well done")]


def test_a_job_acts_as_itself(ctx, work):
    ctx.clock.advance(DAY)
    due(ctx, Job("daily", Daily(time(1, 0)), work, CatchUp.EACH))

    assert work.actors == ["job:daily"]


def test_nothing_was_due_before_the_home_was_made(ctx, work):
    assert due(ctx, Job("monthly", Monthly(1, time(0, 0)), work, CatchUp.EACH)) == 0


def test_missed_periods_are_all_caught_up_once_in_order(ctx, work):
    job = Job("monthly", Monthly(1, time(1, 0)), work, CatchUp.EACH)
    ctx.clock.advance(timedelta(days=95))

    assert [due(ctx, job), due(ctx, job)] == [4, 0]
    assert [period.astimezone(ctx.site.zone).month for period in work.periods] == [10, 11, 12, 1]


def test_where_one_run_does_for_all_it_says_how_many_it_covers(ctx, work):
    job = Job("watch", Daily(time(1, 0)), work, CatchUp.LATEST)
    ctx.clock.advance(timedelta(days=3, hours=2))

    assert [due(ctx, job), due(ctx, job)] == [1, 0]
    assert rows(ctx) == [
        (FIRST + 3 * DAY + timedelta(hours=1), "done", 1, "well done; 3 missed period(s) covered")
    ]


def test_missed_sweeps_are_recorded_and_never_run_late(ctx, work):
    job = Job("sweep", Every(300), work, CatchUp.GAP)
    ctx.clock.advance(5 * MINUTE)
    due(ctx, job)
    ctx.clock.advance(62 * MINUTE)

    assert [due(ctx, job), due(ctx, job)] == [0, 0]
    (first, missed) = rows(ctx)
    assert first[1] == "done"
    assert missed[:3] == (FIRST + 65 * MINUTE, "missed", 1)
    assert missed[3] == f"12 period(s) from {(FIRST + 10 * MINUTE).isoformat()} on were not run"


def test_a_sweep_in_its_own_time_runs_after_a_gap(ctx, work):
    job = Job("sweep", Every(300), work, CatchUp.GAP)
    ctx.clock.advance(5 * MINUTE)
    due(ctx, job)
    ctx.clock.advance(timedelta(minutes=15, seconds=3))

    assert due(ctx, job) == 1
    assert [(period - FIRST, state) for period, state, *_ in rows(ctx)] == [
        (5 * MINUTE, "done"),
        (15 * MINUTE, "missed"),
        (20 * MINUTE, "done"),
    ]


def test_the_first_sweep_of_a_home_leaves_no_gap_behind(ctx, work):
    job = Job("sweep", Every(300), work, CatchUp.GAP)
    ctx.clock.advance(timedelta(days=30, minutes=2))

    assert due(ctx, job) == 0 and rows(ctx) == []
    ctx.clock.advance(3 * MINUTE)
    assert due(ctx, job) == 1 and [state for _, state, *_ in rows(ctx)] == ["done"]


def test_a_failure_is_recorded_and_tried_again_later(ctx, work):
    job = Job("daily", Daily(time(1, 0)), work, CatchUp.EACH)
    ctx.clock.advance(timedelta(hours=2))
    work.failure = Refused("Not {what}.", what="now")
    due(ctx, job)

    assert rows(ctx) == [(FIRST + timedelta(hours=1), "failed", 1, "Not now.")]
    work.failure = None
    assert due(ctx, job) == 0, "not at once"
    ctx.clock.advance(RETRY_AFTER)
    assert due(ctx, job) == 1
    assert rows(ctx) == [(FIRST + timedelta(hours=1), "done", 2, "well done")]


def test_a_defect_in_a_job_is_a_failure_of_that_run_alone(ctx, work):
    work.failure = ZeroDivisionError("no way")
    ctx.clock.advance(timedelta(hours=2))
    due(ctx, Job("daily", Daily(time(1, 0)), work, CatchUp.EACH))

    assert rows(ctx)[0][1:] == ("failed", 1, "ZeroDivisionError: no way")


def test_after_some_attempts_a_failure_waits_for_a_person(ctx, work):
    job = Job("daily", Daily(time(1, 0)), work, CatchUp.EACH)
    work.failure = Refused("never")
    ctx.clock.advance(timedelta(hours=2))
    for _ in range(ATTEMPTS + 5):
        due(ctx, job)
        ctx.clock.advance(RETRY_AFTER)

    assert len(work.periods) == ATTEMPTS


def test_a_failed_period_does_not_hold_up_the_next(ctx, work):
    job = Job("daily", Daily(time(1, 0)), work, CatchUp.EACH)
    work.failure = Refused("once")
    ctx.clock.advance(timedelta(hours=2))
    due(ctx, job)
    work.failure = None
    ctx.clock.advance(DAY)
    due(ctx, job)

    assert [(state, attempts) for _, state, attempts, _ in rows(ctx)] == [("done", 2), ("done", 1)]


def test_a_run_that_a_kill_cut_off_is_run_again(ctx, work):
    job = Job("daily", Daily(time(1, 0)), work, CatchUp.EACH)
    ctx.clock.advance(timedelta(hours=2))
    with ctx.writing() as session:
        claim_run(session, "daily", FIRST + timedelta(hours=1), ctx.clock.now())

    assert due(ctx, job) == 1
    assert rows(ctx) == [(FIRST + timedelta(hours=1), "done", 2, "well done")]


def test_a_newer_period_does_the_work_of_one_cut_off(ctx, work):
    job = Job("watch", Daily(time(1, 0)), work, CatchUp.LATEST)
    ctx.clock.advance(timedelta(hours=2))
    with ctx.writing() as session:
        claim_run(session, "watch", FIRST + timedelta(hours=1), ctx.clock.now())
    ctx.clock.advance(DAY)

    assert due(ctx, job) == 1
    assert [state for _, state, *_ in rows(ctx)] == ["missed", "done"]


def test_a_sweep_that_a_kill_cut_off_is_missed(ctx, work):
    job = Job("sweep", Every(300), work, CatchUp.GAP)
    with ctx.writing() as session:
        claim_run(session, "sweep", FIRST, ctx.clock.now())
    ctx.clock.advance(2 * MINUTE)

    assert due(ctx, job) == 0
    assert [row[1] for row in rows(ctx)] == ["missed"]


def test_asked_to_stop_it_leaves_the_rest_for_the_next_start(ctx, work):
    stopping = Event()

    def one(ctx, period):
        stopping.set()
        return work(ctx, period)

    job = Job("monthly", Monthly(1, time(1, 0)), one, CatchUp.EACH)
    ctx.clock.advance(timedelta(days=95))

    assert run_due(ctx, job, stopping) == 1
    assert due(ctx, Job("monthly", job.schedule, work, CatchUp.EACH)) == 3
    assert len(rows(ctx)) == 4


def test_the_ledger_itself_refuses_a_second_record_of_a_period(ctx):
    for _ in range(2):
        row = JobRunRow(job="x", period=FIRST, state="done", attempts=1, started_at=FIRST)
        try:
            with ctx.writing() as session:
                session.add(row)
        except IntegrityError:
            return
    pytest.fail("two records of one period")
