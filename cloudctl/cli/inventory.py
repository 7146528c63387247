"""`cloudctl inventory …`: the plan is printed, saved, checked and applied; the estate is shown and written back."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.change_plan import tell_cycles
from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.drift import drift
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.errors import Differences
from cloudctl.core.inventory.draft import load_draft
from cloudctl.core.inventory.plan import Plan, is_saved_plan, load_plan, save_plan
from cloudctl.core.whole_file import write_whole
from cloudctl.core.yaml_source import read_text
from cloudctl.operations.estate.apply_inventory import apply_inventory, require_reach, require_rights
from cloudctl.operations.estate.export_inventory import export_inventory
from cloudctl.operations.estate.plan_inventory import plan_again, plan_inventory
from cloudctl.operations.estate.show_estate import show_inventory

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

FILE = "inventory.yaml"
COLUMNS = ("step", "kind", "target", "before", "after", "live")
INSTANTS = ("since", "until", "from")


@click.group(
    cls=TranslatedGroup,
    examples=["cloudctl inventory plan inventory.yaml", "cloudctl inventory apply inventory.yaml --yes"],
)
def inventory() -> None:
    """Plan and apply the estate: units, systems, pools, machines."""


inventory.add_command(drift)


@inventory.command(
    examples=[
        "cloudctl inventory plan inventory.yaml --save plan.json",
        "cloudctl inventory plan inventory.yaml --check -o json",
    ]
)
@click.argument("file", default=FILE, type=click.Path(path_type=Path))
@click.option(
    "--save", "target", metavar="FILE", type=click.Path(path_type=Path), help="Keep the plan in this file."
)
@click.option("--check", is_flag=True, help="Exit with 7 when there is anything to do.")
@output_option
@click.pass_obj
def plan(run: Run, file: Path, target: Path | None, check: bool, output: str) -> None:
    """Show what it takes to bring the estate to a file; change nothing."""
    with run.open() as ctx:
        found = read_plan(ctx, file)
        if target is not None:
            save_plan(found, target)
        show_plan(ctx, found, output)
        if target is not None:
            say("Kept the plan in {path}.", path=target)
        if found.reach.exceeds(ctx.settings.inventory.plan_limit):
            say("This plan removes or shrinks more than the limit; applying it needs --force.")
        if check and found.steps:
            raise Differences("There is something to do: {count} step(s).", count=len(found.steps))


@inventory.command(
    examples=["cloudctl inventory apply inventory.yaml", "cloudctl inventory apply plan.json --yes"]
)
@click.argument("file", default=FILE, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Even when the plan removes or shrinks more than the limit.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@output_option
@click.pass_obj
def apply(run: Run, file: Path, force: bool, yes: bool, dry_run: bool, output: str) -> None:
    """Bring the estate to a file, or carry out a saved plan."""
    with run.open() as ctx:
        found = read_plan(ctx, file)
        show_plan(ctx, found, output)
        require_rights(ctx, found)
        require_reach(ctx, found, force=force)
        if not found.steps or dry_run:
            return
        confirm("Carry out these {count} step(s)?", yes=yes, count=len(found.steps))
        outcome = apply_inventory(ctx, found, force=force)
        say("Carried out {count} step(s).", count=outcome.steps)


@inventory.command(examples=["cloudctl inventory show", "cloudctl inventory show -o json"])
@output_option
@click.pass_obj
def show(run: Run, output: str) -> None:
    """Show the site, how much of everything there is, and what is held."""
    with run.open() as ctx:
        show_record(show_inventory(ctx), output, ctx.site.zone)


@inventory.command(examples=["cloudctl inventory export", "cloudctl inventory export inventory.yaml --yes"])
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.pass_obj
def export(run: Run, file: Path | None, yes: bool) -> None:
    """Write the estate as a file that plans to nothing."""
    with run.open() as ctx:
        text = export_inventory(ctx)
    if file is None:
        click.echo(text, nl=False)
        return
    if file.exists():
        confirm("{path} exists. Write over it?", yes=yes, path=file)
    write_whole(file, text)
    say("Wrote {path}.", path=file)


def read_plan(ctx: "Context", file: Path) -> Plan:
    """The plan to an inventory file, or the saved plan made again."""
    if is_saved_plan(read_text(file)):
        return plan_again(ctx, load_plan(file), str(file))
    return plan_inventory(ctx, load_draft(file))


def show_plan(ctx: "Context", found: Plan, output: str) -> None:
    """A table of steps for people; the checksum and the steps for programs."""
    if output == "table":
        labelled = [{**row, "kind": ctx.texts.label("plan_kind", row["kind"])} for row in _rows(found)]
        show_list(labelled, output, COLUMNS, ctx.site.zone)
        if not found.steps:
            say("There is nothing to do.")
    elif output == "csv":
        show_list(_rows(found), output, COLUMNS, ctx.site.zone)
    else:
        show_record({"checksum": found.checksum, "steps": _rows(found)}, output, ctx.site.zone)
    tell_cycles([step.target for step in found.steps if step.kind == "resize" and not step.is_live])
    _tell_put_aside(ctx, found)


def _tell_put_aside(ctx: "Context", found: Plan) -> None:
    """What becomes of machines that the file leaves out, and how long there is to think better of it."""
    count = sum(step.kind == "retire" and not step.is_live for step in found.steps)
    if count:
        say(
            "{count} machine(s) are put aside, off, and deleted for good after {days} days;"
            " until then “cloudctl vm restore NAME” brings one back.",
            count=count,
            days=ctx.settings.machines.keep_days,
        )


def _rows(found: Plan) -> list[dict[str, Any]]:
    return [{key: _timed(value) for key, value in row.items()} for row in found.rows()]


def _timed(value: Any) -> Any:
    """Instants as such, so that they are shown in the site's zone."""
    if isinstance(value, Mapping):
        return {
            key: datetime.fromisoformat(item) if key in INSTANTS and item else _timed(item)
            for key, item in value.items()
        }
    return [_timed(item) for item in value] if isinstance(value, list) else value
