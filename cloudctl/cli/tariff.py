"""`cloudctl tariff …`: prices in force and their history."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run, confirm, say

PLAN = ("step", "code", "valid_from", "valid_to", "pools", "items")
COLUMNS = (
    "code",
    "version",
    "pools",
    "valid_from",
    "valid_to",
    "items",
    "in_force",
    "applied_by",
    "applied_at",
)
LABELS = {"item": "item", "per": "per", "basis": "basis", "tiering": "tiering"}
PRICES = (
    "code",
    "pools",
    "valid_from",
    "valid_to",
    "item",
    "tier",
    "per",
    "basis",
    "tiering",
    "above",
    "to",
    "price",
    "currency",
)


@click.group(cls=TranslatedGroup, examples=["cloudctl tariff apply tariffs.yaml", "cloudctl tariff show std"])
def tariff() -> None:
    """Apply, list and show tariffs."""


@tariff.command(
    examples=["cloudctl tariff apply tariffs.yaml --dry-run", "cloudctl tariff apply tariffs.yaml --yes"]
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@output_option
@click.pass_obj
def apply(run: Run, file: Path, yes: bool, dry_run: bool, output: str) -> None:
    """Put a price list in force; closed months keep theirs."""
    from cloudctl.operations.settlement.apply_tariffs import apply_tariffs, plan_tariffs

    with run.open() as ctx:
        plan = plan_tariffs(ctx, file)
        rows = []
        for step in plan.steps:
            shown = step.after or step.before
            assert shown is not None
            rows.append({"step": step.step, **shown.as_json()} | {"items": len(shown.rates)})
        show_list(rows, output, PLAN, ctx.site.zone, {"step": "tariff_step"})
        if not plan.steps:
            say("The tariffs are as the file says; there is nothing to do.")
        elif not dry_run:
            confirm("Put {count} tariff(s) in force as shown?", yes=yes, count=len(plan.steps))
            apply_tariffs(ctx, file)
            say("Applied.")


@tariff.command("list", examples=["cloudctl tariff list", "cloudctl tariff list --history -o json"])
@click.option("--history", is_flag=True, help="Show every version there ever was.")
@output_option
@click.pass_obj
def list_(run: Run, history: bool, output: str) -> None:
    """List the tariffs in force."""
    from cloudctl.operations.settlement.apply_tariffs import list_tariffs

    with run.open() as ctx:
        show_list(list_tariffs(ctx, history=history), output, COLUMNS, ctx.site.zone)


@tariff.command(examples=["cloudctl tariff show std", "cloudctl tariff show std -o csv"])
@click.argument("code")
@output_option
@click.pass_obj
def show(run: Run, code: str, output: str) -> None:
    """Show a tariff's prices."""
    from cloudctl.operations.settlement.apply_tariffs import show_tariff

    with run.open() as ctx:
        show_list(show_tariff(ctx, code), output, PRICES, ctx.site.zone, LABELS)
