"""`cloudctl vm`: machines listed, shown and changed."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from cloudctl.cli.change_plan import carry_out, changing_options
from cloudctl.cli.command import TranslatedCommand, TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.cli.vm_adopt import adopt
from cloudctl.core.errors import UsageError
from cloudctl.core.inventory.model import is_code
from cloudctl.core.quantity import MOST_GIB, MOST_MEMORY_MIB, MOST_VCPUS
from cloudctl.operations.machines import plan_vm
from cloudctl.operations.machines.console_vm import attach, open_console
from cloudctl.operations.machines.list_vms import VmFilter, list_vms, show_vm
from cloudctl.operations.machines.transfer_vm import plan_transfer, transfer_vm
from provisioning.model import StepKind

LIST_COLUMNS = ["vm", "system", "unit", "pool", "host", "state", "vcpus", "memory_mib", "storage_gib"]
_GIB = re.compile("[0-9]{1,10}")
TRANSFER_COLUMNS = ["vm", "from_system", "from_unit", "to_system", "to_unit"]


@click.group(
    cls=TranslatedGroup, examples=["cloudctl vm list --pool gov", "cloudctl vm resize tax-db-1 --vcpus 4"]
)
def vm() -> None:
    """List, show and change machines."""


@vm.command(
    "list",
    cls=TranslatedCommand,
    examples=["cloudctl vm list --unit fin", "cloudctl vm list --pool gov --all -o csv"],
)
@click.option("--pool", metavar="CODE", help="Only this pool's.")
@click.option("--system", metavar="CODE", help="Only this system's.")
@click.option("--unit", metavar="CODE", help="Only this unit's.")
@click.option("--all", "with_retired", is_flag=True, help="Retired ones too.")
@output_option
@click.pass_obj
def list_command(
    run: Run, pool: str | None, system: str | None, unit: str | None, with_retired: bool, output: str
) -> None:
    """List machines: what they hold, for whom, where."""
    with run.open() as ctx:
        rows = list_vms(ctx, VmFilter(pool, system, unit, with_retired))
        if output == "table":
            rows = [{**row, "state": ctx.texts.label("vm_state", row["state"])} for row in rows]
        show_list(rows, output, LIST_COLUMNS, ctx.site.zone)


@vm.command(
    "show", cls=TranslatedCommand, examples=["cloudctl vm show tax-db-1", "cloudctl vm show tax-db-1 -o json"]
)
@click.argument("name")
@output_option
@click.pass_obj
def show_command(run: Run, name: str, output: str) -> None:
    """Show one machine, its power and its history."""
    with run.open() as ctx:
        row = show_vm(ctx, name)
        if output == "table":
            row["state"] = ctx.texts.label("vm_state", row["state"])
            row["power"] = ctx.texts.label("machine_state", row["power"] or "unknown")
        show_record(row, output, ctx.site.zone)


def _simple(name: str, plan: Callable[..., Any], help_text: str) -> None:
    """A command whose only argument is the machine."""

    @vm.command(
        name,
        cls=TranslatedCommand,
        help=help_text,
        examples=[f"cloudctl vm {name} tax-db-1", f"cloudctl vm {name} tax-db-1 --dry-run -o json"],
    )
    @click.argument("name")
    @changing_options
    @click.pass_obj
    def command(run: Run, name: str, output: str, dry_run: bool, yes: bool, reason: str) -> None:
        with run.open() as ctx:
            carry_out(ctx, plan(ctx, name), output=output, dry_run=dry_run, yes=yes, reason=reason)


_simple("start", plan_vm.plan_start, "Start a machine that is off.")
_simple("reboot", plan_vm.plan_reboot, "Restart a machine.")
_simple(
    "restore", plan_vm.plan_restore, "Bring back a machine that was put aside; it holds again what it held."
)


@vm.command(
    cls=TranslatedCommand,
    examples=["cloudctl vm stop tax-db-1", "cloudctl vm stop tax-db-1 --power-off --yes"],
)
@click.argument("name")
@click.option("--power-off", is_flag=True, help="Power it off if its guest does not shut down in time.")
@changing_options
@click.pass_obj
def stop(run: Run, name: str, power_off: bool, output: str, dry_run: bool, yes: bool, reason: str) -> None:
    """Stop a machine; it keeps what it holds."""
    with run.open() as ctx:
        plan = plan_vm.plan_stop(ctx, name, power_off=power_off)
        carry_out(ctx, plan, output=output, dry_run=dry_run, yes=yes, reason=reason)


@vm.command(
    cls=TranslatedCommand,
    examples=["cloudctl vm retire tax-db-1", "cloudctl vm retire tax-db-1 --now --yes"],
)
@click.argument("name")
@click.option("--now", "at_once", is_flag=True, help="Delete it for good at once, with all its disks.")
@changing_options
@click.pass_obj
def retire(run: Run, name: str, at_once: bool, output: str, dry_run: bool, yes: bool, reason: str) -> None:
    """Put a machine aside: off, holding nothing, kept some days and then deleted."""
    with run.open() as ctx:
        plan = plan_vm.plan_retire(ctx, name, at_once=at_once)
        carry_out(ctx, plan, output=output, dry_run=dry_run, yes=yes, reason=reason)
        if not dry_run and any(step.kind == StepKind.SHELVE for step in plan.steps):
            say(
                "It is kept {days} days; “cloudctl vm restore {name}” brings it back.",
                days=ctx.settings.machines.keep_days,
                name=name,
            )


@vm.command(
    cls=TranslatedCommand,
    examples=["cloudctl vm console tax-db-1", "cloudctl vm console tax-db-1 -o json"],
)
@click.argument("name")
@output_option
@click.pass_obj
def console(run: Run, name: str, output: str) -> None:
    """Open a machine's console, or print the address where it is."""
    from dataclasses import asdict

    with run.open() as ctx:
        found = open_console(ctx, name)
        if output != "table":
            show_record(asdict(found), output, ctx.site.zone)
            return
    if found.kind == "url":
        click.echo(found.url)
        return
    raise SystemExit(attach(found.command))


