"""`cloudctl meter`: sweeps, imports, and the state of the samples."""

import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedCommand, TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, say
from cloudctl.cli.usage import from_option, read_window, to_option
from cloudctl.core.clock import parse_when

if TYPE_CHECKING:
    from cloudctl.operations.usage.import_samples import ImportedFile
    from cloudctl.operations.usage.sweep_outcome import SweepOutcome

YES = click.option("--yes", "-y", is_flag=True, help="Answer yes; this command does not ask.")
IMPORT_COLUMNS = [
    "file",
    "format",
    "rows",
    "accepted",
    "already_there",
    "repeated",
    "contradicting",
    "rejected",
]
# So many lines that were not taken are told to a person, per file.
TOLD = 20


@click.group(
    cls=TranslatedGroup,
    examples=[
        "cloudctl meter import use.csv.gz",
        "cloudctl meter coverage --from 2026-10-01 --to 2026-11-01",
    ],
)
def meter() -> None:
    """Sweep, import and check samples."""


@meter.command(
    cls=TranslatedCommand, examples=["cloudctl meter sweep", "cloudctl meter sweep --pool gov -o json"]
)
@click.option("--pool", "pools", multiple=True, metavar="CODE", help="Only this pool; may be given again.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@YES
@output_option
@click.pass_obj
def sweep(run: Run, pools: Sequence[str], dry_run: bool, yes: bool, output: str) -> None:
    """Measure every machine once, now."""
    with run.open() as ctx:
        from cloudctl.operations.usage import collect_usage

        outcome = collect_usage.sweep(ctx, list(pools) or None, dry_run=dry_run)
        show_record(_outcome_row(outcome), output, ctx.site.zone)


@meter.command(
    cls=TranslatedCommand,
    examples=["cloudctl meter run", "cloudctl meter run --until 2026-11-01"],
)
@click.option(
    "--until", metavar="T", help="Stop there; in a home with a driven clock, run time ahead to there."
)
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@YES
@click.pass_obj
def run(run: Run, until: str | None, dry_run: bool, yes: bool) -> None:
    """Sweep on the grid until told to stop."""
    with run.open() as ctx:
        from cloudctl.operations.usage.run_sweeps import plan_sweeps, run_sweeps

        end = parse_when(until, ctx.site.zone, "--until") if until else None
        if dry_run:
            show_record(plan_sweeps(ctx, end), "table", ctx.site.zone)
            return
        total = run_sweeps(ctx, end, on_sweep=_tell_sweep)
        say("{count} samples kept.", count=total)


@meter.command(cls=TranslatedCommand, examples=["cloudctl meter status", "cloudctl meter status -o json"])
@output_option
@click.pass_obj
def status(run: Run, output: str) -> None:
    """Show the sample store and the last sweeps."""
    with run.open() as ctx:
        from cloudctl.operations.usage.show_coverage import meter_status

        record = meter_status(ctx)
        if output != "table":
            show_record(record, output, ctx.site.zone)
            return
        sweeps = record.pop("sweeps")
        show_record(record, output, ctx.site.zone)
        show_list(
            sweeps, output, ["pool", "swept_at", "age_s", "machines", "samples", "missing"], ctx.site.zone
        )


@meter.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl meter coverage --from 2026-10-01 --to 2026-11-01 -o json",
        "cloudctl meter coverage tax-db-1",
    ],
)
@click.argument("machines", nargs=-1)
@from_option
@to_option
@output_option
@click.pass_obj
def coverage(run: Run, machines: Sequence[str], start: str | None, end: str | None, output: str) -> None:
    """Show what part of the time was measured, and why the rest was not."""
    with run.open() as ctx:
        from cloudctl.operations.usage.show_coverage import show_coverage

        rows = show_coverage(ctx, *read_window(ctx, start, end), machines)
        if output != "table":
            show_list(rows, output, ["vm", "meter", "coverage", "gaps"], ctx.site.zone)
            return
        plain = [{**row, "gaps": len(row["gaps"]), "why": _why(row["gaps"], ctx.texts)} for row in rows]
        show_list(
            plain,
            output,
            ["vm", "meter", "coverage", "gaps", "why"],
            ctx.site.zone,
            labels={"meter": "meter"},
        )


