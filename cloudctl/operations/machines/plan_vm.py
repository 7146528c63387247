"""Plans for one machine: start, stop, reboot, resize, migrate, retire, by how its cloud shows it now."""

from collections.abc import Mapping

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import ChangePlan, plan_change, seen_machine
from metering.allocations import current_allocation, size_of
from provisioning.model import Machine, MachineState, Step
from provisioning.steps import delete_step, migrate_step, reboot_step, resize_step, start_step, stop_step
from provisioning.store import find_vm
from provisioning.tables import VmRow


def plan_start(ctx: Context, name: str) -> ChangePlan:
    """Refused when it is running."""
    row, machine = _looked_up(ctx, name)
    if machine is not None and machine.state == MachineState.RUNNING:
        raise Refused("{name} is running already.", name=name)
    return plan_change(ctx, [start_step(row.id, name)])


def plan_stop(ctx: Context, name: str) -> ChangePlan:
    """Refused when it is off. A machine that is off still holds what it was allocated."""
    row, machine = _looked_up(ctx, name)
    if machine is not None and machine.state == MachineState.OFF:
        raise Refused("{name} is off already.", name=name)
    return plan_change(ctx, [stop_step(row.id, name)])


def plan_reboot(ctx: Context, name: str) -> ChangePlan:
    """Refused when it is off."""
    row, machine = _looked_up(ctx, name)
    if machine is not None and machine.state == MachineState.OFF:
        raise Refused("{name} is off; start it instead.", name=name)
    return plan_change(ctx, [reboot_step(row.id, name, ctx.clock.now())])


def plan_resize(
    ctx: Context,
    name: str,
    *,
    vcpus: int | None = None,
    memory_mib: int | None = None,
    storage_gib: Mapping[str, int] | None = None,
    is_live: bool = True,
) -> ChangePlan:
    """What is not given stays; storage per tier. Refused when nothing would change."""
    row = _active(ctx, name)
    before = held_size(ctx, row)
    after = Size(
        before.vcpus if vcpus is None else vcpus,
        before.memory_mib if memory_mib is None else memory_mib,
        {**before.storage_gib, **(storage_gib or {})},
    )
    if after == before:
        raise Refused("{name} has that size already.", name=name)
    return plan_change(ctx, [resize_step(row.id, name, before, after, is_live=is_live)])


def plan_migrate(ctx: Context, name: str, host: str | None = None) -> ChangePlan:
    """To the host named, or to the best other one. Refused when it stands there."""
    row, machine = _looked_up(ctx, name)
    present = machine.host if machine else row.host
    if host is not None and host == present:
        raise Refused("{name} stands on {host} already.", name=name, host=host)
    is_running = machine is not None and machine.state == MachineState.RUNNING
    return plan_change(ctx, [migrate_step(row.id, name, present, host, is_live=is_running)])


def plan_retire(ctx: Context, name: str) -> ChangePlan:
    """Stopped if it runs, then deleted for good: what it held ends there."""
    row, machine = _looked_up(ctx, name)
    steps: list[Step] = []
    if machine is not None and machine.state != MachineState.OFF:
        steps.append(stop_step(row.id, name))
    steps.append(delete_step(row.id, name, held_size(ctx, row), row.host))
    return plan_change(ctx, steps)


def held_size(ctx: Context, row: VmRow) -> Size:
    """What the ledger has allocated to it. Refused when that is nothing."""
    with ctx.reading() as session:
        held = current_allocation(session, row.id)
    if held is None:
        raise Refused("{name} holds nothing.", name=row.name)
    return size_of(held)


def _looked_up(ctx: Context, name: str) -> tuple[VmRow, Machine | None]:
    """The machine's row, and as its cloud shows it; None in a pool that shows nothing."""
    row = _active(ctx, name)
    return row, seen_machine(ctx, row)


def _active(ctx: Context, name: str) -> VmRow:
    with ctx.reading() as session:
        row = find_vm(session, name)
    if row.state == "retired":
        raise Refused("{name} is retired.", name=name)
    if row.state == "planned":
        raise Refused("{name} was not made yet.", name=name)
    return row
