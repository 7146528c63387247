"""`cloudctl review notify|answer|vote|decide|appeal|schedule|deadlines`: the steps up to a case's execution."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.core.errors import UsageError
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.appeal_case import appeal_case
from cloudctl.operations.review.case_steps import CaseStep
from cloudctl.operations.review.decide_case import decidable_cases, decide_cases
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.review_deadlines import pass_review_deadlines
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.vote_case import vote_case
from policies.panel import Answer, Decision

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

STEP_COLUMNS = ("case", "vm", "state", "decision")


def step_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--dry-run, --yes and -o of a step."""
    for option in (
        click.option("--yes", "-y", is_flag=True, help="Answer yes to the question."),
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
    ):
        function = option(function)
    return output_option(function)


def take(
    ctx: "Context", act: "Callable[[Context], Sequence[CaseStep]]", output: str, dry_run: bool, yes: bool
) -> None:
    """Rehearses the step, which refuses what it would refuse; prints where it leads; asks; takes it."""
    show_list(step_rows(ctx, act(rehearsal(ctx)), output), output, STEP_COLUMNS, ctx.site.zone)
    if dry_run:
        return
    confirm("Carry it out?", yes=yes)
    for step in act(ctx):
        say("Case {case} on {vm}: {state}.", case=step.case, vm=step.vm, state=step_text(ctx, step))


def step_rows(ctx: "Context", steps: Sequence[CaseStep], output: str) -> list[dict[str, Any]]:
    rows = [{"case": s.case, "vm": s.vm, "state": str(s.state), "decision": s.decision} for s in steps]
    return [_labelled(ctx, row) for row in rows] if output == "table" else rows


def _labelled(ctx: "Context", row: dict[str, Any]) -> dict[str, Any]:
    decision = row["decision"] and ctx.texts.label("decision", row["decision"])
    return {**row, "state": ctx.texts.label("case_state", row["state"]), "decision": decision}


def step_text(ctx: "Context", step: CaseStep) -> str:
    state = ctx.texts.label("case_state", step.state)
    is_decided = step.state == "decided" and step.decision
    return (
        f"{state} – {ctx.texts.label('decision', step.decision)}" if is_decided and step.decision else state
    )


@click.command(
    "notify",
    cls=TranslatedCommand,
    examples=["cloudctl review notify 12 13", "cloudctl review notify --all --yes"],
)
@click.argument("cases", type=int, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All cases that wait for it.")
@step_options
@click.pass_obj
def notify(run: Run, cases: tuple[int, ...], is_all: bool, output: str, dry_run: bool, yes: bool) -> None:
    """Tell the owning units; their time for answering begins."""
    require_choice(cases, is_all)
    with run.open() as ctx:
        take(ctx, lambda acting: notify_cases(acting, None if is_all else cases), output, dry_run, yes)


@click.command(
    "answer",
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as zhao review answer 12 --accept",
        "cloudctl --as zhao review answer 12 --argue “Year-end load comes” --yes",
    ],
)
@click.argument("case", type=int)
@click.option("--accept", is_flag=True, help="The unit agrees.")
@click.option("--argue", metavar="TEXT", help="The unit does not agree, and says why.")
@step_options
@click.pass_obj
def answer(
    run: Run, case: int, accept: bool, argue: str | None, output: str, dry_run: bool, yes: bool
) -> None:
    """Answer for the owning unit: accept, or argue."""
    if accept == (argue is not None):
        raise UsageError("Answer with --accept or with --argue TEXT.")
    chosen = Answer.ACCEPT if accept else Answer.ARGUE
    with run.open() as ctx:
        take(ctx, lambda acting: [answer_case(acting, case, chosen, argue or "")], output, dry_run, yes)


@click.command(
    "vote",
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as lei review vote 12 cut --reason “Half of it was never used”",
        "cloudctl --as duan review vote 12 keep --reason “Exams in June” --yes",
    ],
)
@click.argument("case", type=int)
@click.argument("choice", type=click.Choice([str(choice) for choice in Decision]))
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@step_options
@click.pass_obj
def vote(run: Run, case: int, choice: str, reason: str, output: str, dry_run: bool, yes: bool) -> None:
    """Vote on a case as a member of the panel."""
    with run.open() as ctx:
        take(ctx, lambda acting: [vote_case(acting, case, Decision(choice), reason)], output, dry_run, yes)


@click.command(
    "decide",
    cls=TranslatedCommand,
    examples=["cloudctl review decide 12", "cloudctl review decide --all --yes"],
)
@click.argument("cases", type=int, nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All cases that wait for it.")
@step_options
@click.pass_obj
def decide(run: Run, cases: tuple[int, ...], is_all: bool, output: str, dry_run: bool, yes: bool) -> None:
    """Draw the decision that the answer or the votes amount to."""
    require_choice(cases, is_all)
    with run.open() as ctx:
        numbers = decidable_cases(ctx) if is_all else cases
        take(ctx, lambda acting: decide_cases(acting, numbers), output, dry_run, yes)


@click.command(
    "appeal",
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as zhao review appeal 12 --reason “The new system goes live in May”",
        "cloudctl --as zhao review appeal 12 --reason “Wrong machine” --yes",
    ],
)
@click.argument("case", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@step_options
@click.pass_obj
def appeal(run: Run, case: int, reason: str, output: str, dry_run: bool, yes: bool) -> None:
    """Appeal for the owning unit, once: the panel votes anew."""
    with run.open() as ctx:
        take(ctx, lambda acting: [appeal_case(acting, case, reason)], output, dry_run, yes)


@click.command(
    "schedule",
    cls=TranslatedCommand,
    examples=[
        "cloudctl review schedule 12",
        "cloudctl review schedule 12 --at 2026-11-07T22:30:00+08:00 --yes",
    ],
)
@click.argument("case", type=int)
@click.option("--at", metavar="TIME", help="When; left out: when the maintenance window opens next.")
@step_options
@click.pass_obj
def schedule(run: Run, case: int, at: str | None, output: str, dry_run: bool, yes: bool) -> None:
    """Set when a decided case is carried out, in the system's maintenance window."""
    with run.open() as ctx:
        when = parse_when(at, ctx.site.zone, "--at") if at else None
        take(ctx, lambda acting: [schedule_case(acting, case, when)], output, dry_run, yes)


@click.command(
    "deadlines",
    cls=TranslatedCommand,
    examples=["cloudctl review deadlines --yes", "cloudctl review deadlines --dry-run"],
)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.pass_obj
def deadlines(run: Run, dry_run: bool, yes: bool) -> None:
    """Do what passed terms ask for: remind, let the panel vote, decide."""
    with run.open() as ctx:
        _tell_passed(rehearsal(ctx))
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        pass_review_deadlines(ctx)


def _tell_passed(ctx: "Context") -> None:
    passed = pass_review_deadlines(ctx)
    say(
        "{reminded} reminded, {silent} silent (the panel may vote), {decided} decided.",
        reminded=len(passed.reminded),
        silent=len(passed.silent),
        decided=len(passed.decided),
    )


def require_choice(cases: Sequence[int], is_all: bool) -> None:
    if bool(cases) == is_all:
        raise UsageError("Name cases by their numbers, or give --all.")
