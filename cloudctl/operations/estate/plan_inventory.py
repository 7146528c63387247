"""Plans the way from the ledger's estate to an inventory; nothing is changed, clouds are only looked at."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Problem, Refused, problem
from cloudctl.core.inventory.checks import check_inventory
from cloudctl.core.inventory.differences import record_steps, records
from cloudctl.core.inventory.draft import Draft, draft_of
from cloudctl.core.inventory.history import declared_history
from cloudctl.core.inventory.model import SECTIONS, Inventory, Vm
from cloudctl.core.inventory.plan import MACHINES, Plan, PlanStep, Reach, SavedPlan
from cloudctl.core.quantity import Size
from cloudctl.core.yaml_source import refusal
from cloudctl.operations.context import Context
from cloudctl.operations.estate.read_estate import EstateState, read_estate
from metering.settlement.store import closed_bounds
from provisioning.cycles import costs_cycle
from provisioning.model import Machine
from provisioning.planner import Present, Wanted, plan_machines, refusals, takes_away
from provisioning.store import open_pool_driver, pools


def plan_inventory(ctx: Context, draft: Draft) -> Plan:
    """The plan; InvalidInput with all that is wrong with the draft, by itself and against the ledger."""
    with ctx.reading() as session:
        state = read_estate(session)
        whole = draft.completed(state.inventory)
        kept = {name: _tiers(there) for name, there in state.machines.items()}
        problems = [*whole.problems, *check_inventory(whole, ctx.clock.now(), kept)]
        if problems:
            raise refusal(problems)
        wanted = [wanted_machine(vm, whole.inventory) for vm in whole.inventory.vms or ()]
        steps = record_steps(state.inventory, whole.inventory, state.founders)
        problems = [
            *_machine_conflicts(whole, wanted, state),
            *_record_conflicts(whole, steps, wanted, state),
            *_site_conflicts(session, draft, steps),
        ]
        if problems:
            raise refusal(problems)
        clouds = _look(ctx, session, wanted, state)
        steps += plan_machines(wanted, state.machines, *clouds)
    return Plan(state.digest, draft.inventory, tuple(steps), _reach(steps, state))


def plan_again(ctx: Context, saved: SavedPlan, name: str) -> Plan:
    """The plan that was saved. Refused when the ledger's estate, or a cloud's, has moved since."""
    plan = plan_inventory(ctx, draft_of(saved.inventory, name))
    if plan.state != saved.state or plan.checksum != saved.checksum:
        raise Refused(
            "The estate has changed since this plan was saved; nothing was done.",
            hint=Message("Plan again with “cloudctl inventory plan”."),
        )
    return plan


def wanted_machine(vm: Vm, inventory: Inventory) -> Wanted:
    """An entry that has passed the checks, as the planner takes it."""
    drivers = {pool.code: pool.driver for pool in inventory.pools or ()}
    size = Size(vm.vcpus or 0, vm.memory_mib or 0, vm.storage_gib)
    history = declared_history(vm) if drivers[vm.pool] == "external" else ()
    return Wanted(vm.name, vm.system, vm.pool, size, vm.image, vm.network, history, vm.until)


def _tiers(there: Present) -> set[str]:
    """Storage tiers that a machine holds: an adopted one may lie where its pool names none."""
    sizes = [*(held.size for held in there.history), *([there.size] if there.size else [])]
    return {tier for size in sizes for tier in size.storage_gib}


def _look(
    ctx: Context, session: Session, wanted: Sequence[Wanted], state: EstateState
) -> tuple[dict[tuple[str, str], Machine], set[str]]:
    """Machines nobody answers for in pools where one is to be made, and those whose resize costs a power cycle.

    A pool whose driver this install lacks has neither; carrying out a step there is refused with the reason.
    """
    new = [machine for machine in wanted if machine.name not in state.machines]
    resized = [machine for machine in wanted if _is_resized(machine, state.machines)]
    concerned = {machine.pool for machine in (*new, *resized)}
    found: dict[tuple[str, str], Machine] = {}
    cycled: set[str] = set()
    for pool in pools(session):
        if pool.driver == "external" or pool.code not in concerned:
            continue
        try:
            driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
        except Refused:
            continue
        with closing(driver):
            seen, can = driver.observe().machines, driver.capabilities
        found |= {(pool.code, machine.name): machine for machine in seen if machine.vm_id is None}
        ours = {machine.vm_id: machine for machine in seen if machine.vm_id is not None}
        for machine in (*new, *resized):
            there = state.machines.get(machine.name)
            shown = ours.get(there.vm_id) if there else found.get((pool.code, machine.name))
            if machine.pool == pool.code and costs_cycle(machine.size, shown, can):
                cycled.add(machine.name)
    return found, cycled


def _is_resized(machine: Wanted, present: Mapping[str, Present]) -> bool:
    there = present.get(machine.name)
    return there is not None and there.size is not None and there.size != machine.size


def _machine_conflicts(draft: Draft, wanted: list[Wanted], state: EstateState) -> Iterator[Problem]:
    positions = {machine.name: position for position, machine in enumerate(wanted)}
    for conflict in refusals(wanted, state.machines):
        place = draft.place("vms", positions[conflict.name], conflict.key)
        yield Problem(place, conflict.message)


def _record_conflicts(
    draft: Draft, steps: Iterable[PlanStep], wanted: list[Wanted], state: EstateState
) -> Iterator[Problem]:
    """What may not be changed or removed because machines that stay depend on it, or that are kept put aside."""
    names = {machine.name for machine in wanted}
    staying = [there for name, there in state.machines.items() if there.state == "active" and name in names]
    kept = [there for name, there in state.machines.items() if _is_kept(there, name in names)]
    pools_used = {there.pool for there in staying}
    hosts_used = {(there.pool, there.host or "") for there in staying}
    networks_used = {(there.pool, there.network or "") for there in staying}
    for step in steps:
        name = step.target.partition(":")[2]
        if step.kind == "change" and step.section == "pools" and "driver" in (step.after or {}):
            if step.key[0] in pools_used:
                position = list(records(draft.inventory, "pools")).index(step.key)
                place = draft.place("pools", position, "driver")
                yield problem(place, "Pool {name} has machines; its driver cannot change.", name=name)
        elif step.kind == "remove" and step.section == "hosts" and step.key in hosts_used:
            place = draft.marks.place()
            yield problem(place, "Host {name} cannot be removed: machines stand on it.", name=name)
        elif step.kind == "remove" and step.section == "networks" and step.key in networks_used:
            place = draft.marks.place()
            yield problem(place, "Network {name} cannot be removed: machines are on it.", name=name)
        elif step.kind == "remove" and (there := [each.name for each in kept if _is_in(each, step)]):
            template = (
                "{record} cannot be removed yet: kept there, put aside, {names};"
                " “cloudctl vm retire NAME --now” deletes for good."
            )
            yield problem(draft.marks.place(), template, record=step.target, names=", ".join(sorted(there)))


def _is_kept(there: Present, is_wanted: bool) -> bool:
    """Whether it is put aside, or will be for not being named any more: it can still be brought back."""
    return there.state == "shelved" or (there.state == "active" and not is_wanted and not there.is_external)


def _is_in(there: Present, step: PlanStep) -> bool:
    """Whether a machine could not be brought back, or deleted, without this record."""
    places = {
        "pools": (there.pool,),
        "hosts": (there.pool, there.host),
        "networks": (there.pool, there.network),
    }
    return places.get(step.section) == step.key


def _site_conflicts(session: Session, draft: Draft, steps: Iterable[PlanStep]) -> Iterator[Problem]:
    """A closed month begins and ends by the site's zone and is paid in its currency: neither may move under it."""
    closed = [period for period, _, _ in closed_bounds(session)]
    for step in steps:
        if step.section == "site" and closed:
            for key in sorted({"timezone", "currency"} & set(step.after or {})):
                template = "{key} cannot change: month {period} is closed."
                yield problem(draft.marks.place(("site", key)), template, key=key, period=closed[0])


def _reach(steps: list[PlanStep], state: EstateState) -> Reach:
    touched = {step.target for step in steps if step.section == MACHINES and takes_away(step)}
    there = sum(machine.state == "active" for machine in state.machines.values())
    sections = [section for section in SECTIONS if section != MACHINES]
    kept = sum(len(getattr(state.inventory, section)) for section in sections)
    removed = sum(step.kind == "remove" for step in steps)
    return Reach(len(touched), there, removed, kept)
