"""`cloudctl host`: hosts listed, shown, emptied and opened again."""

import sys
from collections.abc import Callable
from itertools import count

import click

from cloudctl.cli.change_plan import changing_options, print_plan
from cloudctl.cli.command import TranslatedCommand, TranslatedGroup
from cloudctl.cli.output import output_option, show_list, show_record
from cloudctl.cli.run import Run, confirm, say
from cloudctl.core.errors import Problem, Refused
from cloudctl.operations.context import Context
from cloudctl.operations.estate import show_estate
from cloudctl.operations.machines.drain_host import drain_host, plan_drain, plan_undrain, undrain_host
from cloudctl.operations.machines.evacuate_host import evacuate_host, plan_evacuation
from cloudctl.operations.machines.host_plan import HostPlan
from cloudctl.operations.machines.inspect_host import inspect_host
from cloudctl.operations.machines.probe_host import probe_host
from cloudctl.operations.machines.show_change import ChangeOutcome
from provisioning.executor import Entry

HOSTS = (
    "pool",
    "code",
    "rack",
    "draining",
    "capacity_vcpus",
    "capacity_memory_mib",
    "machines",
    "vcpus",
    "memory_mib",
)

PARTS = {
    "cells": ("number", "cpus", "memory_mib", "huge_pages_mib"),
    "storage_pools": ("name", "kind", "is_active", "tier", "capacity_gib", "free_gib"),
    "networks": ("name", "is_active", "bridge"),
}
PROBE_COLUMNS = ("kind", "is_offered", "works", "seconds", "reason", "detail")


@click.group(cls=TranslatedGroup, examples=["cloudctl host list", "cloudctl host drain gov/n1 --dry-run"])
def host() -> None:
    """List, show, empty and open hosts."""


@host.command("list", examples=["cloudctl host list", "cloudctl host list -o csv"])
@output_option
@click.pass_obj
def list_hosts(run: Run, output: str) -> None:
    """List hosts with what is held on them."""
    with run.open() as ctx:
        show_list(show_estate.list_hosts(ctx), output, HOSTS, ctx.site.zone)


@host.command("show", examples=["cloudctl host show gov/n1", "cloudctl host show n1 -o json"])
@click.argument("code")
@output_option
@click.pass_obj
def show_host(run: Run, code: str, output: str) -> None:
    """Show a host and its machines."""
    with run.open() as ctx:
        show_record(show_estate.show_host(ctx, code), output, ctx.site.zone)


@host.command(
    "inspect",
    cls=TranslatedCommand,
    examples=["cloudctl host inspect gov/n1", "cloudctl host inspect n1 -o json"],
)
@click.argument("code")
@output_option
@click.pass_obj
def inspect_command(run: Run, code: str, output: str) -> None:
    """Ask a host for its capacity, hypervisor, storage pools and networks."""
    with run.open() as ctx:
        found = inspect_host(ctx, code)
        if output != "table":
            show_record(found, output, ctx.site.zone)
            return
        show_record({key: value for key, value in found.items() if key not in PARTS}, output, ctx.site.zone)
        for part, columns in PARTS.items():
            if found[part]:
                show_list(found[part], output, columns, ctx.site.zone)


@host.command(
    "probe",
    cls=TranslatedCommand,
    examples=["cloudctl host probe gov/n1", "cloudctl host probe n1 -o json"],
)
@click.argument("code")
@output_option
@click.pass_obj
def probe_command(run: Run, code: str, output: str) -> None:
    """Boot something tiny on a host and say which kinds of guests really run there."""
    with run.open() as ctx:
        rows = probe_host(ctx, code)
        if output == "table":
            rows = [
                {**row, "reason": ctx.texts.label("probe_reason", row["reason"]) if row["reason"] else ""}
                for row in rows
            ]
        show_list(rows, output, PROBE_COLUMNS, ctx.site.zone)


@host.command(
    cls=TranslatedCommand,
    examples=["cloudctl host drain gov/n1 --dry-run", "cloudctl host drain n1 --reason “new memory” --yes"],
)
@click.argument("code")
@changing_options
@click.pass_obj
def drain(run: Run, code: str, reason: str, dry_run: bool, yes: bool, output: str) -> None:
    """Empty a host: its machines move to others of its pool, and it takes no new ones."""
    with run.open() as ctx:
        plan = plan_drain(ctx, code)
        if _is_agreed(ctx, plan, output, dry_run, yes):
            _tell(plan, drain_host(ctx, plan, reason, _progress(plan)))


