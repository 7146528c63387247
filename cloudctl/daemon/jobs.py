"""The register of scheduled jobs: what each does, when, and what becomes of the periods nobody ran."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from cloudctl.core.settings import Settings
from cloudctl.daemon.runner import CatchUp, Job
from cloudctl.daemon.schedule import Daily, Every, Monthly
from cloudctl.operations.context import Context
from cloudctl.operations.home.forget_runs import forget_old_runs
from cloudctl.operations.machines.delete_shelved import delete_shelved
from cloudctl.operations.machines.find_drift import find_drift
from cloudctl.operations.machines.resume_changes import resume_changes
from cloudctl.operations.machines.stamp_owners import stamp_owners
from cloudctl.operations.requests.execute_request import conclude_ended
from cloudctl.operations.requests.expire_grants import expire_grants
from cloudctl.operations.requests.machine_terms import remind_of_terms
from cloudctl.operations.review.confirm_resizes import confirm_resizes
from cloudctl.operations.review.open_review import open_review
from cloudctl.operations.review.review_deadlines import pass_review_deadlines
from cloudctl.operations.review.watch_cases import watch_cases
from cloudctl.operations.settlement.deem_statements import deem_statements
from cloudctl.operations.settlement.draft_ended_month import draft_ended_month, month_before
from cloudctl.operations.usage.collect_usage import sweep
from cloudctl.operations.usage.compact_samples import archive_samples, compact_samples
from cloudctl.operations.usage.pool_measurements import Workers

HOUR_S = 3600
# Records of jobs that run all day are kept this long; those of days and months stay.
KEEP_RUNS = timedelta(days=35)
FREQUENT = ("sweep", "compaction", "reconcile", "deadlines", "watch")


def all_jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job there is, in the order in which a start catches up."""
    return (
        Job("sweep", Every(settings.metering.interval_s), _sweep(), CatchUp.GAP),
        Job("compaction", Every(HOUR_S), _compaction, CatchUp.LATEST),
        Job("reconcile", Every(HOUR_S), _reconcile, CatchUp.LATEST),
        Job("deadlines", Every(HOUR_S), _deadlines, CatchUp.LATEST),
        Job("watch", Every(HOUR_S), _watch, CatchUp.LATEST),
        Job("drafting", Monthly(1, time(5, 0)), _drafting, CatchUp.EACH),
        Job("review", Monthly(1, time(6, 0)), _review, CatchUp.LATEST),
        Job("deletion", Daily(time(4, 0)), _deletion, CatchUp.LATEST),
        Job("retention", Daily(time(3, 30)), _retention, CatchUp.LATEST),
    )


def _sweep() -> Callable[[Context, datetime], str]:
    # The same workers every time: a pool that hangs is not asked twice at once.
    workers = Workers()

    def run(ctx: Context, period: datetime) -> str:
        outcome = sweep(ctx, workers=workers)
        kept = "" if outcome.is_stored else ", not stored: the disk refused"
        return f"{outcome.samples} samples of {outcome.machines} machines, {outcome.missing} missing{kept}"

    return run


def _compaction(ctx: Context, period: datetime) -> str:
    done = compact_samples(ctx)
    return f"{done.files} files became {done.merges}, {done.dropped} rows stood there twice"


def _reconcile(ctx: Context, period: datetime) -> str:
    resumed, concluded, drift = resume_changes(ctx), conclude_ended(ctx), find_drift(ctx)
    stamped = stamp_owners(ctx)
    parts = [f"{len(drift.rows)} differences"]
    parts += [f"{stamped} owners written anew"] if stamped else []
    parts += [f"{len(resumed.ended)} changes carried on"] if resumed.ended else []
    parts += [f"{len(concluded)} requests concluded"] if concluded else []
    parts += [f"changes failed: {', '.join(map(str, resumed.failed))}"] if resumed.failed else []
    parts += [f"changes waiting: {', '.join(map(str, resumed.busy))}"] if resumed.busy else []
    parts += [f"no answer from {', '.join(drift.unreachable)}"] if drift.unreachable else []
    return "; ".join(parts)


def _deadlines(ctx: Context, period: datetime) -> str:
    passed, deemed, lapsed = pass_review_deadlines(ctx), deem_statements(ctx), expire_grants(ctx)
    told = remind_of_terms(ctx)
    return (
        f"{len(passed.reminded)} cases reminded, {len(passed.silent)} silent, {len(passed.decided)} decided; "
        f"{len(deemed)} statements deemed accepted; {len(lapsed)} grants lapsed, {len(told)} terms told of"
    )


def _watch(ctx: Context, period: datetime) -> str:
    watched, confirmed = watch_cases(ctx), confirm_resizes(ctx)
    return f"{len(watched)} cases watched" + (f", {confirmed} resizes confirmed" if confirmed else "")


def _deletion(ctx: Context, period: datetime) -> str:
    deleted = delete_shelved(ctx)
    waiting = f"; waiting: {', '.join(deleted.waiting)}" if deleted.waiting else ""
    return f"{len(deleted.gone)} machines deleted that were put aside{waiting}"


def _drafting(ctx: Context, period: datetime) -> str:
    month, drafted = month_before(ctx, period), draft_ended_month(ctx, period)
    if drafted is None:
        return f"{month} needs no draft"
    return f"{month}: {drafted.statements} statements, {drafted.held_back} lines held back"


def _review(ctx: Context, period: datetime) -> str:
    opening = open_review(ctx)
    return f"{len(opening.cases)} cases opened, {len(opening.expired)} expired, rule version {opening.rule_version}"


def _retention(ctx: Context, period: datetime) -> str:
    days, dropped = archive_samples(ctx), forget_old_runs(ctx, FREQUENT, KEEP_RUNS)
    return f"{len(days)} days of raw samples archived, {dropped} run records dropped"