@meter.command(
    "import",
    cls=TranslatedCommand,
    examples=[
        "cloudctl meter import october.csv.gz",
        "cloudctl meter import --format bitbrains 2013-8/*.csv.gz",
    ],
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "layout",
    type=click.Choice(["cloudctl", "bitbrains"]),
    help="How the files are laid out; by default told by their header.",
)
@click.option("--strict", is_flag=True, help="Refuse everything when one row is wrong or contradicts.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@YES
@output_option
@click.pass_obj
def import_command(
    run: Run, files: Sequence[Path], layout: str | None, strict: bool, dry_run: bool, yes: bool, output: str
) -> None:
    """Import recorded usage from CSV, CSV.gz or Parquet files."""
    with run.open() as ctx:
        from cloudctl.operations.usage.import_samples import import_samples

        done = import_samples(
            ctx, list(files), format=layout, strict=strict, dry_run=dry_run, on_file=_tell_file
        )
        show_list([item.as_row() for item in done], output, IMPORT_COLUMNS, ctx.site.zone)
        for item in done:
            _tell_unused(item, ctx.texts)
        if dry_run:
            say("This was a dry run; nothing was changed.")


@meter.command(cls=TranslatedCommand, examples=["cloudctl meter compact", "cloudctl meter compact --dry-run"])
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@YES
@output_option
@click.pass_obj
def compact(run: Run, dry_run: bool, yes: bool, output: str) -> None:
    """Merge small sample files, and settle what a crash left behind."""
    with run.open() as ctx:
        from dataclasses import asdict

        from cloudctl.operations.usage.compact_samples import compact_samples, plan_compaction

        if dry_run:
            rows = [
                {"day": merge.day, "kind": merge.kind, "files": len(merge.paths)}
                for merge in plan_compaction(ctx)
            ]
            show_list(rows, output, ["day", "kind", "files"], ctx.site.zone, labels={"kind": "sample_file"})
            return
        show_record(asdict(compact_samples(ctx)), output, ctx.site.zone)


def _tell_file(path: Path) -> None:
    """Progress, for a person who is watching."""
    if sys.stderr.isatty():
        say("Reading {file} …", file=path)


def _outcome_row(outcome: "SweepOutcome") -> dict[str, Any]:
    return {
        "at": outcome.at,
        "machines": outcome.machines,
        "samples": outcome.samples,
        "missing": outcome.missing,
        "unallocated": outcome.unallocated,
        "gaps": outcome.gaps,
        "is_stored": outcome.is_stored,
    }


def _tell_sweep(outcome: "SweepOutcome") -> None:
    say(
        "{at}: {samples} samples of {machines} machines, {missing} missing.",
        at=outcome.at.isoformat(timespec="seconds"),
        samples=outcome.samples,
        machines=outcome.machines,
        missing=outcome.missing,
    )
    if not outcome.is_stored:
        say("The disk is full: this sweep stands as a gap.")


def _why(gaps: Sequence[dict[str, Any]], texts: Any) -> str:
    """The reasons with the hours they took, the longest first."""
    lost: dict[str, timedelta] = {}
    for gap in gaps:
        lost[gap["reason"]] = lost.get(gap["reason"], timedelta()) + (gap["end"] - gap["start"])
    ordered = sorted(lost.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(
        f"{_reason(reason, texts)} {span / timedelta(hours=1):.1f} h" for reason, span in ordered
    )


def _reason(code: str, texts: Any) -> str:
    """A driver may name reasons of its own."""
    return str(texts.label("gap_reason", code)) if texts.has_label("gap_reason", code) else code


def _tell_unused(item: "ImportedFile", texts: Any) -> None:
    """The lines that were not taken, on stderr, with their places and reasons."""
    from cloudctl.operations.usage.import_samples import REASONS

    verdict = item.verdict
    for unused in verdict.listed[:TOLD]:
        click.echo(
            f"{item.file}:{unused.line}:1: {texts.message(REASONS[unused.reason](unused.machine))}", err=True
        )
    more = verdict.rejected_rows + verdict.contradicting - min(len(verdict.listed), TOLD)
    if more > 0:
        counts = ", ".join(
            f"{texts.label('import_reason', code)} {rows}" for code, rows in verdict.rejected.items()
        )
        say("… and {count} more line(s) that were not taken. {counts}", count=more, counts=counts)
    if verdict.trimmed:
        say(
            "{count} interval(s) begin where the one before ended: they overlapped by a trifle.",
            count=verdict.trimmed,
        )
