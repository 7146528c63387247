"""`cloudctl scheduler …`: the daemon is another door, so it is opened by its name and never imported."""

from importlib import import_module
from typing import Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run, say
from cloudctl.operations.home.scheduler_lock import scheduler_now

COLUMNS = ("job", "schedule", "last_period", "last_state", "last_duration_s", "next_run", "detail")


@click.group(cls=TranslatedGroup, examples=["cloudctl scheduler run", "cloudctl scheduler jobs"])
def scheduler() -> None:
    """Run the scheduled jobs and show them."""


@scheduler.command(
    examples=[
        "cloudctl --home /srv/cloudctl scheduler run",
        "CLOUDCTL_DAEMON_METRICS_PORT=0 cloudctl scheduler run",
    ]
)
@click.option("--yes", "-y", is_flag=True, help="Accepted as everywhere; the scheduler asks nothing.")
@click.option("--dry-run", is_flag=True, help="Show what is due now and run nothing.")
@click.pass_obj
def run(run: Run, yes: bool, dry_run: bool) -> None:
    """Run the jobs in the foreground until SIGTERM; the jobs under way are finished first."""
    with run.open() as ctx:
        if not dry_run:
            _daemon("scheduler").run(ctx)
            return
        for job, count in _daemon("overview").due_now(ctx):
            say("{job}: {count} period(s) are due.", job=ctx.texts.label("job", job), count=count)


@scheduler.command(examples=["cloudctl scheduler jobs", "cloudctl scheduler jobs -o json"])
@output_option
@click.pass_obj
def jobs(run: Run, output: str) -> None:
    """Show every job: when it ran last and how it ended, and when it runs next."""
    with run.open() as ctx:
        rows, leader = _daemon("overview").job_rows(ctx), scheduler_now(ctx)
        show_list(rows, output, COLUMNS, ctx.site.zone, {"job": "job", "last_state": "job_state"})
        if leader:
            say("The scheduler runs as process {pid}.", pid=leader)
        else:
            say("No scheduler runs on this home.")


def _daemon(module: str) -> Any:
    return import_module(f"cloudctl.daemon.{module}")
