"""Prints a plan, asks, carries it out: what every command that changes machines has in common."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import confirm, say
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import begin_change, run_change
from cloudctl.operations.machines.plan_change import ChangePlan
from cloudctl.operations.machines.show_change import ChangeOutcome, undoing_of
from provisioning.model import StepKind

PLAN_COLUMNS = ["step", "kind", "target", "before", "after", "live"]


def changing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--reason, --dry-run, --yes and -o for a command that changes machines."""
    for option in (
        click.option("--yes", "-y", is_flag=True, help="Answer yes: do not ask."),
        click.option("--dry-run", is_flag=True, help="Print the plan, change nothing."),
        click.option("--reason", default="", help="Why, for the record."),
    ):
        function = option(function)
    return output_option(function)


def print_plan(ctx: Context, plan: ChangePlan, output: str) -> None:
    """Steps to stdout; a JSON plan is the object that `inventory plan` prints."""
    if output == "json":
        from cloudctl.cli.output import show_record

        show_record({"checksum": plan.checksum, "steps": plan.rows()}, output, ctx.site.zone)
    else:
        rows = [{**row, "kind": ctx.texts.label("step_kind", str(row["kind"]))} for row in plan.rows()]
        show_list(rows if output == "table" else plan.rows(), output, PLAN_COLUMNS, ctx.site.zone)
    say("Plan {checksum}: {count} step(s).", checksum=plan.checksum, count=len(plan.steps))
    tell_cycles([step.name for step in plan.steps if step.kind == StepKind.RESIZE and not step.is_live])


def tell_cycles(names: Sequence[str]) -> None:
    """Whose users have to know beforehand."""
    if names:
        say(
            "Switched off and on again for this, if they run: {names}. Their units are told.",
            names=", ".join(names),
        )


def carry_out(ctx: Context, plan: ChangePlan, *, output: str, dry_run: bool, yes: bool, reason: str) -> None:
    """The whole course of a changing command."""
    print_plan(ctx, plan, output)
    if dry_run:
        return
    confirm("Carry it out?", yes=yes)
    tell_outcome(ctx, run_change(ctx, begin_change(ctx, plan.steps, reason, checksum=plan.checksum)))


def tell_outcome(ctx: Context, outcome: ChangeOutcome) -> None:
    """On stderr: done, or where it waits, or what was taken back and in which order."""
    # A step that is done and says why has been kept where the others were undone.
    is_taken_back = any(
        step.state == "undone" or (step.state == "done" and step.error) for step in outcome.steps
    )
    if outcome.state == "ordered":
        say(
            "Change {number}: work orders are out; report them with “cloudctl change resume {number} --done-at TIME”.",
            number=outcome.change,
        )
    elif outcome.state == "undone":
        say("Change {number} is undone.", number=outcome.change)
    elif outcome.state == "failed" and not is_taken_back:
        say(
            "Change {number} has ended without steps that were refused: see “cloudctl change show {number}”.",
            number=outcome.change,
        )
    elif outcome.state == "failed":
        say("Change {number}: not all of it could be undone.", number=outcome.change)
    else:
        say("Change {number} is done.", number=outcome.change)
    if is_taken_back:
        for each in undoing_of(ctx, outcome):
            say(each.message.template, **each.message.values)
