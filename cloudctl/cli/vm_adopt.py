"""`cloudctl vm adopt`: machines that nobody answers for, listed, decided on, taken over."""

from datetime import datetime
from pathlib import Path

import click

from cloudctl.cli.change_plan import changing_options, print_plan, tell_outcome
from cloudctl.cli.command import TranslatedCommand
from cloudctl.cli.output import show_list
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.clock import parse_when
from cloudctl.core.errors import Refused, UsageError
from cloudctl.operations.context import Context
from cloudctl.operations.machines.adopt_machines import (
    Adoption,
    adopt_machines,
    adoption_plan,
    require_time,
)
from cloudctl.operations.machines.adopt_vm import plan_adoption
from cloudctl.operations.machines.adoption_sheet import make_adoption_sheet, read_adoption_sheet
from cloudctl.operations.machines.list_orphans import Orphans, list_orphans
from cloudctl.operations.machines.owner_rules import read_owner_rules
from cloudctl.operations.machines.rebuild_owners import plan_rebuilding
from cloudctl.operations.machines.unasked_pools import reasons_of

COLUMNS = [
    "pool",
    "vm",
    "host",
    "power",
    "vcpus",
    "memory_mib",
    "storage_gib",
    "labels",
    "system",
    "unit",
    "rule",
]


@click.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl vm adopt",
        "cloudctl vm adopt old-web-1 --system tax --yes",
        "cloudctl vm adopt --sheet machines.xlsx --rules owners.yaml",
        "cloudctl vm adopt --from machines.xlsx --at 2026-10-01 --yes",
    ],
)
@click.argument("name", required=False)
@click.option("--system", metavar="CODE", help="The system that takes it over.")
@click.option("--pool", metavar="CODE", help="Only this pool's.")
@click.option(
    "--sheet", type=click.Path(path_type=Path), metavar="FILE.xlsx", help="Write the sheet to decide on."
)
@click.option(
    "--from",
    "filled",
    type=click.Path(path_type=Path),
    metavar="FILE.xlsx",
    help="Adopt by a sheet that was filled in.",
)
@click.option(
    "--rebuild", is_flag=True, help="Take up again what carries an id and an owner in its metadata."
)
@click.option(
    "--rules",
    "rule_file",
    type=click.Path(path_type=Path),
    metavar="FILE.yaml",
    help="The site's own rules of owners, for the list and the sheet.",
)
@click.option("--at", "since", metavar="TIME", help="Since when they are held; left out: from now on.")
@changing_options
@click.pass_obj
def adopt(
    run: Run,
    name: str | None,
    system: str | None,
    pool: str | None,
    sheet: Path | None,
    filled: Path | None,
    rebuild: bool,
    rule_file: Path | None,
    since: str | None,
    output: str,
    dry_run: bool,
    yes: bool,
    reason: str,
) -> None:
    """List the machines that nobody answers for, or take them over as they are."""
    if sum((name is not None, sheet is not None, filled is not None, rebuild)) > 1:
        raise UsageError("Choose one: a name, --sheet, --from or --rebuild.")
    if (name is None) != (system is None):
        raise UsageError("A name and --system go together.")
    if rule_file is not None and (name is not None or filled is not None or rebuild):
        raise UsageError("--rules goes with the list and with --sheet.")
    adopts = name is not None or filled is not None or rebuild
    if since is not None and not adopts:
        raise UsageError("--at goes with what is taken over: a name, --from or --rebuild.")
    if pool is not None and filled is not None:
        raise UsageError("--pool does not go with --from: the sheet says where each machine stands.")
    with run.open() as ctx:
        rules = read_owner_rules(ctx, rule_file) if rule_file is not None else ()
        when = parse_when(since, ctx.site.zone, "--at") if since is not None else None
        if sheet is not None:
            say(
                "{count} machine(s) on the sheet {path}.",
                count=make_adoption_sheet(ctx, sheet, pool, rules, dry_run=dry_run),
                path=sheet,
            )
        elif name is not None and system is not None:
            wanted = [plan_adoption(ctx, name, system, pool)]
            _carry_out(ctx, wanted, when, output=output, dry_run=dry_run, yes=yes, reason=reason)
        elif filled is not None:
            wanted = read_adoption_sheet(ctx, filled)
            _carry_out(ctx, wanted, when, output=output, dry_run=dry_run, yes=yes, reason=reason)
        elif rebuild:
            found = plan_rebuilding(ctx, pool)
            for who, why in found.left:
                say("{name} is left: {why}", name=who, why=ctx.texts.message(why))
            _carry_out(ctx, found.adoptions, when, output=output, dry_run=dry_run, yes=yes, reason=reason)
        else:
            _list(ctx, list_orphans(ctx, pool, rules), output)


def _list(ctx: Context, orphans: Orphans, output: str) -> None:
    rows = [orphan.row() for orphan in orphans.found]
    if output == "table":
        for row in rows:
            row["power"] = ctx.texts.label("machine_state", row["power"])
            row["rule"] = ctx.texts.label("owner_rule", row["rule"]) if row["rule"] else None
    show_list(rows, output, COLUMNS, ctx.site.zone)
    for reason in reasons_of(orphans.unreachable):
        click.echo(f"{reason.place}: {ctx.texts.message(reason.message)}", err=True)


def _carry_out(
    ctx: Context,
    wanted: "list[Adoption] | tuple[Adoption, ...]",
    since: datetime | None,
    *,
    output: str,
    dry_run: bool,
    yes: bool,
    reason: str,
) -> None:
    if not wanted:
        raise Refused("There is nothing to adopt.")
    require_time(ctx, since)
    print_plan(ctx, adoption_plan(wanted, since), output)
    if dry_run:
        return
    confirm("Carry it out?", yes=yes)
    tell_outcome(ctx, adopt_machines(ctx, wanted, reason, since))
