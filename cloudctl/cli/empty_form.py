"""What the commands that hand out an empty form have in common: their options, and the form itself."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.run import Run, say
from cloudctl.operations.requests.make_form import make_form

if TYPE_CHECKING:
    from reports.forms.model import Form


def form_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """FILE, --overwrite, --dry-run and --yes."""
    for option in (
        click.option("--yes", "-y", is_flag=True, help="Accepted as everywhere; making a form asks nothing."),
        click.option("--dry-run", is_flag=True, help="Make the form and write no file."),
        click.option("--overwrite", is_flag=True, help="Replace a file of that name."),
        click.argument("file", type=click.Path(dir_okay=False, path_type=Path)),
    ):
        function = option(function)
    return function


def hand_out(run: Run, form: "Form", file: Path, *, overwrite: bool, dry_run: bool) -> None:
    """In the language of the call."""
    with run.open() as ctx:
        make_form(ctx, form, file, overwrite=overwrite, dry_run=dry_run)
        if not dry_run:
            say("The form lies in {path}.", path=str(file))
