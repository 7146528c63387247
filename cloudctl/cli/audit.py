"""`cloudctl audit …`."""

from datetime import datetime

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run
from cloudctl.core.clock import parse_when
from cloudctl.core.errors import Differences
from cloudctl.operations.home.read_audit import audit_entries, verify_audit

COLUMNS = ("sequence", "at", "actor", "origin", "action", "subject", "detail")


@click.group(
    cls=TranslatedGroup, examples=["cloudctl audit log --since 2026-10-01", "cloudctl audit verify -o json"]
)
def audit() -> None:
    """Read and verify the audit chain."""


@audit.command(
    examples=[
        "cloudctl audit log --since 2026-10-01",
        "cloudctl audit log --actor wang --action settle --limit 20",
    ]
)
@click.option("--since", metavar="TIME", help="From this time on, a date or an instant with offset.")
@click.option("--until", metavar="TIME", help="Before this time, a date or an instant with offset.")
@click.option("--actor", metavar="LOGIN", help="Only what this person or job did.")
@click.option("--action", metavar="AREA", help="Only actions that begin with this, as settle or review.vote.")
@click.option("--subject", metavar="NAME", help="Only what was done to this.")
@click.option("--limit", type=click.IntRange(min=1), default=100, help="At most so many, the latest ones.")
@output_option
@click.pass_obj
def log(
    run: Run,
    since: str | None,
    until: str | None,
    actor: str | None,
    action: str | None,
    subject: str | None,
    limit: int,
    output: str,
) -> None:
    """List entries of the audit chain, oldest first."""
    with run.open() as ctx:

        def when(text: str | None, place: str) -> datetime | None:
            return parse_when(text, ctx.site.zone, place) if text else None

        rows = audit_entries(
            ctx,
            since=when(since, "--since"),
            until=when(until, "--until"),
            actor=actor,
            action=action,
            subject=subject,
            limit=limit,
        )
        show_list(rows, output, COLUMNS, ctx.site.zone)


@audit.command(examples=["cloudctl audit verify", "cloudctl audit verify -o json"])
@output_option
@click.pass_obj
def verify(run: Run, output: str) -> None:
    """Recompute every entry's hash; exit code 7 names the first that does not fit."""
    with run.open() as ctx:
        report = verify_audit(ctx)
        show_record(report, output, ctx.site.zone)
        if not report["ok"]:
            raise Differences("The audit chain is broken at entry {sequence}.", sequence=report["first_bad"])
