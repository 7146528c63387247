"""`cloudctl request survey`: what is to be migrated, added up, and held against the pools' free room."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.empty_form import form_options, hand_out
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.request_options import asking_options
from cloudctl.cli.run import Run, confirm, say
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.import_survey import import_surveys
from cloudctl.operations.requests.show_surveys import GROUPS, forecast_pools, list_surveys, total_surveys
from reports.forms.survey_form import SURVEY_FORM

IMPORT_COLUMNS = ("system", "unit", "lines")
COLUMNS = (
    "planned_for",
    "system",
    "unit",
    "equipment",
    "kind",
    "count",
    "vcpus",
    "memory_mib",
    "storage_gib",
    "bandwidth_mbps",
    "pool",
    "tier",
)
AMOUNTS = ("lines", "machines", "vcpus", "memory_mib", "storage_gib", "bandwidth_mbps", "unknown_bandwidth")
FORECAST_COLUMNS = ("pool", "free", "planned", "full_in", "short_of")


@click.group(
    cls=TranslatedGroup,
    examples=["cloudctl request survey form survey.xlsx", "cloudctl request survey forecast"],
)
def survey() -> None:
    """Survey what is to be migrated, and plan capacity for it."""


@survey.command(
    examples=[
        "cloudctl request survey form survey.xlsx",
        "cloudctl --lang en request survey form survey.xlsx --overwrite",
    ]
)
@form_options
@click.pass_obj
def form(run: Run, file: Path, overwrite: bool, dry_run: bool, yes: bool) -> None:
    """Make the empty form of a migration survey, in the language of the call."""
    hand_out(run, SURVEY_FORM, file, overwrite=overwrite, dry_run=dry_run)


@survey.command(
    "import",
    examples=[
        "cloudctl request survey import survey.xlsx",
        "cloudctl request survey import *.xlsx --dry-run",
    ],
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@asking_options
@click.pass_obj
def import_(run: Run, files: tuple[Path, ...], output: str, dry_run: bool, yes: bool) -> None:
    """Take in filled-in surveys; a system's lines are those of its last one."""
    with run.open() as ctx:
        found = import_surveys(rehearsal(ctx), files)
        rows = [{"system": one.system, "unit": one.unit, "lines": one.lines} for one in found]
        show_list(rows, output, IMPORT_COLUMNS, ctx.site.zone)
        if not any(one.is_new for one in found):
            say("These forms are in already; there is nothing to do.")
        elif not dry_run:
            confirm(
                "Take in the surveys of {count} system(s)?", yes=yes, count=sum(one.is_new for one in found)
            )
            import_surveys(ctx, files)
            say("Taken in.")


@survey.command("list", examples=["cloudctl request survey list", "cloudctl request survey list -o csv"])
@output_option
@click.pass_obj
def list_(run: Run, output: str) -> None:
    """List the lines of surveys by the day planned."""
    with run.open() as ctx:
        show_list(list_surveys(ctx), output, COLUMNS, ctx.site.zone, {"kind": "equipment_kind"})


@survey.command(
    examples=["cloudctl request survey totals", "cloudctl request survey totals --by pool -o json"]
)
@click.option(
    "--by", type=click.Choice(GROUPS), default="unit", show_default=True, help="Per what to add up."
)
@output_option
@click.pass_obj
def totals(run: Run, by: str, output: str) -> None:
    """Add up what is surveyed."""
    with run.open() as ctx:
        show_list(total_surveys(ctx, by), output, (by, *AMOUNTS), ctx.site.zone)


@survey.command(examples=["cloudctl request survey forecast", "cloudctl request survey forecast -o json"])
@output_option
@click.pass_obj
def forecast(run: Run, output: str) -> None:
    """Say when which pool will be full, if all goes as planned."""
    with run.open() as ctx:
        show_list(forecast_pools(ctx), output, FORECAST_COLUMNS, ctx.site.zone)
