"""Starts a dead host's machines elsewhere, the most important first, once a person states that the host is fenced.

A host that only seems dead still writes to the shared disks: a machine that ran twice would destroy them. Nobody but
a person can know that it is off or cut from its storage, so one must say so, by name, and it is recorded.
"""

from collections.abc import Callable

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.estate import systems
from cloudctl.operations.context import Context
from cloudctl.operations.machines.empty_host import Emptying, empty_host, plan_emptying
from cloudctl.operations.machines.give_up_steps import hopeless_steps
from cloudctl.operations.machines.host_plan import HostPlan, fitted, occupants, sharing
from cloudctl.operations.machines.plan_change import Seen
from cloudctl.operations.machines.show_change import ChangeOutcome
from provisioning.executor import Entry
from provisioning.steps import evacuate_step
from provisioning.store import find_host


def plan_evacuation(ctx: Context, code: str) -> HostPlan:
    """Where the dead host's machines would start, by priority: level of protection, then declared order, then name.

    Those put aside come last: they move without being started.

    Refused while the host answers; Unreachable when its pool does not.
    """
    return plan_emptying(ctx, code, _evacuation)


def evacuate_host(
    ctx: Context, plan: HostPlan, fenced: str, on_begin: Callable[[Entry], None] | None = None
) -> ChangeOutcome | None:
    """fenced: what the person states, and why. Refused without it, and as `empty_host` says."""
    if not fenced.strip():
        raise Refused(
            "Say that the host is fenced, and how you know.",
            hint=Message("For instance: --fenced “power is off, checked by Wang on site”."),
        )
    how = Emptying(_evacuation, fenced, f"evacuation of {plan.host}", fenced=True)
    return empty_host(ctx, plan, how, on_begin)


def _evacuation(ctx: Context, session: Session, code: str, seen: Seen) -> HostPlan:
    pool, host = find_host(session, code)
    name = f"{pool.code}/{host.code}"
    _require_dead(seen, host.code, name)
    gives_up = hopeless_steps(ctx, session, host, seen.observation)
    there = occupants(session, host, seen.observation, gives_up)
    levels = {row.id: (-(row.level or 0), row.id) for row in systems(session, removed=True)}
    ordered = sorted(
        there.movable, key=lambda row: (row.state == "shelved", *levels[row.system_id], row.name)
    )
    steps = [evacuate_step(row.id, row.name, host.code, None) for row in ordered]
    room, laid, stays = fitted(ctx, session, pool, seen, steps, closed=[host.code], keeps_grants=False)
    return HostPlan(name, tuple(laid), (*there.stays, *stays), sharing(room, laid), there.resumes, gives_up)


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
