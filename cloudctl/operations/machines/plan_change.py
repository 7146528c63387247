"""Lays out steps before anything is asked of a cloud: rights, states, who has the machine in hand, and room."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, NotFound, Refused
from cloudctl.core.estate import people, systems, unit_codes
from cloudctl.core.identity import Role
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.promised_room import promises
from cloudctl.operations.requests.reserved_room import reserve_granted
from metering.allocations import current_allocations, size_of
from provisioning.cycles import with_cycles
from provisioning.driver import Driver, addresses_of
from provisioning.model import Capability, Machine, Observation, Step, StepKind
from provisioning.steps import plan_checksum, required_capability, wanted_size
from provisioning.store import get_pool, get_vm, open_pool_driver, open_steps, vms
from provisioning.tables import PoolRow, VmRow


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """Steps as they would be carried out, hosts chosen, and the checksum they are printed with."""

    steps: tuple[Step, ...]
    checksum: str

    def rows(self) -> list[dict[str, object]]:
        """As `inventory plan` prints its steps."""
        return [
            {
                "step": number,
                "kind": str(step.kind),
                "target": step.name,
                "before": step.before,
                "after": step.after,
                "live": step.is_live,
            }
            for number, step in enumerate(self.steps, 1)
        ]


def plan_change(ctx: Context, steps: Sequence[Step]) -> ChangePlan:
    """What these steps come to now; nothing is written. Refused as `begin_change` would refuse them."""
    seen = observe_pools(ctx, steps)
    with ctx.reading() as session:
        laid = lay_out(ctx, session, steps, seen)
    return ChangePlan(laid, plan_checksum(laid))


@contextmanager
def opened_drivers(ctx: Context, pool_ids: Sequence[int]) -> Iterator[dict[int, Driver]]:
    """Drivers by pool id, closed at the end."""
    with ExitStack() as stack:
        with ctx.reading() as session:
            drivers = {
                pool_id: open_pool_driver(session, get_pool(session, pool_id), ctx.home, ctx.clock)
                for pool_id in dict.fromkeys(pool_ids)
            }
        for driver in drivers.values():
            stack.callback(driver.close)
        yield drivers


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pool's driver can do, and what it showed."""

    capabilities: frozenset[Capability]
    observation: Observation

    def machine(self, row: VmRow) -> Machine | None:
        """The machine of that row. Where a host came back with what it had of it, the one where it belongs."""
        found = [machine for machine in self.observation.machines if machine.vm_id == row.id]
        at_home = [machine for machine in found if machine.host == row.host]
        if len(found) > 1 and len(at_home) != 1:
            raise NotFound("The cloud shows {name} {count} times.", name=row.name, count=len(found))
        return (at_home or found)[0] if found else None


def observe_pools(ctx: Context, steps: Sequence[Step]) -> dict[int, Seen]:
    """Looks at the clouds concerned before the ledger is locked, for a cloud may take its time."""
    if not steps:
        raise Refused("There is nothing to change.")
    with ctx.reading() as session:
        pool_ids = [get_vm(session, vm_id).pool_id for vm_id in dict.fromkeys(step.vm_id for step in steps)]
    with opened_drivers(ctx, pool_ids) as drivers:
        return {pool_id: Seen(driver.capabilities, driver.observe()) for pool_id, driver in drivers.items()}


def lay_out(
    ctx: Context, session: Session, steps: Sequence[Step], seen: Mapping[int, Seen]
) -> tuple[Step, ...]:
    """The steps in their order, every machine's host chosen. Refused by right, by state, for want of room."""
    ctx.actor.require(Role.OPERATOR)
    machines = {step.vm_id: get_vm(session, step.vm_id) for step in steps}
    require_free(ctx, session, machines)
    _require_states(steps, machines)
    _require_sizes(session, steps, machines, seen)
    _require_systems(session, steps, machines)
    owned = with_owners(session, steps)
    laid: dict[int, Iterator[Step]] = {}
    for pool_id, facts in seen.items():
        pool = get_pool(session, pool_id)
        own = [step for step in owned if machines[step.vm_id].pool_id == pool_id]
        require_capabilities(ctx, pool, own, facts.capabilities)
        if Capability.ORDER not in facts.capabilities:
            of_systems = {vm_id: row.system_id for vm_id, row in machines.items()}
            room = promises(session, pool, facts.observation)
            reserve_granted(session, pool, room, ctx.clock.now())
            own = with_cycles(room.lay_out(own, of_systems), facts.observation.machines, facts.capabilities)
        laid[pool_id] = iter(own)
    return tuple(next(laid[machines[step.vm_id].pool_id]) for step in steps)


