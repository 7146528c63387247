"""`cloudctl usage`: what was held and used, who uses most and least, and how it went."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from cloudctl.cli.command import TranslatedGroup, translate
from cloudctl.cli.output import Row, output_option, show_list
from cloudctl.cli.run import Run, say
from cloudctl.core.clock import parse_when
from cloudctl.operations.usage.show_usage import UseCurve, show_usage, top_usage, usage_curve

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

GROUPS = ("vm", "system", "unit", "pool", "cloud")
METERS = ("cpu", "memory", "storage")
FIGURES = ("held", "used", "unused", "mean", "p95", "max", "coverage")
SHOWN = ("mean", "p95", "coverage")
BLOCKS = "▁▂▃▄▅▆▇█"
CHART_COLUMNS = 80

by_option = click.option(
    "--by", type=click.Choice(GROUPS), default="vm", help="What to group by: vm, system, unit, pool or cloud."
)
from_option = click.option(
    "--from", "start", metavar="TIME", help="Where the window begins; left out: the first of this month."
)
to_option = click.option("--to", "end", metavar="TIME", help="Where the window ends; left out: now.")


@click.group(
    cls=TranslatedGroup,
    examples=[
        "cloudctl usage show --by unit --from 2026-10-01 --to 2026-11-01",
        "cloudctl usage top --lowest",
    ],
)
def usage() -> None:
    """Show what was held and used."""


@usage.command(
    examples=[
        "cloudctl usage show --by vm --from 2026-10-01 --to 2026-11-01",
        "cloudctl usage show fin --by unit -o json",
    ]
)
@click.argument("code", required=False)
@by_option
@from_option
@to_option
@output_option
@click.pass_obj
def show(run: Run, code: str | None, by: str, start: str | None, end: str | None, output: str) -> None:
    """Held, used, mean, p95, max and coverage of CPU, memory and storage, a row per group."""
    with run.open() as ctx:
        rows = show_usage(ctx, by, *read_window(ctx, start, end), code)
        show_list(_readable(rows, output), output, _columns(by), ctx.site.zone)


@usage.command(
    examples=[
        "cloudctl usage top --measure cpu_p95 -n 20",
        "cloudctl usage top --by unit --measure memory_mean --lowest",
    ]
)
@by_option
@click.option(
    "--measure",
    type=click.Choice([f"{meter}_{figure}" for meter in METERS for figure in FIGURES]),
    default="cpu_mean",
    help="The column to sort by.",
)
@click.option("--lowest", is_flag=True, help="The lowest instead of the highest.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=10, help="How many rows.")
@from_option
@to_option
@output_option
@click.pass_obj
def top(
    run: Run, by: str, measure: str, lowest: bool, limit: int, start: str | None, end: str | None, output: str
) -> None:
    """Who uses most, or least, of what it holds."""
    with run.open() as ctx:
        rows = top_usage(ctx, by, measure, read_window(ctx, start, end), limit, lowest=lowest)
        extra = () if measure.endswith(("_held", *SHOWN)) else (measure,)
        show_list(_readable(rows, output), output, (*_columns(by), *extra), ctx.site.zone)


@usage.command(
    examples=[
        "cloudctl usage chart tax-db-1 --from 2026-10-01 --to 2026-11-01",
        "cloudctl usage chart fin --by unit --svg fin.svg --meter memory",
    ]
)
@click.argument("code")
@by_option
@click.option("--meter", type=click.Choice(METERS), help="One meter; left out: all three, or CPU with --svg.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw into this SVG file.")
@from_option
@to_option
@output_option
@click.pass_obj
def chart(
    run: Run,
    code: str,
    by: str,
    meter: str | None,
    svg: Path | None,
    start: str | None,
    end: str | None,
    output: str,
) -> None:
    """How one group's use went over time."""
    with run.open() as ctx:
        window = read_window(ctx, start, end)
        if svg is not None:
            from cloudctl.operations.usage.draw_usage import draw_usage

            svg.write_text(draw_usage(ctx, by, code, meter or "cpu", window), encoding="utf-8")
            say("Drew {path}.", path=svg)
            return
        curve = usage_curve(ctx, by, code, window)
        shown = (meter,) if meter else METERS
        if output == "table":
            _draw(curve, shown, ctx.site.zone)
        else:
            show_list(_points(curve, shown), output, ("time", *shown), ctx.site.zone)


def read_window(
    ctx: "Context", start: str | None, end: str | None
) -> tuple[datetime | None, datetime | None]:
    """What a person typed as a window. InvalidInput."""
    zone = ctx.site.zone
    return (
        parse_when(start, zone, "--from") if start else None,
        parse_when(end, zone, "--to") if end else None,
    )


def _columns(by: str) -> tuple[str, ...]:
    sizes = ("cpu_held_vcpus", "memory_held_gib", "storage_held_gib")
    return (by, *sizes, *(f"{meter}_{figure}" for meter in METERS for figure in SHOWN))


def _readable(rows: Sequence[Row], output: str) -> Sequence[Row]:
    """For a table: sizes in vCPUs and GiB, fractions as percentages; programs get the figures as they are."""
    return [_readable_row(row) for row in rows] if output == "table" else rows


def _readable_row(row: Row) -> Row:
    shares = [f"{meter}_{figure}" for meter in METERS for figure in ("mean", "p95", "max", "coverage")]
    return {
        **row,
        "cpu_held_vcpus": f"{row['cpu_held']:.1f}",
        "memory_held_gib": f"{row['memory_held'] / 1024:.1f}",
        "storage_held_gib": f"{row['storage_held']:.1f}",
        **{share: None if row[share] is None else f"{row[share]:.1%}" for share in shares},
    }


def _points(curve: UseCurve, meters: tuple[str, ...]) -> list[dict[str, object]]:
    values = [curve.meters[meter] for meter in meters]
    return [
        {"time": at, **dict(zip(meters, row, strict=True))}
        for at, row in zip(curve.times, zip(*values, strict=True), strict=True)
    ]


def _draw(curve: UseCurve, meters: tuple[str, ...], zone: ZoneInfo) -> None:
    """A line of blocks per meter, each an eighth of what was held; a dot where nothing was measured."""
    from rich.cells import set_cell_size

    first, last = (at.astimezone(zone).strftime("%Y-%m-%d %H:%M") for at in (curve.times[0], curve.times[-1]))
    click.echo(f"{curve.code}  {first} … {last}")
    for meter in meters:
        click.echo(f"{set_cell_size(translate(meter), 8)} {_blocks(curve.meters[meter])}")
    click.echo(
        translate("Each block is a mean; a full one is 100 % of what was held, a dot was not measured.")
    )


def _blocks(values: tuple[float | None, ...]) -> str:
    width = -(-len(values) // CHART_COLUMNS)
    drawn = []
    for at in range(0, len(values), width):
        known = [value for value in values[at : at + width] if value is not None]
        level = sum(known) / len(known) * len(BLOCKS) if known else None
        drawn.append("·" if level is None else BLOCKS[min(int(level), len(BLOCKS) - 1)])
    return "".join(drawn)
