"""`cloudctl settle …`: a month from its draft to its seal, and what may be said of it afterwards."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.rehearse import answers, decide, rehearsed
from cloudctl.cli.run import Run, confirm, say
from cloudctl.cli.settle_closed import adjust, export, verify, waive
from cloudctl.core.errors import UsageError
from cloudctl.core.money import yuan_text

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

MONTHS = ("period", "state", "statements", "total", "currency", "closed_at")
STATEMENTS = ("number", "revision", "unit", "unit_name", "provider", "state", "total", "currency", "deadline")
LINES = (
    "line",
    "vm",
    "system",
    "item",
    "tier",
    "pool",
    "basis",
    "start",
    "end",
    "quantity",
    "unit_price",
    "per",
    "amount",
    "measured_hours",
    "missing_hours",
)
ISSUED = ("number", "revision", "unit", "total", "currency", "deadline")
LABELS = {"state": "statement_state", "item": "item", "basis": "basis", "per": "per"}


@click.group(
    cls=TranslatedGroup, examples=["cloudctl settle draft 2026-10", "cloudctl settle verify 2026-10"]
)
def settle() -> None:
    """Draft, sign, close, adjust and verify months."""


for command in (waive, adjust, verify, export):
    settle.add_command(command)


@settle.command(examples=["cloudctl settle draft 2026-10", "cloudctl settle draft 2026-10 --dry-run"])
@click.argument("period")
@click.option("--yes", "-y", is_flag=True, help="Accepted as everywhere; a draft asks nothing.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@output_option
@click.pass_obj
def draft(run: Run, period: str, yes: bool, dry_run: bool, output: str) -> None:
    """Compute a month's statements, as often as wanted until they are issued."""
    from cloudctl.operations.settlement.draft_settlement import draft_settlement

    with run.open() as ctx:
        done = draft_settlement(rehearsed(ctx) if dry_run else ctx, period)
        record = {
            "period": done.period,
            "statements": done.statements,
            "lines": done.lines,
            "held_back": done.held_back,
            "total": yuan_text(done.total_fen),
            "currency": ctx.site.currency,
        }
        show_record(record, output, ctx.site.zone)
        if done.held_back:
            say("{count} line(s) are held back, for too little was measured.", count=done.held_back)


@settle.command("list", examples=["cloudctl settle list", "cloudctl settle list -o json"])
@output_option
@click.pass_obj
def list_(run: Run, output: str) -> None:
    """List the months drafted so far."""
    from cloudctl.operations.settlement.read_settlement import list_settlements

    with run.open() as ctx:
        show_list(list_settlements(ctx), output, MONTHS, ctx.site.zone, {"state": "period_state"})


@settle.command(examples=["cloudctl settle show 2026-10 -o json", "cloudctl settle show 浪潮-2026-0001"])
@click.argument("what", metavar="PERIOD|NUMBER")
@output_option
@click.pass_obj
def show(run: Run, what: str, output: str) -> None:
    """Show a month with its statements, or one statement with its lines."""
    from cloudctl.operations.settlement.read_settlement import show_settlement, show_statement

    with run.open() as ctx:
        is_month = _is_month(what)
        found = show_settlement(ctx, what) if is_month else show_statement(ctx, what)
        if output in {"json", "yaml"}:
            show_record(found, output, ctx.site.zone)
        elif is_month:
            show_list(found["statements"], output, STATEMENTS, ctx.site.zone, LABELS)
            _tell_month(ctx, found)
        else:
            show_list(found["lines"], output, LINES, ctx.site.zone, LABELS)
            say("Total: {total} {currency} ({capitals})", capitals=found["total_capitals"], **_total(found))