@vm.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl vm resize tax-db-1 --vcpus 4 --memory-mib 8192",
        "cloudctl vm resize tax-db-1 --storage ssd=800 --power-cycle",
    ],
)
@click.argument("name")
@click.option("--vcpus", type=click.IntRange(1, MOST_VCPUS), help="vCPUs it is to have.")
@click.option("--memory-mib", type=click.IntRange(1, MOST_MEMORY_MIB), help="Memory it is to have, in MiB.")
@click.option("--storage", metavar="TIER=GIB", multiple=True, help="Storage it is to have in a tier, in GiB.")
@click.option("--power-cycle", is_flag=True, help="With a restart, even where it could do without.")
@changing_options
@click.pass_obj
def resize(
    run: Run,
    name: str,
    vcpus: int | None,
    memory_mib: int | None,
    storage: tuple[str, ...],
    power_cycle: bool,
    output: str,
    dry_run: bool,
    yes: bool,
    reason: str,
) -> None:
    """Give a machine another size."""
    tiers = _tiers(storage)
    if vcpus is None and memory_mib is None and not tiers:
        raise UsageError("Say what is to change: --vcpus, --memory-mib or --storage.")
    with run.open() as ctx:
        plan = plan_vm.plan_resize(
            ctx, name, vcpus=vcpus, memory_mib=memory_mib, storage_gib=tiers, is_live=not power_cycle
        )
        carry_out(ctx, plan, output=output, dry_run=dry_run, yes=yes, reason=reason)


@vm.command(
    cls=TranslatedCommand,
    examples=["cloudctl vm migrate tax-db-1", "cloudctl vm migrate tax-db-1 --to n4 --yes"],
)
@click.argument("name")
@click.option("--to", "host", metavar="HOST", help="The host; left out: the best other one.")
@changing_options
@click.pass_obj
def migrate(
    run: Run, name: str, host: str | None, output: str, dry_run: bool, yes: bool, reason: str
) -> None:
    """Move a machine to another host of its pool."""
    with run.open() as ctx:
        plan = plan_vm.plan_migrate(ctx, name, host)
        carry_out(ctx, plan, output=output, dry_run=dry_run, yes=yes, reason=reason)


@vm.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl vm transfer tax-db-1 --to land",
        "cloudctl vm transfer tax-db-1 --to land --reason “merged” --yes",
    ],
)
@click.argument("name")
@click.option("--to", "system", metavar="SYSTEM", required=True, help="The system that takes it over.")
@changing_options
@click.pass_obj
def transfer(run: Run, name: str, system: str, output: str, dry_run: bool, yes: bool, reason: str) -> None:
    """Hand a machine over to another system from now on."""
    from dataclasses import asdict

    with run.open() as ctx:
        show_list([asdict(plan_transfer(ctx, name, system))], output, TRANSFER_COLUMNS, ctx.site.zone)
        if dry_run:
            return
        confirm("Carry it out?", yes=yes)
        done = transfer_vm(ctx, name, system, reason)
        say(
            "{vm} is held by {system} of {unit} from now on.",
            vm=done.vm,
            system=done.to_system,
            unit=done.to_unit,
        )


vm.add_command(adopt)


def _tiers(given: Sequence[str]) -> dict[str, int]:
    tiers: dict[str, int] = {}
    for text in given:
        tier, _, gib = text.partition("=")
        if not is_code(tier) or _GIB.fullmatch(gib) is None or not 1 <= int(gib) <= MOST_GIB:
            raise UsageError("“{text}” is not a tier and a size (ssd=500).", text=text)
        if tier in tiers:
            raise UsageError("--storage names the tier {tier} twice.", tier=tier)
        tiers[tier] = int(gib)
    return tiers
