"""`cloudctl change`: changes to machines followed, resumed and rolled back."""

import click

from cloudctl.cli.change_plan import print_plan, tell_outcome
from cloudctl.cli.command import TranslatedCommand, TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.operations.machines.execute_change import run_change
from cloudctl.operations.machines.roll_back_change import is_finished, plan_roll_back, roll_back_change
from cloudctl.operations.machines.show_change import list_changes, show_change

LIST_COLUMNS = ["change", "state", "reason", "actor", "created_at", "steps_done", "steps_total"]
STEP_COLUMNS = ["step", "kind", "vm", "state", "before", "after", "at", "error"]


@click.group(cls=TranslatedGroup, examples=["cloudctl change list", "cloudctl change resume 12"])
def change() -> None:
    """Follow, resume and roll back changes to machines."""


@change.command(
    "list", cls=TranslatedCommand, examples=["cloudctl change list", "cloudctl change list --open -o json"]
)
@click.option("--open", "only_open", is_flag=True, help="Only those not finished.")
@output_option
@click.pass_obj
def list_command(run: Run, only_open: bool, output: str) -> None:
    """List changes, the newest last."""
    with run.open() as ctx:
        rows = [row for row in list_changes(ctx) if not (only_open and row["finished_at"])]
        if output == "table":
            rows = [{**row, "state": ctx.texts.label("change_state", row["state"])} for row in rows]
        show_list(rows, output, LIST_COLUMNS, ctx.site.zone)


@change.command(
    "show", cls=TranslatedCommand, examples=["cloudctl change show 12", "cloudctl change show 12 -o json"]
)
@click.argument("number", type=int)
@output_option
@click.pass_obj
def show_command(run: Run, number: int, output: str) -> None:
    """Show a change and its steps."""
    with run.open() as ctx:
        record = show_change(ctx, number)
        if output != "table":
            show_record(record, output, ctx.site.zone)
            return
        steps = record.pop("steps")
        record["state"] = ctx.texts.label("change_state", record["state"])
        show_record(record, output, ctx.site.zone)
        for step in steps:
            step["kind"] = ctx.texts.label("step_kind", step["kind"])
            step["state"] = ctx.texts.label("step_state", step["state"])
        show_list(steps, output, STEP_COLUMNS, ctx.site.zone)


@change.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl change resume 12",
        'cloudctl change resume 12 --done-at "2026-10-10T22:30:00+08:00" --yes',
    ],
)
@click.argument("number", type=int)
@click.option("--done-at", metavar="TIME", help="When what was ordered from others was carried out.")
@click.option("--dry-run", is_flag=True, help="Print the plan, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes: do not ask.")
@click.pass_obj
def resume(run: Run, number: int, done_at: str | None, dry_run: bool, yes: bool) -> None:
    """Take up a change where it stopped."""
    with run.open() as ctx:
        when = parse_when(done_at, ctx.site.zone, "--done-at") if done_at else None
        steps = [
            step for step in show_change(ctx, number)["steps"] if step["state"] not in ("done", "undone")
        ]
        show_list(steps, "table", STEP_COLUMNS, ctx.site.zone)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        tell_outcome(run_change(ctx, number, done_at=when))


@change.command(
    cls=TranslatedCommand,
    examples=["cloudctl change rollback 12", "cloudctl change rollback 12 --dry-run"],
)
@click.argument("number", type=int)
@click.option("--reason", default="", help="Why, for the record.")
@click.option("--dry-run", is_flag=True, help="Print the plan, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes: do not ask.")
@output_option
@click.pass_obj
def rollback(run: Run, number: int, reason: str, dry_run: bool, yes: bool, output: str) -> None:
    """Restore what was before a change."""
    with run.open() as ctx:
        checksum = None
        if is_finished(ctx, number):
            plan = plan_roll_back(ctx, number)
            print_plan(ctx, plan, output)
            checksum = plan.checksum
        else:
            done = [step for step in show_change(ctx, number)["steps"] if step["state"] != "pending"]
            show_list(done, output, STEP_COLUMNS, ctx.site.zone)
            say("These steps of change {number} will be undone, last first.", number=number)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        tell_outcome(roll_back_change(ctx, number, reason, checksum=checksum))
