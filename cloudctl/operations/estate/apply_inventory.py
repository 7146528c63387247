"""Brings the ledger and the clouds to an inventory: records and facts in one transaction, then the machines.

Records, declared facts, rows of machines to be made and the journal of the change to the clouds are committed
together or not at all. The change is then carried out step by step; a kill leaves it to `change resume`. Records
are removed when the machines that stood in them are put aside.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.inventory.draft import draft_of
from cloudctl.core.inventory.model import Inventory
from cloudctl.core.inventory.plan import MACHINES, NOUNS, Plan, PlanStep
from cloudctl.operations.context import Context
from cloudctl.operations.estate.declare_machines import declare_machines, steps_to_run
from cloudctl.operations.estate.plan_inventory import wanted_machine
from cloudctl.operations.estate.read_estate import EstateState, read_estate
from cloudctl.operations.estate.write_records import Books, remove_records, write_records
from cloudctl.operations.machines.execute_change import journal_change, run_change
from cloudctl.operations.machines.plan_change import Seen, lay_out, require_free
from cloudctl.operations.usage.restamp_samples import restamp_samples
from provisioning.model import Step
from provisioning.planner import Wanted
from provisioning.store import get_pool, get_vm, open_pool_driver


@dataclass(frozen=True, slots=True)
class ApplyOutcome:
    """What was done: the plan's checksum, its steps, and the number of the change to the clouds, if any."""

    checksum: str
    steps: int
    change: int | None


def apply_inventory(ctx: Context, plan: Plan, *, force: bool = False) -> ApplyOutcome:
    """Carries out a plan. Refused by right, when it reaches too far, or when the estate has moved since.

    Errors of the change to the clouds (ChangeFailed, Unreachable) come after records and facts were committed.
    """
    require_rights(ctx, plan)
    require_reach(ctx, plan, force=force)
    if not plan.steps:
        return ApplyOutcome(plan.checksum, 0, None)
    with ctx.writing() as session:
        state = read_estate(session)
        _require_same(plan, state)
        change = _write(ctx, session, plan, state)
    if change is not None:
        run_change(ctx, change)
        _remove_afterwards(ctx, plan)
    return ApplyOutcome(plan.checksum, len(plan.steps), change)


def require_rights(ctx: Context, plan: Plan) -> None:
    """An operator applies; who people are and what they may do is the administrators' affair."""
    ctx.actor.require(Role.OPERATOR)
    if plan.of("people"):
        ctx.actor.require(Role.SYSADMIN, Role.SECADMIN)


def require_reach(ctx: Context, plan: Plan, *, force: bool) -> None:
    """Refused when the plan removes or shrinks more than the site's limit, unless forced."""
    reach, limit = plan.reach, ctx.settings.inventory.plan_limit
    if not force and reach.exceeds(limit):
        raise Refused(
            "The plan removes or shrinks {machines} of {machines_there} machines"
            " and removes {records} of {records_there} records; the limit is {percent} %.",
            machines=reach.machines,
            machines_there=reach.machines_there,
            records=reach.records,
            records_there=reach.records_there,
            percent=f"{limit * 100:g}",
            hint=Message("Look at the plan; if it is meant so, add --force."),
        )


def _require_same(plan: Plan, state: EstateState) -> None:
    if state.digest != plan.state:
        raise Refused(
            "The estate has changed since it was planned; nothing was done.",
            hint=Message("Plan again with “cloudctl inventory plan”."),
        )


def _write(ctx: Context, session: Session, plan: Plan, state: EstateState) -> int | None:
    """Everything but the clouds, in the caller's transaction. Returns the journalled change's number."""
    whole = draft_of(plan.inventory, "").completed(state.inventory).inventory
    wanted = _wanted(whole)
    books = Books.opened(session, ctx.clock.now())
    records = [step for step in plan.steps if step.section != MACHINES]
    machines = plan.of(MACHINES)
    known = (state.machines.get(step.target) for step in machines)
    require_free(ctx, session, {there.vm_id: get_vm(session, there.vm_id) for there in known if there})
    write_records(books, records, whole)
    corrected = declare_machines(books, machines, wanted)
    steps = steps_to_run(books, machines, wanted, state.machines)
    if not steps:
        remove_records(books, records)
    _record(ctx, session, [step for step in plan.steps if not steps or step.kind != "remove"])
    ctx.record(session, "inventory.apply", plan.checksum, steps=len(plan.steps))
    restamp_samples(ctx, session, corrected)
    return _journal(ctx, session, steps, plan.checksum) if steps else None


def _wanted(inventory: Inventory) -> Mapping[str, Wanted]:
    return {vm.name: wanted_machine(vm, inventory) for vm in inventory.vms or ()}


def _journal(ctx: Context, session: Session, steps: Sequence[Step], checksum: str) -> int:
    """Lays the steps out on the pools as this transaction has them, new hosts included, and journals them.

    The clouds are looked at while the ledger is held: so a machine that fits nowhere leaves nothing behind.
    """
    seen = {}
    for pool_id in dict.fromkeys(get_vm(session, step.vm_id).pool_id for step in steps):
        with closing(open_pool_driver(session, get_pool(session, pool_id), ctx.home, ctx.clock)) as driver:
            seen[pool_id] = Seen(driver.capabilities, driver.observe())
    laid = lay_out(ctx, session, steps, seen)
    return journal_change(ctx, session, laid, f"inventory {checksum[:12]}")


def _remove_afterwards(ctx: Context, plan: Plan) -> None:
    removals = [step for step in plan.steps if step.kind == "remove"]
    if removals:
        with ctx.writing() as session:
            remove_records(Books.opened(session, ctx.clock.now()), removals)
            _record(ctx, session, removals)


def _record(ctx: Context, session: Session, steps: Sequence[PlanStep]) -> None:
    """An audit entry per record and declared fact; machines of clouds are recorded by their change."""
    for step in steps:
        if step.section != MACHINES:
            name = "/".join(step.key) or ctx.site.name
            ctx.record(
                session, f"{NOUNS[step.section]}.{step.kind}", name, before=step.before, after=step.after
            )
        elif step.kind in ("declare", "correct", "transfer") or (step.kind == "retire" and step.is_live):
            ctx.record(session, f"vm.{step.kind}", step.target, before=step.before, after=step.after)
