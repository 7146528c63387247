"""`cloudctl request form|import`: the form as a spreadsheet, and taking filled-in ones in."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.empty_form import form_options, hand_out
from cloudctl.cli.request_options import asking_options, show_steps
from cloudctl.cli.run import Run, confirm, say
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.import_requests import import_requests
from reports.forms.request_form import REQUEST_FORM


@click.command(
    cls=TranslatedCommand,
    examples=["cloudctl request form form.xlsx", "cloudctl --lang en request form form.xlsx --overwrite"],
)
@form_options
@click.pass_obj
def form(run: Run, file: Path, overwrite: bool, dry_run: bool, yes: bool) -> None:
    """Make the empty form of a request, with drop-downs, in the language of the call."""
    hand_out(run, REQUEST_FORM, file, overwrite=overwrite, dry_run=dry_run)


@click.command(
    "import",
    cls=TranslatedCommand,
    examples=["cloudctl request import tax.xlsx", "cloudctl request import *.xlsx --dry-run"],
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@asking_options
@click.pass_obj
def import_(run: Run, files: tuple[Path, ...], output: str, dry_run: bool, yes: bool) -> None:
    """Take in filled-in forms: all of them, or none."""
    with run.open() as ctx:
        steps = import_requests(rehearsal(ctx), files)
        count = sum(step.is_new for step in steps)
        if dry_run or not count:
            show_steps(ctx, steps, output, are_numbered=False)
            if not count:
                say("These forms are in already; there is nothing to do.")
            return
        confirm("Hand {count} request(s) in?", yes=yes, count=count)
        steps = import_requests(ctx, files)
        show_steps(ctx, steps, output)
        for step in steps:
            if step.is_new:
                say("Request {request} is handed in.", request=step.request)
