"""`cloudctl review execute|watch|rollback`: what touches machines, and what follows from it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.review_steps import require_choice, step_options, step_text
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.core.errors import UsageError
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.review.case_steps import CaseStep
from cloudctl.operations.review.execute_case import check_execute, execute_case
from cloudctl.operations.review.roll_back_case import planned_rollback, roll_back_case
from cloudctl.operations.review.watch_cases import finish_watch, watch_cases

if TYPE_CHECKING:
    from cloudctl.operations.context import Context
    from provisioning.model import Step

PLAN_COLUMNS = ("step", "kind", "target", "before", "after", "live")
WATCH_COLUMNS = ("case", "vm", "state", "verdict", "p95", "steal_share", "coverage")


@click.command(
    "execute",
    cls=TranslatedCommand,
    examples=[
        "cloudctl review execute 12",
        "cloudctl review execute 12 --done-at 2026-11-07T23:10:00+08:00 --yes",
    ],
)
@click.argument("case", type=int)
@click.option("--done-at", metavar="TIME", help="When what was ordered from others was carried out.")
@step_options
@click.pass_obj
def execute(run: Run, case: int, done_at: str | None, output: str, dry_run: bool, yes: bool) -> None:
    """Carry a scheduled case out, or go on with it."""
    with run.open() as ctx:
        when = parse_when(done_at, ctx.site.zone, "--done-at") if done_at else None
        _show_plan(ctx, check_execute(ctx, case, done_at=when), output)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        _tell(ctx, execute_case(ctx, case, done_at=when))


@click.command(
    "rollback",
    cls=TranslatedCommand,
    examples=[
        "cloudctl review rollback 12 --reason “Slow since Sunday”",
        "cloudctl review rollback 12 --dry-run -o json",
    ],
)
@click.argument("case", type=int)
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option("--done-at", metavar="TIME", help="When what was ordered from others was carried out.")
@step_options
@click.pass_obj
def rollback(
    run: Run, case: int, reason: str, done_at: str | None, output: str, dry_run: bool, yes: bool
) -> None:
    """Restore the exact earlier size."""
    with run.open() as ctx:
        when = parse_when(done_at, ctx.site.zone, "--done-at") if done_at else None
        _show_plan(ctx, planned_rollback(ctx, case), output)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        _tell(ctx, roll_back_case(ctx, case, reason, done_at=when))


@click.command(
    "watch",
    cls=TranslatedCommand,
    examples=[
        "cloudctl review watch --all",
        "cloudctl review watch 12 --finish --reason “Nobody measures it” --yes",
    ],
)
@click.argument("cases", type=int, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All cases under watch.")
@click.option("--finish", is_flag=True, help="End the watch of the case named, whatever was measured.")
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@output_option
@click.pass_obj
def watch(
    run: Run,
    cases: tuple[int, ...],
    is_all: bool,
    finish: bool,
    reason: str,
    dry_run: bool,
    yes: bool,
    output: str,
) -> None:
    """Look at the samples since the change: propose a rollback, or end the watch."""
    if finish and len(cases) != 1:
        raise UsageError("--finish wants one case.")
    with run.open() as real:
        ctx = rehearsal(real) if dry_run else real
        if finish:
            if dry_run:
                _tell(ctx, finish_watch(ctx, cases[0], reason))
                return
            confirm("End the watch of case {case}?", yes=yes, case=cases[0])
            _tell(ctx, finish_watch(ctx, cases[0], reason))
            return
        require_choice(cases, is_all)
        rows = [
            {
                "case": seen.step.case,
                "vm": seen.step.vm,
                "state": str(seen.step.state),
                "verdict": str(seen.verdict),
                "p95": seen.p95,
                "steal_share": seen.steal_share,
                "coverage": seen.coverage,
            }
            for seen in watch_cases(ctx, None if is_all else cases)
        ]
        if output == "table":
            for row in rows:
                row["state"] = ctx.texts.label("case_state", str(row["state"]))
                row["verdict"] = ctx.texts.label("watch_verdict", str(row["verdict"]))
        show_list(rows, output, WATCH_COLUMNS, ctx.site.zone)


def _show_plan(ctx: "Context", steps: "Sequence[Step]", output: str) -> None:
    rows = [
        {
            "step": number,
            "kind": ctx.texts.label("step_kind", step.kind) if output == "table" else str(step.kind),
            "target": step.name,
            "before": step.before,
            "after": step.after,
            "live": step.is_live,
        }
        for number, step in enumerate(steps, 1)
    ]
    show_list(rows, output, PLAN_COLUMNS, ctx.site.zone)


def _tell(ctx: "Context", step: CaseStep) -> None:
    say("Case {case} on {vm}: {state}.", case=step.case, vm=step.vm, state=step_text(ctx, step))
    if step.state == "executing":
        say(
            "Work orders are out; report them with “cloudctl review execute {case} --done-at TIME”.",
            case=step.case,
        )
