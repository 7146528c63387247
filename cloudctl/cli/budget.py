"""`cloudctl budget …`: units' yearly budgets against what was settled."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.money import yuan_text

PLAN = ("year", "unit", "kind", "before", "after", "currency")
COLUMNS = ("year", "unit", "unit_name", "kind", "amount", "settled", "running", "left", "currency")


@click.group(
    cls=TranslatedGroup, examples=["cloudctl budget apply budgets.yaml", "cloudctl budget list --year 2026"]
)
def budget() -> None:
    """Apply and list units' yearly budgets."""


@budget.command(
    examples=[
        "cloudctl budget apply budgets.yaml --dry-run",
        "cloudctl --as zhao budget apply budgets.yaml --yes",
    ]
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Show what would happen and change nothing.")
@output_option
@click.pass_obj
def apply(run: Run, file: Path, yes: bool, dry_run: bool, output: str) -> None:
    """Put budgets in force; those the file does not name stay."""
    from cloudctl.operations.settlement.apply_budgets import apply_budgets, plan_budgets

    with run.open() as ctx:
        steps = plan_budgets(ctx, file)
        rows = [
            {
                "year": step.year,
                "unit": step.unit,
                "kind": str(step.kind),
                "before": None if step.before_fen is None else yuan_text(step.before_fen),
                "after": yuan_text(step.after_fen),
                "currency": ctx.site.currency,
            }
            for step in steps
        ]
        show_list(rows, output, PLAN, ctx.site.zone, {"kind": "budget_kind"})
        if not steps:
            say("The budgets are as the file says; there is nothing to do.")
        elif not dry_run:
            confirm("Put {count} budget(s) in force as shown?", yes=yes, count=len(steps))
            apply_budgets(ctx, file)
            say("Applied.")


@budget.command("list", examples=["cloudctl budget list", "cloudctl budget list --year 2026 -o json"])
@click.option("--year", type=int, help="Only this year's.")
@output_option
@click.pass_obj
def list_(run: Run, year: int | None, output: str) -> None:
    """List budgets against what was settled and what is running."""
    from cloudctl.operations.settlement.apply_budgets import list_budgets

    with run.open() as ctx:
        show_list(list_budgets(ctx, year), output, COLUMNS, ctx.site.zone, {"kind": "budget_kind"})
