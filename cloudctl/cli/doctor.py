"""`cloudctl doctor`."""

from zoneinfo import ZoneInfo

import click

from cloudctl.cli.command import TranslatedCommand, translate
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run
from cloudctl.core.errors import Differences
from cloudctl.operations.home.diagnose_home import Health, diagnose


@click.command(
    cls=TranslatedCommand, examples=["cloudctl doctor", "cloudctl --home /srv/cloudctl doctor -o json"]
)
@output_option
@click.pass_obj
def doctor(run: Run, output: str) -> None:
    """Check this home and the machine it stands on; exit code 7 when something is bad."""
    found = diagnose(run.home, login=run.login)
    rows = [
        {
            "check": finding.check,
            "health": str(finding.health),
            "detail": translate(finding.detail.template, **finding.detail.values),
        }
        for finding in found
    ]
    labels = {"check": "check", "health": "health"}
    show_list(rows, output, ("check", "health", "detail"), ZoneInfo("UTC"), labels)
    bad = [finding.check for finding in found if finding.health is Health.BAD]
    if bad:
        raise Differences("{count} check(s) found something bad.", count=len(bad))
