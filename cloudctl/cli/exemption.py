"""`cloudctl exemption`: machines left out of review."""

from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.review_steps import step_options
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.review.change_exemptions import add_exemption, end_exemption, list_exemptions
from policies.exemption import BY_HAND, ExemptionKind

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

COLUMNS = ("exemption", "vm", "kind", "owner", "reason", "start", "end", "in_force")


@click.group(
    cls=TranslatedGroup,
    examples=[
        "cloudctl exemption list",
        "cloudctl exemption add tax-db-2 --kind standby --owner wang --reason “Standby of tax-db-1” --until 2027-10-01",
    ],
)
def exemption() -> None:
    """Exempt machines from review, with owner, reason and end."""


@exemption.command("list", examples=["cloudctl exemption list", "cloudctl exemption list --all -o json"])
@click.option("--all", "is_all", is_flag=True, help="Ended ones too.")
@output_option
@click.pass_obj
def list_command(run: Run, is_all: bool, output: str) -> None:
    """List exemptions in force."""
    with run.open() as ctx:
        rows = [_labelled(ctx, row, output) for row in list_exemptions(ctx, is_all=is_all)]
        show_list(rows, output, COLUMNS, ctx.site.zone)


@exemption.command(
    "add",
    examples=[
        "cloudctl exemption add tax-db-2 --kind standby --owner wang --reason “Standby of tax-db-1” --until 2027-10-01",
        "cloudctl exemption add exam-1 --kind seasonal --owner duan --reason “Exams in June” --until 2027-07-01 --yes",
    ],
)
@click.argument("vm")
@click.option(
    "--kind", type=click.Choice([str(kind) for kind in BY_HAND]), default="other", help="What kind it is."
)
@click.option("--owner", required=True, metavar="LOGIN", help="Who answers for it.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@click.option("--until", "--end", "end", required=True, metavar="TIME", help="When it ends.")
@step_options
@click.pass_obj
def add(
    run: Run, vm: str, kind: str, owner: str, reason: str, end: str, output: str, dry_run: bool, yes: bool
) -> None:
    """Exempt a machine until a date."""
    with run.open() as ctx:
        until = parse_when(end, ctx.site.zone, "--until")

        def act(acting: "Context") -> dict[str, Any]:
            return add_exemption(acting, vm, ExemptionKind(kind), owner, reason, until)

        def show(row: dict[str, Any]) -> None:
            show_list([_labelled(ctx, row, output)], output, COLUMNS, ctx.site.zone)

        if not yes or dry_run:
            # Its number is known when it is in: a rehearsed one may go to somebody else.
            show(act(rehearsal(ctx)) | {"exemption": None})
        if dry_run:
            return
        confirm("Exempt {vm}?", yes=yes, vm=vm)
        row = act(ctx)
        if yes:
            show(row)
        say("{vm} is exempt (number {number}).", vm=vm, number=row["exemption"])


@exemption.command("end", examples=["cloudctl exemption end 3", "cloudctl exemption end 3 --yes"])
@click.argument("number", type=int)
@step_options
@click.pass_obj
def end_command(run: Run, number: int, output: str, dry_run: bool, yes: bool) -> None:
    """End an exemption now."""
    with run.open() as ctx:
        row = end_exemption(rehearsal(ctx), number)
        show_list([_labelled(ctx, row, output)], output, COLUMNS, ctx.site.zone)
        if dry_run:
            return
        confirm("End exemption {number}?", yes=yes, number=number)
        end_exemption(ctx, number)
        say("{vm} is reviewed again.", vm=row["vm"])


def _labelled(ctx: "Context", row: dict[str, Any], output: str) -> dict[str, Any]:
    return {**row, "kind": ctx.texts.label("exemption_kind", row["kind"])} if output == "table" else row
