"""`cloudctl init`."""

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.run import Run, say
from cloudctl.operations.initialise import initialise


@click.command(
    cls=TranslatedCommand, examples=["cloudctl init", "cloudctl --home /srv/cloudctl --lang en init"]
)
@click.pass_obj
def init(run: Run) -> None:
    """Make a home: settings, ledger, sample store."""
    initialise(run.home, language=run.language or "zh_CN")
    say("Made a home at {home}.", home=run.home)
