"""Plans for one machine: start, stop, reboot, resize, migrate, retire, restore, by how its cloud shows it now."""

from collections.abc import Collection, Mapping

from cloudctl.core.errors import Message, Refused
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import ChangePlan, Seen, plan_change, put_aside, seen_pool
from metering.allocations import current_allocation, history_of, size_of
from provisioning.model import Capability, Machine, MachineState, Step
from provisioning.steps import (
    delete_step,
    migrate_step,
    reboot_step,
    resize_step,
    shelve_step,
    start_step,
    stop_step,
    unshelve_step,
)
from provisioning.store import find_vm, get_pool
from provisioning.tables import PoolRow, VmRow


def plan_start(ctx: Context, name: str) -> ChangePlan:
    """Refused when it is running."""
    row, machine = _looked_up(ctx, name)
    if machine is not None and machine.state == MachineState.RUNNING:
        raise Refused("{name} is running already.", name=name)
    return plan_change(ctx, [start_step(row.id, name)])


def plan_stop(ctx: Context, name: str, *, power_off: bool = False) -> ChangePlan:
    """Refused when it is off. A machine that is off still holds what it was allocated.

    power_off: what follows when its guest does not shut down in time.
    """
    row, machine = _looked_up(ctx, name)
    if machine is not None and machine.state == MachineState.OFF:
        raise Refused("{name} is off already.", name=name)
    return plan_change(ctx, [stop_step(row.id, name, power_off=power_off)])


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
    """What is not given stays; storage per tier. Refused when nothing would change, and when a disk would shrink.

    A machine that got another size behind our back is given the one it holds.
    """
    row = active_vm(ctx, name)
    before = held_size(ctx, row)
    after = Size(
        before.vcpus if vcpus is None else vcpus,
        before.memory_mib if memory_mib is None else memory_mib,
        {**before.storage_gib, **(storage_gib or {})},
    )
    if after == before:
        before = _strayed_size(ctx, row, before)
    with ctx.reading() as session:
        pool = get_pool(session, row.pool_id)
    _require_tiers(pool, (storage_gib or {}).keys() - before.storage_gib)
    is_ours = pool.driver != "external"
    if is_ours and any(after.storage_gib[tier] < gib for tier, gib in before.storage_gib.items()):
        raise Refused("{name}: a disk cannot shrink in place.", name=name)
    return plan_change(ctx, [resize_step(row.id, name, before, after, is_live=is_live)])


def _require_tiers(pool: PoolRow, tiers: Collection[str]) -> None:
    """A pool that names no tiers has any."""
    known = pool.options.get("tiers") or tiers
    for tier in sorted(tiers):
        if tier not in known:
            raise Refused(
                "Pool {pool} has no storage tier “{tier}” (it has {known}).",
                pool=pool.code,
                tier=tier,
                known=", ".join(known),
            )


def plan_migrate(ctx: Context, name: str, host: str | None = None) -> ChangePlan:
    """To the host named ("POOL/HOST" too), or to the best other one. Refused when it stands there.

    Where it went by itself, or by somebody else's hand, is such a host: the ledger follows.
    """
    row, machine = _looked_up(ctx, name)
    if host is not None:
        with ctx.reading() as session:
            host = host.removeprefix(f"{get_pool(session, row.pool_id).code}/")
    present = machine.host if machine else row.host
    if host is not None and host == present == row.host:
        raise Refused("{name} stands on {host} already.", name=name, host=host)
    is_running = machine is not None and machine.state == MachineState.RUNNING
    return plan_change(ctx, [migrate_step(row.id, name, present, host, is_live=is_running)])


def plan_retire(ctx: Context, name: str, *, at_once: bool = False) -> ChangePlan:
    """Put aside: off, kept for some days, holding nothing. at_once: deleted for good, also when it is put aside.

    A pool that somebody else runs is asked to delete it. Refused where a pool can keep nothing, unless at once.
    """
    with ctx.reading() as session:
        row = find_vm(session, name)
    if row.state != "shelved":
        row = active_vm(ctx, name)
    elif not at_once:
        raise put_aside(name)
    seen = seen_pool(ctx, row.pool_id)
    if at_once or Capability.ORDER in seen.capabilities:
        is_put_aside = row.state == "shelved"
        gone = delete_step(row.id, name, last_size(ctx, row), row.host, is_put_aside=is_put_aside)
        return plan_change(ctx, [*_stopped(row, seen), gone])
    if Capability.SHELVE not in seen.capabilities:
        with ctx.reading() as session:
            pool = get_pool(session, row.pool_id)
        raise Refused(
            "Pool {pool} cannot put {name} aside: its driver “{driver}” keeps nothing that is off.",
            pool=pool.code,
            name=name,
            driver=pool.driver,
            hint=Message("Delete it for good with --now."),
        )
    return plan_change(ctx, [*_stopped(row, seen), shelve_step(row.id, name)])


def plan_restore(ctx: Context, name: str) -> ChangePlan:
    """Brought back from being put aside: it runs and holds again what it held. Refused when it is not put aside."""
    with ctx.reading() as session:
        row = find_vm(session, name)
    return plan_change(ctx, [unshelve_step(row.id, name)])


def _stopped(row: VmRow, seen: Seen) -> list[Step]:
    """A stop first, for a machine that its cloud shows at work."""
    machine = seen.machine(row)
    at_rest = (MachineState.OFF, MachineState.SHELVED)
    return [] if machine is None or machine.state in at_rest else [stop_step(row.id, row.name)]


def last_size(ctx: Context, row: VmRow) -> Size:
    """What it holds or, put aside, held last. Refused when it never held anything."""
    with ctx.reading() as session:
        held = history_of(session, row.id)
    if not held:
        raise Refused("{name} holds nothing.", name=row.name)
    return size_of(held[-1])


def held_size(ctx: Context, row: VmRow) -> Size:
    """What the ledger has allocated to it. Refused when that is nothing."""
    with ctx.reading() as session:
        held = current_allocation(session, row.id)
    if held is None:
        raise Refused("{name} holds nothing.", name=row.name)
    return size_of(held)


def _strayed_size(ctx: Context, row: VmRow, held: Size) -> Size:
    """The size that its cloud shows instead of the one it holds. Refused when it is that one."""
    machine = seen_pool(ctx, row.pool_id).machine(row)
    if machine is None or machine.size == held:
        raise Refused("{name} has that size already.", name=row.name)
    return machine.size


def _looked_up(ctx: Context, name: str) -> tuple[VmRow, Machine | None]:
    """The machine's row, and as its cloud shows it; None in a pool that shows nothing."""
    row = active_vm(ctx, name)
    return row, seen_pool(ctx, row.pool_id).machine(row)


def active_vm(ctx: Context, name: str) -> VmRow:
    """The machine of that name. Refused unless it was made and is in use."""
    with ctx.reading() as session:
        row = find_vm(session, name)
    if row.state == "retired":
        raise Refused("{name} is retired.", name=name)
    if row.state == "shelved":
        raise put_aside(name)
    if row.state == "planned":
        raise Refused("{name} was not made yet.", name=name)
    return row
