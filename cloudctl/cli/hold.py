"""`cloudctl hold …`: the funding-hold list."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

COLUMNS = (
    "hold",
    "unit",
    "unit_name",
    "state",
    "ground",
    "reason",
    "placed_by",
    "placed_at",
    "lifted_by",
    "lifted_at",
)
LABELS = {"state": "hold_state", "ground": "hold_ground"}
GROUNDS = ("failed_equipment", "aged_equipment", "not_on_cloud", "not_adapted")


@click.group(cls=TranslatedGroup, examples=["cloudctl hold list", "cloudctl hold lift 3 --reason …"])
def hold() -> None:
    """List, place and lift funding holds."""


@hold.command("list", examples=["cloudctl hold list", "cloudctl hold list --history -o json"])
@click.option("--history", is_flag=True, help="Show lifted ones too.")
@output_option
@click.pass_obj
def list_(run: Run, history: bool, output: str) -> None:
    """List proposed and placed holds."""
    from cloudctl.operations.settlement.decide_hold import list_holds

    with run.open() as ctx:
        show_list(list_holds(ctx, history=history), output, COLUMNS, ctx.site.zone, LABELS)


@hold.command(
    examples=[
        "cloudctl --as zhao hold place fin --ground aged_equipment --reason 超期服役 --yes",
        "cloudctl hold place fin --ground not_on_cloud --reason 未上云",
    ]
)
@click.argument("unit")
@click.option("--ground", type=click.Choice(GROUNDS), required=True, help="Why.")
@click.option("--reason", required=True, help="The reason, on record.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@output_option
@click.pass_obj
def place(run: Run, unit: str, ground: str, reason: str, yes: bool, dry_run: bool, output: str) -> None:
    """Place a hold on a unit (finance), or propose one (operator)."""
    from cloudctl.operations.settlement.decide_hold import place_hold, plan_hold
    from policies.funding.model import HoldGround

    with run.open() as ctx:
        plan = plan_hold(ctx, unit, HoldGround(ground), reason)
        if dry_run:
            _show(ctx, plan, output)
            return
        confirm("Hold back funding of {unit}?", yes=yes, unit=plan["unit_name"])
        _show(ctx, place_hold(ctx, unit, HoldGround(ground), reason), output)


@hold.command(
    examples=["cloudctl hold lift 3 --reason 设备已更新", "cloudctl hold lift 3 --reason 已上云 --yes"]
)
@click.argument("number", type=int)
@click.option("--reason", required=True, help="The reason, on record.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@output_option
@click.pass_obj
def lift(run: Run, number: int, reason: str, yes: bool, dry_run: bool, output: str) -> None:
    """Lift a hold, or turn a proposed one down (finance)."""
    from cloudctl.operations.settlement.decide_hold import lift_hold, plan_lift

    with run.open() as ctx:
        plan = plan_lift(ctx, number, reason)
        if dry_run:
            _show(ctx, plan, output)
            return
        confirm("Lift hold {number} on {unit}?", yes=yes, number=number, unit=plan["unit_name"])
        _show(ctx, lift_hold(ctx, number, reason), output)
        say("Lifted.")


def _show(ctx: "Context", hold: Mapping[str, Any], output: str) -> None:
    """One hold; in a table its state and ground by name."""
    names = (
        {key: ctx.texts.label(kind, hold[key]) for key, kind in LABELS.items()} if output == "table" else {}
    )
    show_record({**hold, **names}, output, ctx.site.zone)
