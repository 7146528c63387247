"""Starts a dead host's machines elsewhere, the most important first, once a person states that the host is fenced.

A host that only seems dead still writes to the shared disks: a machine that ran twice would destroy them. Nobody but
a person can know that it is off or cut from its storage, so one must say so, by name, and it is recorded.
"""

from collections.abc import Callable

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.estate import systems
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.drain_host import closing, require_same
from cloudctl.operations.machines.execute_change import journal_change, run_change
from cloudctl.operations.machines.host_plan import HostPlan, fitted, occupants, sharing
from cloudctl.operations.machines.plan_change import Seen, seen_pool
from cloudctl.operations.machines.show_change import ChangeOutcome
from provisioning.executor import Entry
from provisioning.steps import evacuate_step
from provisioning.store import find_host
from provisioning.tables import VmRow


def plan_evacuation(ctx: Context, code: str) -> HostPlan:
    """Where the dead host's machines would start, by priority: level of protection, then declared order, then name.

    Refused while the host answers; Unreachable when its pool does not.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        pool, _ = find_host(session, code)
    seen = seen_pool(ctx, pool.id)
    with ctx.reading() as session:
        return _evacuation(ctx, session, code, seen)


def evacuate_host(
    ctx: Context, plan: HostPlan, fenced: str, on_begin: Callable[[Entry], None] | None = None
) -> ChangeOutcome | None:
    """fenced: what the person states, and why. The host takes nothing any more, and its machines start elsewhere.

    One that is refused stays behind, the others go on. Refused without a statement, and when the plan would be
    another one by now. None: there was nothing to start.
    """
    if not fenced.strip():
        raise Refused(
            "Say that the host is fenced, and how you know.",
            hint=Message("For instance: --fenced “power is off, checked by Wang on site”."),
        )
    if plan.resumes is not None:
        run_change(ctx, plan.resumes, on_begin=on_begin)
    with ctx.reading() as session:
        pool, _ = find_host(session, plan.host)
    seen = seen_pool(ctx, pool.id)
    with ctx.writing() as session:
        _, host = find_host(session, plan.host)
        fresh = _evacuation(ctx, session, plan.host, seen)
        if plan.resumes is None:
            require_same(plan, fresh)
        change = (
            journal_change(ctx, session, fresh.steps, f"evacuation of {plan.host}", goes_on=True)
            if fresh.steps
            else None
        )
        earlier = (host.closed or {}).get("changes", []) if (host.closed or {}).get("fenced") else []
        host.accepting = False
        host.closed = closing(ctx, fenced, fenced=True, changes=[*earlier, change] if change else earlier)
        ctx.record(session, "host.fence", plan.host, statement=fenced, change=change)
    return run_change(ctx, change, on_begin=on_begin) if change else None


def _evacuation(ctx: Context, session: Session, code: str, seen: Seen) -> HostPlan:
    pool, host = find_host(session, code)
    name = f"{pool.code}/{host.code}"
    _require_dead(seen, host.code, name)
    there = occupants(session, host, seen.observation)
    levels = {row.id: (-(row.level or 0), row.id) for row in systems(session, removed=True)}
    ordered = sorted(there.movable, key=lambda row: (*_priority(row, levels), row.name))
    steps = [evacuate_step(row.id, row.name, host.code, None) for row in ordered]
    room, laid, stays = fitted(ctx, session, pool, seen, steps, closed=[host.code], keeps_grants=False)
    return HostPlan(name, tuple(laid), (*there.stays, *stays), sharing(room, laid), there.resumes)


def _priority(row: VmRow, levels: dict[int, tuple[int, int]]) -> tuple[int, int]:
    return levels[row.system_id]


def _require_dead(seen: Seen, code: str, name: str) -> None:
    facts = next((each for each in seen.observation.hosts if each.code == code), None)
    is_silent = any(fault.host == code and fault.vm_id is None for fault in seen.observation.faults)
    if facts is None and not is_silent:
        raise Refused("Its cloud does not show host {host}, dead or alive.", host=name)
    if not is_silent and facts is not None and facts.is_up:
        raise Refused(
            "Host {host} answers: its machines are migrated, not evacuated.",
            host=name,
            hint=Message("Empty it with “cloudctl host drain {host}”.", {"host": name}),
        )
