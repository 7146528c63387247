"""`cloudctl request terms|remind`: machines granted for a time, and telling their units when it ends."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.request_options import asking_options
from cloudctl.cli.run import Run, confirm, say
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.machine_terms import MachineTerm, list_terms, remind_of_terms

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

COLUMNS = ("vm", "system", "unit", "until", "days_left", "stage", "request")


@click.command(
    cls=TranslatedCommand,
    examples=["cloudctl request terms", "cloudctl request terms --due -o csv"],
)
@click.option("--due", "are_due", is_flag=True, help="Only those that end soon or are over.")
@output_option
@click.pass_obj
def terms(run: Run, are_due: bool, output: str) -> None:
    """List machines granted for a time, the earliest end first."""
    with run.open() as ctx:
        _show(ctx, list_terms(ctx, are_due=are_due), output)


@click.command(
    cls=TranslatedCommand,
    examples=["cloudctl request remind --dry-run", "cloudctl request remind --yes"],
)
@asking_options
@click.pass_obj
def remind(run: Run, output: str, dry_run: bool, yes: bool) -> None:
    """Tell units of terms that end soon or are over; the scheduler does it by itself."""
    with run.open() as ctx:
        due = remind_of_terms(rehearsal(ctx))
        _show(ctx, due, output)
        if dry_run or not due:
            return
        confirm("Carry it out?", yes=yes)
        say("{count} term(s) told of.", count=len(remind_of_terms(ctx)))


def _show(ctx: "Context", found: Sequence[MachineTerm], output: str) -> None:
    show_list([term.row() for term in found], output, COLUMNS, ctx.site.zone, {"stage": "term_stage"})
