"""`cloudctl report …`: which reports there are, and building them into files."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run, say

COLUMNS = ("report", "title", "audience", "parameters", "formats")
FILES = ("report", "unit", "format", "bytes", "path")


@click.group(
    cls=TranslatedGroup,
    examples=["cloudctl report list", "cloudctl report build summary --period 2026-10 --format html,xlsx"],
)
def report() -> None:
    """List and build reports."""


@report.command("list", examples=["cloudctl report list", "cloudctl report list -o json"])
@output_option
@click.pass_obj
def list_(run: Run, output: str) -> None:
    """List the reports there are, for whom, and in which formats."""
    from cloudctl.operations.build_report import list_reports

    with run.open() as ctx:
        rows = list_reports(ctx)
        if output == "table":
            lists = ("audience", "parameters", "formats")
            rows = [row | {key: ", ".join(row[key]) for key in lists} for row in rows]
        show_list(rows, output, COLUMNS, ctx.site.zone)


@report.command(
    examples=[
        "cloudctl report build statement --period 2026-10 --format html,xlsx --output-dir reports",
        "cloudctl report build dossier --case 17",
    ]
)
@click.argument("name", metavar="NAME")
@click.option("--period", metavar="YYYY-MM", help="The month to report on.")
@click.option("--unit", metavar="CODE", help="Only this unit; without it all units that you may read.")
@click.option("--case", type=int, metavar="NUMBER", help="The case to report on.")
@click.option("--request", type=int, metavar="NUMBER", help="The request to report on.")
@click.option("--year", type=int, metavar="YYYY", help="The year to report on.")
@click.option("--format", "formats", default="html", show_default=True, help="Formats, separated by commas.")
@click.option(
    "--output-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=".",
    metavar="DIR",
    help="Where to write the files; made if it is not there.",
)
@click.option("--dry-run", is_flag=True, help="Say which files it would write, and write none.")
@click.option("--yes", "-y", is_flag=True, help="Accepted as everywhere; building a report asks nothing.")
@output_option
@click.pass_obj
def build(
    run: Run,
    name: str,
    period: str | None,
    unit: str | None,
    case: int | None,
    request: int | None,
    year: int | None,
    formats: str,
    output_dir: Path,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Build a report into files; figures come from the ledger and the samples."""
    from cloudctl.operations.build_report import ReportRequest, build_report

    wanted = tuple(dict.fromkeys(part.strip() for part in formats.split(",") if part.strip()))
    with run.open() as ctx:
        asked = ReportRequest(name, period, unit, case, request, year, wanted)
        files = build_report(ctx, asked, output_dir, dry_run=dry_run)
        rows = [
            {
                "report": file.report,
                "unit": file.unit,
                "format": file.format,
                "path": str(file.path),
                "bytes": file.bytes,
                "algorithm": file.algorithm,
                "hash": file.hash,
            }
            for file in files
        ]
        show_list(rows, output, FILES, ctx.site.zone)
        if not rows:
            say("There was nothing to report on.")
