"""`cloudctl request check|approve|refuse|withdraw|expire`: the steps up to a request's execution."""

from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import show_record
from cloudctl.cli.request_options import (
    asking_options,
    day_of,
    percent,
    show_findings,
    show_items,
    take,
    tell_step,
)
from cloudctl.cli.request_spec import cuts_of
from cloudctl.cli.run import Run, confirm, say
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.approve_request import Grant, Granted, approve_request
from cloudctl.operations.requests.check_request import Checked, check_request
from cloudctl.operations.requests.expire_grants import expire_grants
from cloudctl.operations.requests.refuse_request import refuse_request, withdraw_request
from cloudctl.operations.requests.show_requests import share, yuan
from policies.requests.amounts import reduction_rate
from policies.requests.model import items_json

if TYPE_CHECKING:
    from cloudctl.operations.context import Context


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl request check 12",
        "cloudctl request check 12 --reason “The server room is given up” --yes",
    ],
)
@click.argument("number", type=int)
@click.option("--reason", default="", metavar="TEXT", help="Why equipment that still works is given up.")
@asking_options
@click.pass_obj
def check(run: Run, number: int, reason: str, output: str, dry_run: bool, yes: bool) -> None:
    """Check a request technically: image, network, capacity, quota, price, budget, holds."""
    with run.open() as ctx:
        _show_check(ctx, check_request(rehearsal(ctx), number, reason), output)
        if dry_run:
            return
        confirm("Keep this check with the request?", yes=yes)
        checked = check_request(ctx, number, reason)
        tell_step(ctx, checked.step)
        if not checked.is_passed:
            say("It cannot be granted as it stands.")


def _show_check(ctx: "Context", checked: Checked, output: str) -> None:
    findings = [
        {"subject": str(f.subject), "verdict": str(f.level), "text": ctx.texts.message(f.message)}
        for f in checked.findings
    ]
    if output == "table":
        show_findings(ctx, findings)
        return
    record = {
        "request": checked.step.request,
        "passed": checked.is_passed,
        "monthly_price": yuan(checked.monthly_fen),
        "currency": ctx.site.currency,
        "findings": findings,
    }
    show_record(record, output, ctx.site.zone)


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as lei request approve 12",
        "cloudctl --as lei request approve 12 --grant tax-web,count=1,vcpus=2 --without tax-test "
        "--reason “Half will do” --yes",
    ],
)
@click.argument("number", type=int)
@click.option(
    "--grant",
    "grants",
    multiple=True,
    metavar="NAME,…",
    help="Grant less of a line: its name, then count=, vcpus=, memory-gib=, storage=TIER:GIB+….",
)
@click.option("--without", multiple=True, metavar="NAME", help="Grant nothing of this line.")
@click.option("--until", metavar="DAY", help="Grant a shorter term.")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed when less is granted.")
@asking_options
@click.pass_obj
def approve(
    run: Run,
    number: int,
    grants: tuple[str, ...],
    without: tuple[str, ...],
    until: str | None,
    reason: str,
    output: str,
    dry_run: bool,
    yes: bool,
) -> None:
    """Grant a checked request, in full or less, as panel member or approver."""
    grant = Grant(cuts_of(grants, without), day_of(until, "--until") if until else None, reason)
    with run.open() as ctx:
        _show_grant(ctx, approve_request(rehearsal(ctx), number, grant), output)
        if dry_run:
            return
        confirm("Grant it so?", yes=yes)
        tell_step(ctx, approve_request(ctx, number, grant).step)


def _show_grant(ctx: "Context", granted: Granted, output: str) -> None:
    asked, given = granted.asked, granted.granted
    rate = cut = None
    if asked.monthly_fen is not None and given.monthly_fen is not None:
        rate, cut = (
            reduction_rate(asked.monthly_fen, given.monthly_fen),
            asked.monthly_fen - given.monthly_fen,
        )
    record: dict[str, Any] = {
        "request": granted.step.request,
        "state": str(granted.step.state),
        "granted_items": items_json(granted.items),
        "asked": asked.added.as_json(),
        "granted": given.added.as_json(),
        "asked_monthly": yuan(asked.monthly_fen),
        "granted_monthly": yuan(given.monthly_fen),
        "cut_monthly": yuan(cut),
        "reduction_rate": share(rate),
        "currency": ctx.site.currency,
    }
    if output == "table":
        record["state"] = ctx.texts.label("request_state", granted.step.state)
        record["reduction_rate"] = percent(record["reduction_rate"])
        show_items(ctx, (), record.pop("granted_items"))
    show_record(record, output, ctx.site.zone)


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as lei request refuse 12 --reason “The present machines have room”",
        "cloudctl --as lei request refuse 12 --reason “Not budgeted” --yes",
    ],
)
@click.argument("number", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@asking_options
@click.pass_obj
def refuse(run: Run, number: int, reason: str, output: str, dry_run: bool, yes: bool) -> None:
    """Refuse a request, as panel member or approver."""
    with run.open() as ctx:
        take(ctx, lambda acting: [refuse_request(acting, number, reason)], output, dry_run=dry_run, yes=yes)


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl --as zhao request withdraw 12 --reason “No longer needed”",
        "cloudctl request withdraw 12 --reason “Asked twice” --yes",
    ],
)
@click.argument("number", type=int)
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@asking_options
@click.pass_obj
def withdraw(run: Run, number: int, reason: str, output: str, dry_run: bool, yes: bool) -> None:
    """Take a request back before it is carried out; what it had reserved is free again."""
    with run.open() as ctx:
        take(ctx, lambda acting: [withdraw_request(acting, number, reason)], output, dry_run=dry_run, yes=yes)


@click.command(
    cls=TranslatedCommand,
    examples=["cloudctl request expire --yes", "cloudctl request expire --dry-run"],
)
@asking_options
@click.pass_obj
def expire(run: Run, output: str, dry_run: bool, yes: bool) -> None:
    """Let grants lapse whose time is over; the scheduler does it by itself."""
    with run.open() as ctx:
        take(ctx, expire_grants, output, dry_run=dry_run, yes=yes)
