"""Takes over a machine that a cloud has and nobody answers for: as it is, for a system, from now on."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound, Refused
from cloudctl.core.estate import find_system
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import journal_change, run_change
from cloudctl.operations.machines.plan_change import ChangePlan, Seen, lay_out
from cloudctl.operations.machines.show_change import ChangeOutcome
from provisioning.identity import fresh_uuid
from provisioning.model import Machine
from provisioning.steps import adopt_step, plan_checksum
from provisioning.store import find_pool, open_pool_driver, pools, vms
from provisioning.tables import PoolRow, VmRow


@dataclass(frozen=True, slots=True)
class Adoption:
    """The machine as its cloud shows it, the pool it stands in, and the system it is to belong to."""

    machine: Machine
    pool: str
    system: str

    def plan(self, vm_id: int = 0) -> ChangePlan:
        """Its one step; the id is given when it is carried out."""
        step = adopt_step(vm_id, self.machine.name, self.machine.size, self.machine.host)
        return ChangePlan((step,), plan_checksum((step,)))


def plan_adoption(ctx: Context, name: str, system: str, pool: str | None) -> Adoption:
    """Looks for the machine in that pool, or in all of them. NotFound; Refused when it is ours, or in several."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        if find_system(session, system).removed_at is not None:
            raise Refused("System {system} was removed.", system=system)
        _require_new(session, name)
        asked = [find_pool(session, pool)] if pool else pools(session)
        found = [(row.code, machine) for row in asked for machine in _unclaimed(ctx, session, row, name)]
    if not found:
        raise NotFound("No cloud shows a machine “{name}” that nobody answers for.", name=name)
    if len(found) > 1:
        names = ", ".join(code for code, _ in found)
        raise Refused(
            "“{name}” stands in several pools ({names}); say which with --pool.", name=name, names=names
        )
    return Adoption(found[0][1], found[0][0], system)


def adopt_vm(ctx: Context, adoption: Adoption, reason: str) -> ChangeOutcome:
    """From now on the machine is ours and held for the system. Errors as for a change."""
    with ctx.writing() as session:
        _require_new(session, adoption.machine.name)
        pool, system = find_pool(session, adoption.pool), find_system(session, adoption.system)
        row = VmRow(uuid=fresh_uuid(pool, adoption.machine.name), name=adoption.machine.name, state="planned")
        row.pool_id, row.system_id = pool.id, system.id
        session.add(row)
        session.flush()
        driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
        try:
            seen = {pool.id: Seen(driver.capabilities, driver.observe())}
        finally:
            driver.close()
        laid = lay_out(ctx, session, adoption.plan(row.id).steps, seen)
        change = journal_change(ctx, session, laid, reason)
    return run_change(ctx, change)


def _require_new(session: Session, name: str) -> None:
    if any(row.name == name for row in vms(session)):
        raise Refused("There is a machine “{name}” already.", name=name)


def _unclaimed(ctx: Context, session: Session, pool: PoolRow, name: str) -> list[Machine]:
    driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
    try:
        return [item for item in driver.observe().machines if item.name == name and item.vm_id is None]
    finally:
        driver.close()