@host.command(
    cls=TranslatedCommand,
    examples=["cloudctl host undrain gov/n1", "cloudctl host undrain n1 --back --yes"],
)
@click.argument("code")
@click.option("--back", is_flag=True, help="Move back what its drain moved away, where it fits.")
@changing_options
@click.pass_obj
def undrain(run: Run, code: str, back: bool, reason: str, dry_run: bool, yes: bool, output: str) -> None:
    """Let a host that was drained or fenced take machines again."""
    with run.open() as ctx:
        plan = plan_undrain(ctx, code, back=back)
        if _is_agreed(ctx, plan, output, dry_run, yes):
            _tell(plan, undrain_host(ctx, plan, reason, _progress(plan)))
            say("Host {host} takes machines again.", host=plan.host)


@host.command(
    cls=TranslatedCommand,
    examples=[
        "cloudctl host evacuate gov/n1 --fenced “power cut at the PDU, Wang” --dry-run",
        "cloudctl host evacuate n1 --fenced “board taken out, Li” --yes",
    ],
)
@click.argument("code")
@click.option(
    "--fenced",
    metavar="STATEMENT",
    required=True,
    help="Your statement that the host is off or cut from its storage, and how you know.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan, change nothing.")
@click.option("--yes", "-y", is_flag=True, help="Answer yes: do not ask.")
@output_option
@click.pass_obj
def evacuate(run: Run, code: str, fenced: str, dry_run: bool, yes: bool, output: str) -> None:
    """Start the machines of a dead host elsewhere, the most important systems first."""
    with run.open() as ctx:
        plan = plan_evacuation(ctx, code)
        if _is_agreed(ctx, plan, output, dry_run, yes, is_dead=True):
            _tell(plan, evacuate_host(ctx, plan, fenced, _progress(plan)))


def _is_agreed(
    ctx: Context, plan: HostPlan, output: str, dry_run: bool, yes: bool, *, is_dead: bool = False
) -> bool:
    """Prints the plan and asks; False for a dry run. Refused when the answer is no."""
    _print(ctx, plan, output)
    if dry_run:
        return False
    if is_dead:
        confirm("Carry it out? A host that still writes to its disks would destroy them.", yes=yes)
    else:
        confirm("Carry it out?", yes=yes)
    return True


def _print(ctx: Context, plan: HostPlan, output: str) -> None:
    """The steps to stdout; what stays and what must share a host to stderr."""
    print_plan(ctx, plan.change_plan, output)
    if plan.clears:
        say(
            "What {host} still has of machines that were started elsewhere goes; their disks stay untouched.",
            host=plan.host,
        )
    if plan.resumes is not None:
        say("Change {number} was cut off; it is carried on first.", number=plan.resumes)
    for number in sorted(set(plan.gives_up.values())):
        say(
            "Change {number} is given up where the host died in it: nobody will know what it did.",
            number=number,
        )
    for name in plan.together:
        say("{name} will share a host with its system: there is no other way.", name=name)
    for stay in plan.stays:
        say("{name} stays: {why}", name=stay.name, why=ctx.texts.message(stay.why))
        for reason in stay.problems:
            click.echo(f"  {reason.place}: {ctx.texts.message(reason.message)}", err=True)


def _progress(plan: HostPlan) -> Callable[[Entry], None] | None:
    """A line per machine as its turn comes, for somebody who watches."""
    if not sys.stderr.isatty():
        return None
    begun = count(1)

    def tell(entry: Entry) -> None:
        values = {"name": entry.step.name, "host": (entry.step.after or {}).get("host")}
        if plan.resumes is None:
            say("{number} of {total}: {name} to {host}", number=next(begun), total=len(plan.steps), **values)
        else:
            say("{name} to {host}", **values)

    return tell


def _tell(plan: HostPlan, outcome: ChangeOutcome | None) -> None:
    """One line when all went well. Refused, naming them, when machines stay on the host."""
    lost = [step for step in outcome.steps if step.state == "failed"] if outcome else []
    if outcome is not None:
        moved = sum(step.state == "done" for step in outcome.steps)
        counts = {"number": outcome.change, "moved": moved, "total": len(outcome.steps)}
        if plan.clears:
            say("Change {number}: leftovers of {moved} of {total} removed.", **counts)
        else:
            say("Change {number}: {moved} of {total} moved.", **counts)
    problems = [stay.problem() for stay in plan.stays]
    problems += [Problem(step.vm, step.error) for step in lost if step.error]
    if problems:
        raise Refused(
            "{count} machine(s) stay on {host}.", count=len(problems), host=plan.host, problems=problems
        )
