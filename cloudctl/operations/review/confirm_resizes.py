"""Closes the way back that a cloud kept open from a resize, once nobody watches the machine any more."""

from contextlib import closing

from sqlalchemy.orm import Session

from cloudctl.core.errors import CloudctlError, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import change_machines
from policies.panel import CaseState
from policies.store import CaseFilter, cases
from provisioning.model import Capability, Step
from provisioning.steps import resize_step, wanted_size
from provisioning.store import get_pool, get_vm, held_resizes, open_pool_driver, open_steps, step_of


def keeps_way_open(ctx: Context, session: Session, pool_id: int) -> bool:
    """Whether the pool's cloud can hold a resize, so that taking it back is quick. Nothing is asked of it."""
    try:
        with closing(open_pool_driver(session, get_pool(session, pool_id), ctx.home, ctx.clock)) as driver:
            return Capability.HOLD in driver.capabilities
    except Refused:
        return False


def confirm_resizes(ctx: Context) -> int:
    """Confirms every held resize of a machine in no case under way and in no change; how many. What fails waits."""
    ctx.actor.require(Role.OPERATOR)
    confirmed = 0
    for step in _due(ctx):
        try:
            change_machines(ctx, [step], "the watch has ended")
            confirmed += 1
        except CloudctlError:
            continue
    return confirmed


def _due(ctx: Context) -> list[Step]:
    with ctx.reading() as session:
        busy = {
            row.vm_id
            for state in (CaseState.WATCHING, CaseState.EXECUTING)
            for row in cases(session, CaseFilter(state=state))
        }
        busy |= {step.vm_id for _, step in open_steps(session)}
        held = [(row, get_vm(session, row.vm_id)) for row in held_resizes(session) if row.vm_id not in busy]
        sizes = [(vm, wanted_size(step_of(row, vm.name))) for row, vm in held if vm.state == "active"]
    return [resize_step(vm.id, vm.name, size, size) for vm, size in sizes]
