"""`cloudctl metrics`."""

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.run import Run
from cloudctl.operations.usage.show_metrics import exposition


@click.command(cls=TranslatedCommand, examples=["cloudctl metrics", "cloudctl metrics | grep sweep_age"])
@click.pass_obj
def metrics(run: Run) -> None:
    """Print the metrics Prometheus would read."""
    with run.open() as ctx:
        click.echo(exposition(ctx), nl=False)