def with_owners(session: Session, steps: Sequence[Step]) -> list[Step]:
    """Steps that make or take over machines get their owners' codes, and new ones whom to be kept apart from and the
    keys of their unit's people."""
    if not any(step.kind in (StepKind.CREATE, StepKind.ADOPT) for step in steps):
        return list(steps)
    codes, found = unit_codes(session), {row.id: row for row in systems(session, removed=True)}
    kin: dict[tuple[int, int], set[int]] = {}
    for row in vms(session, states=["active", "shelved"]):
        kin.setdefault((row.pool_id, row.system_id), set()).add(row.id)
    keys = _keys_of_units(session)
    owned = []
    for step in steps:
        owner: dict[str, object] = {}
        if step.kind in (StepKind.CREATE, StepKind.ADOPT):
            row = get_vm(session, step.vm_id)
            system, others = found[row.system_id], kin.setdefault((row.pool_id, row.system_id), set())
            owner = {"system": system.code, "unit": codes[system.unit_id]}
            if step.kind == StepKind.CREATE:
                owner["avoid"] = sorted(others)
                owner |= {"ssh_keys": sorted(keys[system.unit_id])} if system.unit_id in keys else {}
            others.add(row.id)
        owned.append(replace(step, after={**(step.after or {}), **owner}) if owner else step)
    return owned


def _keys_of_units(session: Session) -> dict[int, set[str]]:
    """The SSH keys of the people of each unit whose people have any."""
    keys: dict[int, set[str]] = {}
    for person in people(session):
        if person.unit_id is not None and person.ssh_keys:
            keys.setdefault(person.unit_id, set()).update(person.ssh_keys)
    return keys


def require_free(ctx: Context, session: Session, machines: Mapping[int, VmRow]) -> None:
    """A machine is in one change at a time."""
    for change, step in open_steps(session, list(machines)):
        raise Refused(
            "{name} is in hand: change {number} by {actor}, since {since}.",
            name=machines[step.vm_id].name,
            number=change.id,
            actor=change.actor,
            since=ctx.site.local(change.created_at),
            hint=Message("See it with “cloudctl change show {number}”.", {"number": change.id}),
        )


def _require_states(steps: Sequence[Step], machines: Mapping[int, VmRow]) -> None:
    """Follows each machine through the steps: planned, active, shelved, retired."""
    states = {vm_id: row.state for vm_id, row in machines.items()}
    for step in steps:
        if states[step.vm_id] not in _FROM.get(step.kind, ("active",)):
            raise _wrong_state(step, states[step.vm_id])
        if (
            step.kind == StepKind.DELETE
            and (step.before or {}).get("state", states[step.vm_id]) != states[step.vm_id]
        ):
            raise Refused("{name} is not put aside.", name=step.name)
        states[step.vm_id] = _TO.get(step.kind, states[step.vm_id])
        if step.kind in (StepKind.CREATE, StepKind.RESIZE) and wanted_size(step).vcpus < 1:
            raise Refused("{name}: a machine has at least one vCPU.", name=step.name)


