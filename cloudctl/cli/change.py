"""`cloudctl change`: changes to machines followed, resumed and rolled back."""

from collections.abc import Sequence
from typing import Any

import click

from cloudctl.cli.change_plan import print_plan, tell_outcome
from cloudctl.cli.command import TranslatedCommand, TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import run_change
from cloudctl.operations.machines.roll_back_change import is_finished, plan_roll_back, roll_back_change
from cloudctl.operations.machines.show_change import (
    INTERRUPTED,
    STANDINGS,
    UNCERTAIN,
    list_changes,
    show_change,
)

LIST_COLUMNS = ["change", "state", "reason", "actor", "created_at", "steps_done", "steps_total", "next"]
STEP_COLUMNS = ["step", "kind", "vm", "state", "before", "after", "started_at", "at", "error"]


@click.group(cls=TranslatedGroup, examples=["cloudctl change list", "cloudctl change resume 12"])
def change() -> None:
    """Follow, resume and roll back changes to machines."""


@change.command(
    "list",
    cls=TranslatedCommand,
    examples=["cloudctl change list --open", "cloudctl change list --state uncertain -o json"],
)
@click.option("--open", "only_open", is_flag=True, help="Only those not finished.")
@click.option(
    "--state",
    "states",
    type=click.Choice(STANDINGS),
    multiple=True,
    help="Only those that stand so; several times for several.",
)
@output_option
@click.pass_obj
def list_command(run: Run, only_open: bool, states: tuple[str, ...], output: str) -> None:
    """List changes, the newest last."""
    with run.open() as ctx:
        rows = [row for row in list_changes(ctx, states or None) if not (only_open and row["finished_at"])]
        if output == "table":
            rows = [{**row, "state": ctx.texts.label("change_state", row["standing"])} for row in rows]
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
        steps, standing = record.pop("steps"), record.pop("standing")
        record["state"] = ctx.texts.label("change_state", standing)
        show_record(record, output, ctx.site.zone)
        _show_steps(ctx, steps)
        _advise(number, standing)


def _show_steps(ctx: Context, steps: Sequence[dict[str, Any]]) -> None:
    named = [
        {
            **step,
            "kind": ctx.texts.label("step_kind", step["kind"]),
            "state": ctx.texts.label("step_state", step["standing"]),
        }
        for step in steps
    ]
    show_list(named, "table", STEP_COLUMNS, ctx.site.zone)


def _advise(number: int, standing: str) -> None:
    """What a change that nobody carries out any more needs."""
    if standing == UNCERTAIN:
        say("Whether its uncertain steps were done nobody knows; its machines stay in its hands until then.")
    if standing in (UNCERTAIN, INTERRUPTED):
        say(
            "“cloudctl change resume {number}” looks and carries it on, as the hourly reconciliation does;"
            " “cloudctl change rollback {number}” takes it back.",
            number=number,
        )


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
        when = parse_when(done_at, ctx.site.zone, "--done-at") if done_at is not None else None
        steps = [
            step for step in show_change(ctx, number)["steps"] if step["state"] not in ("done", "undone")
        ]
        _show_steps(ctx, steps)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        tell_outcome(ctx, run_change(ctx, number, done_at=when))


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
            if output == "table":
                _show_steps(ctx, done)
            else:
                show_list(done, output, STEP_COLUMNS, ctx.site.zone)
            say("These steps of change {number} will be undone, last first.", number=number)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        tell_outcome(ctx, roll_back_change(ctx, number, reason, checksum=checksum))
