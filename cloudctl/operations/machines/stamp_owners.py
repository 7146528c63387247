"""Keeps the owners that clouds have in their metadata those of the ledger: machines and systems change hands."""

from cloudctl.core.errors import CloudctlError
from cloudctl.core.estate import systems, unit_codes
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from provisioning.driver import Driver
from provisioning.model import Capability, Machine, Step
from provisioning.steps import adopt_step
from provisioning.store import open_steps, pools, vms


def stamp_owners(ctx: Context) -> int:
    """Writes the owner anew where the cloud names another; the number of machines. A cloud that fails waits.

    Only metadata change: after losing the ledger they are what says who owns what.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        pool_ids = [pool.id for pool in pools(session)]
    return sum(_stamp_pool(ctx, pool_id) for pool_id in pool_ids)


def _stamp_pool(ctx: Context, pool_id: int) -> int:
    owners = _owners(ctx, pool_id)
    stamped = 0
    try:
        with opened_drivers(ctx, [pool_id]) as drivers:
            driver = drivers[pool_id]
            if Capability.ADOPT not in driver.capabilities:
                return 0
            for machine in driver.observe().machines:
                if machine.vm_id in owners and _is_other(machine, *owners[machine.vm_id]):
                    stamped += _stamp(driver, machine, owners[machine.vm_id])
    except CloudctlError:
        # Its pool does not answer, or this install lacks its driver: the next time, then.
        return stamped
    return stamped


def _owners(ctx: Context, pool_id: int) -> dict[int | None, tuple[str, str]]:
    """(system, unit) by machine, of machines in no change."""
    with ctx.reading() as session:
        rows = vms(session, pool_id=pool_id, states=["active", "shelved"])
        in_hand = {step.vm_id for _, step in open_steps(session, [row.id for row in rows])}
        codes, found = unit_codes(session), {row.id: row for row in systems(session, removed=True)}
        return {
            row.id: (found[row.system_id].code, codes[found[row.system_id].unit_id])
            for row in rows
            if row.id not in in_hand
        }


def _is_other(machine: Machine, system: str, unit: str) -> bool:
    """A cloud that keeps no owners is left alone."""
    stated = machine.labels.get("system")
    return stated is not None and (stated, machine.labels.get("unit", unit)) != (system, unit)


def _stamp(driver: Driver, machine: Machine, owner: tuple[str, str]) -> bool:
    try:
        driver.apply(_step(machine, *owner))
    except CloudctlError:
        return False
    return True


def _step(machine: Machine, system: str, unit: str) -> Step:
    return adopt_step(
        machine.vm_id or 0,
        machine.name,
        machine.size,
        machine.host,
        external_id=machine.external_id,
        system=system,
        unit=unit,
    )