def _require_sizes(
    session: Session, steps: Sequence[Step], machines: Mapping[int, VmRow], seen: Mapping[int, Seen]
) -> None:
    """A resize begins at what its machine holds by now, or at what it was given behind our back."""
    if not any(step.kind == StepKind.RESIZE for step in steps):
        return
    sizes = {vm_id: size_of(row) for vm_id, row in current_allocations(session).items()}
    for step in steps:
        if step.kind == StepKind.RESIZE and step.before is not None:
            before, row = Size.from_json(step.before), machines[step.vm_id]
            if before != sizes.get(row.id, before):
                machine = seen[row.pool_id].machine(row)
                if machine is None or machine.size != before:
                    raise Refused(
                        "{name} has changed its size since.",
                        name=step.name,
                        hint=Message("Look at it again, and plan anew."),
                    )
        if step.kind in (StepKind.CREATE, StepKind.ADOPT, StepKind.RESIZE):
            sizes[step.vm_id] = wanted_size(step)


def _require_systems(session: Session, steps: Sequence[Step], machines: Mapping[int, VmRow]) -> None:
    """What is brought back is held again, by a system that is there to hold it."""
    removed = {row.id: row.code for row in systems(session, removed=True) if row.removed_at is not None}
    for step in steps:
        code = removed.get(machines[step.vm_id].system_id)
        if step.kind == StepKind.UNSHELVE and code is not None:
            raise Refused(
                "{name} cannot be brought back: its system {system} was removed.",
                name=step.name,
                system=code,
                hint=Message("Apply an inventory that has the system again."),
            )


# The states a machine may be in before a step (else: active), and the one it is in after it (else: the same).
_FROM = {
    StepKind.CREATE: ("planned",),
    StepKind.ADOPT: ("planned",),
    StepKind.UNSHELVE: ("shelved",),
    StepKind.DELETE: ("active", "shelved"),
    StepKind.MIGRATE: ("active", "shelved"),
    StepKind.EVACUATE: ("active", "shelved"),
}
_TO = {
    StepKind.CREATE: "active",
    StepKind.ADOPT: "active",
    StepKind.UNSHELVE: "active",
    StepKind.SHELVE: "shelved",
    StepKind.DELETE: "retired",
}


def _wrong_state(step: Step, state: str) -> Refused:
    if state == "retired":
        return Refused("{name} is retired.", name=step.name)
    if state == "planned":
        return Refused("{name} was not made yet.", name=step.name)
    if state == "shelved":
        return put_aside(step.name)
    if step.kind == StepKind.UNSHELVE:
        return Refused("{name} is not put aside.", name=step.name)
    return Refused("{name} was made already.", name=step.name)


def require_capabilities(
    ctx: Context, pool: PoolRow, steps: Sequence[Step], can: frozenset[Capability]
) -> None:
    """Refused when the pool's driver lacks what a step needs; what is ordered from others needs nothing."""
    if Capability.ORDER in can:
        return
    for step in steps:
        if required_capability(step) not in can:
            raise Refused(
                "Pool {pool} cannot do this to {name}: its driver “{driver}” lacks “{capability}”.",
                pool=pool.code,
                name=step.name,
                driver=pool.driver,
                capability=ctx.texts.label("capability", required_capability(step)),
            )


def put_aside(name: str) -> Refused:
    return Refused(
        "{name} is put aside, to be deleted.",
        name=name,
        hint=Message("Bring it back with “cloudctl vm restore {name}”.", {"name": name}),
    )


def seen_pool(ctx: Context, pool_id: int) -> Seen:
    """What a pool's driver can do, and what it shows now."""
    with opened_drivers(ctx, [pool_id]) as drivers:
        return Seen(drivers[pool_id].capabilities, drivers[pool_id].observe())


def seen_machine(ctx: Context, row: VmRow) -> Machine | None:
    """The machine as its cloud shows it now, its addresses asked of its guest where the cloud does not know them.

    None when the cloud shows none of ours by that id.
    """
    with opened_drivers(ctx, [row.pool_id]) as drivers:
        driver = drivers[row.pool_id]
        machine = Seen(driver.capabilities, driver.observe()).machine(row)
        if machine is None:
            return None
        return replace(machine, addresses=addresses_of(driver, [machine]).get(row.id, ()))
