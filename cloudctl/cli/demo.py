"""`cloudctl demo`: one month of a fictitious city on the simulated cloud."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from cloudctl.cli.command import TranslatedCommand, chosen_language, translate
from cloudctl.cli.output import output_option, show_record
from cloudctl.cli.run import Run, say
from cloudctl.core.errors import Message

if TYPE_CHECKING:
    from cloudctl.operations.demo.troupe import Told

HOME, REPORTS = "cloudctl-demo/home", "cloudctl-demo/reports"
ZONE = ZoneInfo("Asia/Shanghai")
REQUESTS = (
    "Requests: {requests}; asked {asked_monthly} {currency} a month, granted {granted_monthly}, "
    "cut {reduction_rate}."
)
NEXT = (
    "usage top --measure cpu_unused --from 2026-10-01 --to 2026-11-01",
    "request show 1",
    "review list --open",
    "review show 3",
    "settle show 2026-10",
    "settle verify 2026-10",
    "meter coverage --from 2026-10-01 --to 2026-11-01",
    "audit log",
)


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl demo",
        "cloudctl --lang en demo --home /tmp/city/home --reports /tmp/city/reports --seed 11",
    ],
)
@click.option("--home", "folder", metavar="DIR", help="Where the demonstration's home is made.")
@click.option("--reports", metavar="DIR", help="Where its reports are put.")
@click.option("--seed", type=click.IntRange(min=0), default=7, help="Another number, another city.")
@click.option(
    "--units", type=click.IntRange(1, 45), default=45, help="How many of the city's units take part."
)
@click.option("--machines", type=click.IntRange(1), default=400, help="How many machines they have.")
@click.option(
    "--yes", "-y", is_flag=True, help="Taken like everywhere; an earlier demonstration is replaced unasked."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be made and where.")
@output_option
@click.pass_obj
def demo(
    run: Run,
    folder: str | None,
    reports: str | None,
    seed: int,
    units: int,
    machines: int,
    yes: bool,
    dry_run: bool,
    output: str,
) -> None:
    """Run one month of a fictitious, simulated city, end to end."""
    from cloudctl.operations.demo.city import Extent, build_city
    from cloudctl.operations.demo.month import play
    from cloudctl.operations.demo.stage import require_stage

    home, papers = _home(run, folder), Path(reports or REPORTS).expanduser()
    say("A fictitious city on simulated clouds: no unit, person, machine or figure in it is real.")
    if dry_run:
        require_stage(home, papers)
        city = build_city(seed, Extent(units, machines))
        values = {"units": len(city.units), "systems": len(city.systems), "machines": len(city.machines)}
        say("It would have {units} units, {systems} systems and {machines} machines.", **values)
        say("It would be made anew at {home}, its reports at {reports}.", home=home, reports=papers)
        return
    with _telling() as told:
        summary = play(
            home,
            papers,
            seed=seed,
            language=run.language or chosen_language(),
            extent=Extent(units, machines),
            told=told,
        )
    if output == "table":
        _print_summary(summary)
    else:
        show_record(summary, output, ZONE)
    _say_where(home, papers)


def _home(run: Run, folder: str | None) -> Path:
    """Never the home that other commands take when none is named."""
    root = click.get_current_context().find_root()
    if folder is None and (root.params.get("home") or os.environ.get("CLOUDCTL_HOME")):
        return run.home
    return Path(folder or HOME).expanduser()


@contextmanager
def _telling() -> "Iterator[Told]":
    """A line per scene on stderr, on a terminal under a bar that shows how far the story is."""
    if not sys.stderr.isatty():
        yield lambda at, message, _: click.echo(_line(at, message), err=True)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(translate("Metering and judging"), total=1.0)

        def told(at: datetime, message: Message, share: float) -> None:
            progress.console.print(_line(at, message), highlight=False, markup=False)
            progress.update(task, completed=share)

        yield told


def _line(at: datetime, message: Message) -> str:
    return f"{at.astimezone(ZONE):%Y-%m-%d %H:%M}  {translate(message.template, **message.values)}"


def _print_summary(summary: Mapping[str, Any]) -> None:
    """A few lines for people; the same figures come as a record with -o json."""
    shares = {key: f"{value * 100:.2f} %" for key, value in summary.items() if isinstance(value, float)}
    counts = {key: f"{value:,}" for key, value in summary.items() if isinstance(value, int)}
    values: dict[str, Any] = {**summary, **counts, **shares}
    found = translate("no difference") if summary["verified"] else translate("DIFFERENCES")
    lines = (
        translate(
            "Estate: {units} units, {systems} systems, {machines} machines on {hosts} hosts.", **values
        ),
        translate(
            "Metering in October: {samples} samples, coverage {coverage}; mean use of CPU {cpu_mean}, memory"
            " {memory_mean}, storage {storage_mean}.",
            **values,
        ),
        *([translate(REQUESTS, **values)] if summary["requests"] else []),
        translate(
            "Review: {cases} cases, {carried_out} carried out ({retired} machines retired), {rolled_back} rolled back;"
            " saves {monthly_saving} {currency} a month, {saved} in October.",
            **values,
        ),
        translate(
            "Settlement of {period}: {statements} statements, {lines} lines, {total} {currency}; closed, recomputed:"
            " {found}.",
            **values,
            found=found,
        ),
        translate("Reports: {reports} files.", **values),
    )
    click.echo("\n".join(lines))


def _say_where(home: Path, reports: Path) -> None:
    say("All of this was simulated; nothing in it was measured on a real cloud.")
    say("Home: {home}. Reports: {reports}.", home=home, reports=reports / "summary-2026-10.html")
    say("Look around:")
    command = Path(sys.argv[0]).name if "/" not in sys.argv[0] else sys.argv[0]
    for words in NEXT:
        click.echo(f"  {command} --home {home} {words}", err=True)
