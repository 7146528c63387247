"""Hands a machine over to another system: its allocation ends for one and begins for the other; no cloud is asked."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.estate import find_system, unit_codes
from cloudctl.core.identity import Role
from cloudctl.core.tables import SystemRow
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_effects import holder_of
from cloudctl.operations.machines.plan_change import require_free
from metering.allocations import current_allocation, hold, size_of
from provisioning.store import find_vm


@dataclass(frozen=True, slots=True)
class Transfer:
    """Who has the machine and who is to have it, by code."""

    vm: str
    from_system: str
    from_unit: str
    to_system: str
    to_unit: str


def plan_transfer(ctx: Context, name: str, system_code: str) -> Transfer:
    """Refused when it cannot be handed over: not active, in hand, or that system's already."""
    with ctx.reading() as session:
        return _checked(ctx, session, name, system_code)


def transfer_vm(ctx: Context, name: str, system_code: str, reason: str) -> Transfer:
    """From now on the machine is held by that system and its unit."""
    with ctx.writing() as session:
        transfer = _checked(ctx, session, name, system_code)
        vm = find_vm(session, name)
        vm.system_id = find_system(session, system_code).id
        held = current_allocation(session, vm.id)
        assert held is not None
        now = ctx.clock.now()
        hold(session, vm.id, holder_of(session, vm), size_of(held), now, "transfer")
        ctx.record(
            session,
            "vm.transfer",
            name,
            before=transfer.from_system,
            after=transfer.to_system,
            at=now.isoformat(),
            reason=reason,
        )
        return transfer


def _checked(ctx: Context, session: Session, name: str, system_code: str) -> Transfer:
    ctx.actor.require(Role.OPERATOR)
    vm, system = find_vm(session, name), find_system(session, system_code)
    require_free(ctx, session, {vm.id: vm})
    if vm.state != "active" or current_allocation(session, vm.id) is None:
        raise Refused("{name} holds nothing.", name=name)
    if system.removed_at is not None:
        raise Refused("System {system} was removed.", system=system_code)
    if vm.system_id == system.id:
        raise Refused("{name} belongs to {system} already.", name=name, system=system_code)
    present = session.get_one(SystemRow, vm.system_id)
    codes = unit_codes(session)
    return Transfer(name, present.code, codes[present.unit_id], system.code, codes[system.unit_id])
