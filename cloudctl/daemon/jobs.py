"""The register of scheduled jobs: what each does, when, and what becomes of the periods nobody ran."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from cloudctl.core.settings import Settings
from cloudctl.daemon.runner import CatchUp, Job
from cloudctl.daemon.schedule import Daily, Every
from cloudctl.operations.collect_usage import Workers, sweep
from cloudctl.operations.context import Context
from cloudctl.operations.forget_runs import forget_old_runs


def all_jobs(settings: Settings) -> tuple[Job, ...]:
    """Every job there is, in the order in which a start catches up."""
    return (
        Job("sweep", Every(settings.metering.interval_s), _sweep(), CatchUp.GAP),
        Job("retention", Daily(time(3, 30)), _retention),
    )


def _sweep() -> Callable[[Context, datetime], str]:
    # The same workers every time: a pool that hangs is not asked twice at once.
    workers = Workers()

    def run(ctx: Context, period: datetime) -> str:
        outcome = sweep(ctx, workers=workers)
        kept = "" if outcome.is_stored else ", not stored: the disk refused"
        return f"{outcome.samples} samples of {outcome.machines} machines, {outcome.missing} missing{kept}"

    return run


def _retention(ctx: Context, period: datetime) -> str:
    return f"{forget_old_runs(ctx, ['sweep'], timedelta(days=35))} run records dropped"
