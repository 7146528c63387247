"""`cloudctl request quota`: how much units may hold at most."""

from pathlib import Path

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list
from cloudctl.cli.run import Run, confirm, say
from cloudctl.operations.requests.apply_quotas import apply_quotas, list_quotas, plan_quotas

PLAN_COLUMNS = ("unit", "before", "after")
COLUMNS = (
    "unit",
    "machines_limit",
    "machines_held",
    "vcpus_limit",
    "vcpus_held",
    "memory_mib_limit",
    "memory_mib_held",
    "storage_gib_limit",
    "storage_gib_held",
)


@click.group(
    cls=TranslatedGroup,
    examples=["cloudctl request quota apply quotas.yaml", "cloudctl request quota list"],
)
def quota() -> None:
    """Apply and list units' quotas."""


@quota.command(
    examples=[
        "cloudctl request quota apply quotas.yaml --dry-run",
        "cloudctl request quota apply quotas.yaml --yes",
    ]
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", "-y", is_flag=True, help="Answer yes to the question.")
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@output_option
@click.pass_obj
def apply(run: Run, file: Path, yes: bool, dry_run: bool, output: str) -> None:
    """Put quotas in force; units the file does not name keep theirs."""
    with run.open() as ctx:
        rows = [
            {
                "unit": step.unit,
                "before": step.before.as_json() if step.before else None,
                "after": step.after.as_json(),
            }
            for step in plan_quotas(ctx, file)
        ]
        show_list(rows, output, PLAN_COLUMNS, ctx.site.zone)
        if not rows:
            say("The quotas are as the file says; there is nothing to do.")
        elif not dry_run:
            confirm("Put {count} quota(s) in force as shown?", yes=yes, count=len(rows))
            apply_quotas(ctx, file)
            say("Applied.")


@quota.command("list", examples=["cloudctl request quota list", "cloudctl request quota list -o json"])
@output_option
@click.pass_obj
def list_(run: Run, output: str) -> None:
    """List quotas beside what is held."""
    with run.open() as ctx:
        show_list(list_quotas(ctx), output, COLUMNS, ctx.site.zone)