@settle.command(examples=["cloudctl settle issue 2026-10 --yes", "cloudctl settle issue 2026-10 --dry-run"])
@click.argument("period")
@click.option("--statement", metavar="NUMBER", help="Only this statement.")
@answers
@output_option
@click.pass_obj
def issue(run: Run, period: str, statement: str | None, yes: bool, dry_run: bool, output: str) -> None:
    """Number the drafted statements and send them to their units."""
    from cloudctl.operations.settlement.issue_statements import issue_statements

    with run.open() as ctx:
        is_done = decide(
            ctx,
            lambda ctx: issue_statements(ctx, period, statement),
            lambda rows: show_list(rows, output, ISSUED, ctx.site.zone),
            lambda: confirm("Issue these statements of {period}?", yes=yes, period=period),
            yes=yes,
            dry_run=dry_run,
        )
        if is_done:
            say("Issued.")


@settle.command(
    "confirm",
    examples=[
        "cloudctl --as li settle confirm 浪潮-2026-0001",
        "cloudctl --as li settle confirm 2026-10 --yes",
    ],
)
@click.argument("number")
@answers
@click.pass_obj
def confirm_(run: Run, number: str, yes: bool, dry_run: bool) -> None:
    """Accept a statement, for its unit: by its number, or by the month where the unit has one."""
    from cloudctl.operations.settlement.answer_statement import confirm_statement, own_number

    with run.open() as ctx:
        number = own_number(ctx, number)
        confirm_statement(rehearsed(ctx), number)
        _tell_statement(ctx, number)
        if not dry_run:
            confirm("Confirm statement {number}?", yes=yes, number=number)
            confirm_statement(ctx, number)
            say("Confirmed.")


@settle.command(
    examples=[
        "cloudctl settle dispute 浪潮-2026-0001 --line 4 --reason 该虚拟机已于10日下线",
        "cloudctl settle dispute 浪潮-2026-0001 --line 4 --reason 单价有误 --yes",
    ]
)
@click.argument("number")
@click.option("--line", type=int, required=True, help="The line's number in the statement.")
@click.option("--reason", required=True, help="The reason, on record.")
@answers
@click.pass_obj
def dispute(run: Run, number: str, line: int, reason: str, yes: bool, dry_run: bool) -> None:
    """Object to a line of a statement, for its unit: by its number, or by the month where the unit has one."""
    from cloudctl.operations.settlement.answer_statement import dispute_statement, own_number

    with run.open() as ctx:
        number = own_number(ctx, number)
        dispute_statement(rehearsed(ctx), number, line, reason)
        _tell_statement(ctx, number)
        if not dry_run:
            confirm("Dispute line {line} of statement {number}?", yes=yes, line=line, number=number)
            dispute_statement(ctx, number, line, reason)
            say("Disputed.")


@settle.command(
    examples=[
        "cloudctl settle resolve 浪潮-2026-0001 --correct --reason 已更正 --yes",
        "cloudctl settle resolve 浪潮-2026-0001 --uphold --reason 计量无误",
    ]
)
@click.argument("number")
@click.option(
    "--correct", "answer", flag_value="correct", help="Draft the statement anew as its next revision."
)
@click.option("--uphold", "answer", flag_value="uphold", help="Keep the lines as they are.")
@click.option("--reason", required=True, help="The reason, on record.")
@answers
@output_option
@click.pass_obj
def resolve(
    run: Run, number: str, answer: str | None, reason: str, yes: bool, dry_run: bool, output: str
) -> None:
    """Answer a dispute: correct the statement, or uphold it."""
    if answer is None:
        raise UsageError("Say --correct or --uphold.")
    with run.open() as ctx:
        if answer == "correct":
            _correct(ctx, number, reason, (yes, dry_run), output)
        else:
            _uphold(ctx, number, reason, (yes, dry_run))


def _correct(ctx: "Context", number: str, reason: str, answers: tuple[bool, bool], output: str) -> None:
    from cloudctl.operations.settlement.resolve_dispute import Corrected, correct_statement

    def shown(plan: Corrected) -> None:
        record = {
            "number": plan.number,
            "revision": plan.revision,
            "total_before": yuan_text(plan.total_before_fen),
            "total": yuan_text(plan.total_fen),
            "currency": ctx.site.currency,
        }
        show_record(record, output, ctx.site.zone)
        if plan.total_before_fen == plan.total_fen:
            say("The evidence says the same total as before.")

    yes, dry_run = answers
    is_done = decide(
        ctx,
        lambda ctx: correct_statement(ctx, number, reason),
        shown,
        lambda: confirm("Put this draft in the place of statement {number}?", yes=yes, number=number),
        yes=yes,
        dry_run=dry_run,
    )
    if is_done:
        say("Drafted anew; issue it with “cloudctl settle issue”.")


