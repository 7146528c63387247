"""What the commands that move a request have in common: their options, the row they print, how they ask."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import confirm, say
from cloudctl.core.errors import UsageError
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.request_steps import RequestStep

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

ITEM_COLUMNS = ("part", "vm", "count", "pool", "vcpus", "memory_mib", "storage_gib", "image", "network")
FINDING_COLUMNS = ("subject", "verdict", "text")
STEP_COLUMNS = ("request", "kind", "unit", "system", "state")


def asking_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--dry-run, --yes and -o of a step."""
    for option in (
        click.option("--yes", "-y", is_flag=True, help="Answer yes to the question."),
        click.option("--dry-run", is_flag=True, help="Print the plan and change nothing."),
    ):
        function = option(function)
    return output_option(function)


def show_steps(
    ctx: "Context", steps: Sequence[RequestStep], output: str, *, are_numbered: bool = True
) -> None:
    """are_numbered False: those that are not in yet have no number."""
    rows = [
        {
            "request": s.request if are_numbered or not s.is_new else None,
            "kind": str(s.kind),
            "unit": s.unit,
            "system": s.system,
            "state": str(s.state),
        }
        for s in steps
    ]
    labels = {"kind": "request_kind", "state": "request_state"}
    show_list(rows, output, STEP_COLUMNS, ctx.site.zone, labels)


def take(
    ctx: "Context",
    act: "Callable[[Context], Sequence[RequestStep]]",
    output: str,
    *,
    dry_run: bool,
    yes: bool,
) -> None:
    """Rehearses the step, which refuses what it would refuse; prints where it leads; asks; takes it."""
    steps = act(rehearsal(ctx))
    show_steps(ctx, steps, output)
    if not steps:
        say("There is nothing to do.")
    if dry_run or not steps:
        return
    confirm("Carry it out?", yes=yes)
    for step in act(ctx):
        tell_step(ctx, step)


def show_items(
    ctx: "Context", asked: Iterable[Mapping[str, Any]], granted: Iterable[Mapping[str, Any]]
) -> None:
    """The lines as asked and as granted, for people."""
    parts = [("asked", item) for item in asked] + [("granted", item) for item in granted]
    nothing = {"vcpus": None, "memory_mib": None, "storage_gib": None}
    rows = [{"part": part, "vm": item["name"], **item, **(item["size"] or nothing)} for part, item in parts]
    show_list(rows, "table", ITEM_COLUMNS, ctx.site.zone, {"part": "request_part"})


def show_findings(ctx: "Context", findings: Sequence[Mapping[str, Any]]) -> None:
    """What a check found, for people."""
    labels = {"subject": "check_subject", "verdict": "finding_level"}
    show_list(findings, "table", FINDING_COLUMNS, ctx.site.zone, labels)


def day_of(text: str, option: str) -> date:
    """UsageError for what is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError("{option}: “{text}” is no day (2026-12-01).", option=option, text=text) from None


def percent(rate: float | None) -> str | None:
    """A share as people read it."""
    return None if rate is None else f"{rate * 100:.2f}%"


def tell_step(ctx: "Context", step: RequestStep) -> None:
    say(
        "Request {request}: {state}.",
        request=step.request,
        state=ctx.texts.label("request_state", step.state),
    )
