"""What drains and evacuations have in common: laid out, checked against what was printed, journalled, carried out."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import journal_change, run_change
from cloudctl.operations.machines.give_up_steps import give_up_steps
from cloudctl.operations.machines.host_plan import HostPlan
from cloudctl.operations.machines.plan_change import Seen, seen_pool
from cloudctl.operations.machines.show_change import ChangeOutcome
from provisioning.executor import Entry
from provisioning.store import find_host
from provisioning.tables import HostRow

# Which machines of a host, by POOL/CODE, go where, as its pool shows itself now.
Layout = Callable[[Context, Session, str, Seen], HostPlan]


@dataclass(frozen=True, slots=True)
class Emptying:
    """How and why a host is emptied. reason: as its row and the audit chain keep it. title: the change's reason.

    fenced: a person states, in `reason`, that it is dead and can do no harm.
    """

    layout: Layout
    reason: str
    title: str
    fenced: bool = False


def plan_emptying(ctx: Context, code: str, layout: Layout) -> HostPlan:
    """Nothing is written. Refused by right or by the layout; Unreachable when the pool does not answer."""
    ctx.actor.require(Role.OPERATOR)
    seen = _seen(ctx, code)
    with ctx.reading() as session:
        return layout(ctx, session, code, seen)


def empty_host(
    ctx: Context, plan: HostPlan, how: Emptying, on_begin: Callable[[Entry], None] | None = None
) -> ChangeOutcome | None:
    """The host takes nothing new from now on, and its machines go. A machine that its cloud refuses stays.

    An earlier change of the kind that was cut off is carried on first, and steps that a fenced host died in are
    given up. Refused when the plan would be another one by
    now; Unreachable as for any change: do it again then. None: there was nothing to move.
    """
    resumed = run_change(ctx, plan.resumes, on_begin=on_begin) if plan.resumes is not None else None
    for vm_id, number in plan.gives_up.items():
        give_up_steps(ctx, number, vm_id, plan.host)
    seen = _seen(ctx, plan.host)
    with ctx.writing() as session:
        fresh = how.layout(ctx, session, plan.host, seen)
        # What was ended first may have left other room than there was.
        is_fresh = plan.resumes is None and not plan.gives_up
        if is_fresh and plan.change_plan.checksum != fresh.change_plan.checksum:
            raise Refused("The plan has changed since it was printed; look at it again.")
        change = journal_change(ctx, session, fresh.steps, how.title, goes_on=True) if fresh.steps else None
        _close(ctx, session, plan.host, how, change)
    return run_change(ctx, change, on_begin=on_begin) if change else resumed


def _seen(ctx: Context, code: str) -> Seen:
    with ctx.reading() as session:
        pool, _ = find_host(session, code)
    return seen_pool(ctx, pool.id)


def _close(ctx: Context, session: Session, code: str, how: Emptying, change: int | None) -> None:
    _, host = find_host(session, code)
    host.accepting = False
    host.closed = {
        "by": ctx.actor.login,
        "at": ctx.clock.now().isoformat(),
        "reason": how.reason,
        **({"fenced": True} if how.fenced else {}),
        "changes": [*_earlier(host, how), *([change] if change else [])],
    }
    if how.fenced:
        ctx.record(session, "host.fence", code, statement=how.reason, change=change)
    else:
        ctx.record(session, "host.drain", code, reason=how.reason, change=change)


def _earlier(host: HostRow, how: Emptying) -> list[int]:
    """Changes of the same kind since the host was closed."""
    closed = host.closed or {}
    return list(closed.get("changes", ())) if bool(closed.get("fenced")) == how.fenced else []
