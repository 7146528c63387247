"""Gives access to a machine's console, and records who asked for it."""

import subprocess
from collections.abc import Sequence

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.plan_vm import active_vm
from provisioning.driver import Consoled
from provisioning.model import Console
from provisioning.store import get_pool


def open_console(ctx: Context, name: str) -> Console:
    """How to reach the console now. Refused when the machine's cloud gives none; Unreachable."""
    ctx.actor.require(Role.OPERATOR)
    row = active_vm(ctx, name)
    with opened_drivers(ctx, [row.pool_id]) as drivers:
        driver = drivers[row.pool_id]
        if not isinstance(driver, Consoled):
            with ctx.reading() as session:
                pool = get_pool(session, row.pool_id)
            raise Refused(
                "Pool {pool} gives no console of {name}: its driver “{driver}” has none.",
                pool=pool.code,
                name=name,
                driver=pool.driver,
            )
        found = driver.console(row.id)
    with ctx.writing() as session:
        ctx.record(session, "vm.console", name, kind=found.kind)
    return found


def attach(command: Sequence[str]) -> int:
    """Runs the console's command on this terminal until it ends; its exit code. Refused when it is not installed."""
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        raise Refused("This machine lacks the program “{program}”.", program=command[0]) from None
