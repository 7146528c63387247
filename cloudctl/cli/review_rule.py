"""`cloudctl review rule`: versions of the under-use rule."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cloudctl.cli.command import TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.review_steps import step_options
from cloudctl.cli.run import Run, confirm, say
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.review.change_rule import approve_rule, list_rules, propose_rule, show_rule

if TYPE_CHECKING:
    from cloudctl.operations.context import Context

RULE_COLUMNS = ("version", "state", "valid_from", "proposed_by", "approved_by", "approved_at")


@click.group(
    "rule",
    cls=TranslatedGroup,
    examples=["cloudctl review rule list", "cloudctl --as shi review rule propose underuse.yaml"],
)
def rule() -> None:
    """Show and change the under-use rule; a change takes two people."""


@rule.command("list", examples=["cloudctl review rule list", "cloudctl review rule list -o json"])
@output_option
@click.pass_obj
def list_command(run: Run, output: str) -> None:
    """List the rule's versions."""
    with run.open() as ctx:
        show_list(
            [_labelled(ctx, row, output) for row in list_rules(ctx)], output, RULE_COLUMNS, ctx.site.zone
        )


@rule.command("show", examples=["cloudctl review rule show", "cloudctl review rule show 2 -o yaml"])
@click.argument("version", type=int, required=False)
@output_option
@click.pass_obj
def show_command(run: Run, version: int | None, output: str) -> None:
    """Show a version; left out: the one in force today."""
    with run.open() as ctx:
        record = _labelled(ctx, show_rule(ctx, version), output)
        if output == "table":
            for section, values in record.pop("rule").items():
                record[section] = values
        show_record(record, output, ctx.site.zone)


@rule.command(
    "propose",
    examples=[
        "cloudctl --as shi review rule propose underuse.yaml",
        "cloudctl --as shi review rule propose underuse.yaml --dry-run",
    ],
)
@click.argument("file", type=click.Path(path_type=Path))
@step_options
@click.pass_obj
def propose(run: Run, file: Path, output: str, dry_run: bool, yes: bool) -> None:
    """Propose a file as the next version."""
    with run.open() as ctx:
        planned = _labelled(ctx, propose_rule(rehearsal(ctx), file), output)
        show_list([planned], output, RULE_COLUMNS, ctx.site.zone)
        if dry_run:
            return
        confirm("Propose this version?", yes=yes)
        row = propose_rule(ctx, file)
        say("Version {version} is proposed; another person approves it.", version=row["version"])


@rule.command(
    "approve",
    examples=["cloudctl --as meng review rule approve 2", "cloudctl --as meng review rule approve 2 --yes"],
)
@click.argument("version", type=int)
@step_options
@click.pass_obj
def approve(run: Run, version: int, output: str, dry_run: bool, yes: bool) -> None:
    """Approve a version that somebody else proposed."""
    with run.open() as ctx:
        planned = _labelled(ctx, approve_rule(rehearsal(ctx), version), output)
        show_list([planned], output, RULE_COLUMNS, ctx.site.zone)
        if dry_run:
            return
        confirm("Put this version in force?", yes=yes)
        approve_rule(ctx, version)
        say("Version {version} is approved.", version=version)


def _labelled(ctx: "Context", row: dict[str, Any], output: str) -> dict[str, Any]:
    return {**row, "state": ctx.texts.label("rule_state", row["state"])} if output == "table" else row