def _uphold(ctx: "Context", number: str, reason: str, answers: tuple[bool, bool]) -> None:
    from cloudctl.operations.settlement.resolve_dispute import uphold_statement

    uphold_statement(rehearsed(ctx), number, reason)
    _tell_statement(ctx, number)
    yes, dry_run = answers
    if not dry_run:
        confirm("Uphold statement {number}?", yes=yes, number=number)
        uphold_statement(ctx, number, reason)
        say("Upheld; the unit's time to answer begins anew.")


@settle.command(
    examples=["cloudctl --as zhao settle approve 2026-10", "cloudctl --as zhao settle approve 2026-10 --yes"]
)
@click.argument("period")
@click.option("--statement", metavar="NUMBER", help="Only this statement.")
@answers
@click.pass_obj
def approve(run: Run, period: str, statement: str | None, yes: bool, dry_run: bool) -> None:
    """Approve answered statements (finance, who neither prepared nor answered them)."""
    from cloudctl.operations.settlement.approve_statements import approve_statements

    with run.open() as ctx:
        is_done = decide(
            ctx,
            lambda ctx: approve_statements(ctx, period, statement),
            lambda numbers: click.echo("\n".join(numbers)),
            lambda: confirm("Approve these statements of {period}?", yes=yes, period=period),
            yes=yes,
            dry_run=dry_run,
        )
        if is_done:
            say("Approved.")


@settle.command(
    examples=["cloudctl --as zhao settle close 2026-10", "cloudctl --as zhao settle close 2026-10 --yes"]
)
@click.argument("period")
@answers
@output_option
@click.pass_obj
def close(run: Run, period: str, yes: bool, dry_run: bool, output: str) -> None:
    """Seal an approved month with its evidence; afterwards nothing in it changes."""
    from cloudctl.operations.settlement.close_period import close_period, plan_closing

    with run.open() as ctx:
        if dry_run or not yes:
            plan = plan_closing(ctx, period)
            record = {
                "period": plan.period,
                "statements": plan.statements,
                "total": yuan_text(plan.total_fen),
                "currency": ctx.site.currency,
            }
            if dry_run:
                show_record(record, output, ctx.site.zone)
                return
            say("{statements} statement(s), {total} {currency}.", **record)
        confirm("Close {period} for good?", yes=yes, period=period)
        closed = close_period(ctx, period)
        record = {
            "period": closed.period,
            "statements": closed.statements,
            "total": yuan_text(closed.total_fen),
            "currency": ctx.site.currency,
            "evidence": closed.evidence,
            "algorithm": closed.algorithm,
            "seal": closed.seal,
        }
        show_record(record, output, ctx.site.zone)


def _is_month(text: str) -> bool:
    year, _, number = text.partition("-")
    return len(text) == 7 and year.isdigit() and number.isdigit()


def _total(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"total": record["total"], "currency": record["currency"]}


def _tell_month(ctx: "Context", found: Mapping[str, Any]) -> None:
    state = ctx.texts.label("period_state", found["state"])
    say("{period} is {state}.", period=found["period"], state=state)
    say("Total: {total} {currency} ({capitals})", capitals=found["total_capitals"], **_total(found))


def _tell_statement(ctx: "Context", number: str) -> None:
    """What is about to be signed, on stderr."""
    from cloudctl.operations.settlement.read_settlement import show_statement

    found: Mapping[str, Any] = show_statement(ctx, number)
    lines: Sequence[Any] = found["lines"]
    say(
        "Statement {number}, revision {revision}, of {unit}: {lines} line(s), {total} {currency}.",
        number=number,
        revision=found["revision"],
        unit=found["unit_name"],
        lines=len(lines),
        **_total(found),
    )
