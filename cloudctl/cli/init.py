"""`cloudctl init`."""

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.run import Run, say
from cloudctl.operations.home.initialise import initialise


@click.command(
    cls=TranslatedCommand, examples=["cloudctl init", "cloudctl --home /srv/cloudctl --lang en init"]
)
@click.option("--yes", "-y", is_flag=True, help="Accepted as everywhere; making a home asks nothing.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.pass_obj
def init(run: Run, yes: bool, dry_run: bool) -> None:
    """Make a home: settings, ledger, sample store."""
    initialise(run.home, language=run.language or "zh_CN", dry_run=dry_run)
    if dry_run:
        say("A home would be made at {home}.", home=run.home)
        return
    say("Made a home at {home}.", home=run.home)
