"""Empties a host while it works, and opens it again: one plan, one change, reversible; what does not fit stays."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.empty_host import Emptying, empty_host, plan_emptying
from cloudctl.operations.machines.execute_change import journal_change, run_change
from cloudctl.operations.machines.host_driver import host_driver
from cloudctl.operations.machines.host_plan import (
    HostPlan,
    Stay,
    answers,
    by_id,
    fitted,
    moves_of,
    occupants,
    sharing,
)
from cloudctl.operations.machines.plan_change import (
    Seen,
    opened_drivers,
    require_capabilities,
    require_free,
)
from cloudctl.operations.machines.promised_room import kept_sizes
from cloudctl.operations.machines.show_change import ChangeOutcome
from provisioning.driver import Readmitting
from provisioning.executor import Entry
from provisioning.model import MachineState, Step
from provisioning.steps import evacuate_step, migrate_step
from provisioning.store import find_change, find_host, get_vm, vms
from provisioning.tables import HostRow, PoolRow, VmRow


def plan_drain(ctx: Context, code: str) -> HostPlan:
    """Where the host's machines would go, the largest first. Refused where the pool cannot migrate; Unreachable."""
    return plan_emptying(ctx, code, _drain)


def drain_host(
    ctx: Context, plan: HostPlan, reason: str, on_begin: Callable[[Entry], None] | None = None
) -> ChangeOutcome | None:
    """Carries the plan out; what and when it refuses: `empty_host`."""
    return empty_host(ctx, plan, Emptying(_drain, reason, reason or f"host {plan.host}"), on_begin)


def plan_undrain(ctx: Context, code: str, *, back: bool = False) -> HostPlan:
    """Opening the host again. back: the machines that its drain moved return, where they fit.

    A host that was fenced must answer, and what it still has of machines that were started elsewhere goes; nothing
    returns to it by itself. Refused while its drain is not finished, and when it is open.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        pool, host = find_host(session, code)
        if host.accepting:
            raise Refused("Host {host} is open already.", host=_name(pool, host))
        if back and (host.closed or {}).get("fenced"):
            raise Refused(
                "Host {host} was fenced: nothing moves back to it by itself.",
                host=_name(pool, host),
                hint=Message(
                    "Open it without --back; then: cloudctl vm migrate NAME --to {host}",
                    {"host": _name(pool, host)},
                ),
            )
        _require_finished(session, host)
    with opened_drivers(ctx, [pool.id]) as drivers:
        driver = drivers[pool.id]
        seen, is_told = Seen(driver.capabilities, driver.observe()), isinstance(driver, Readmitting)
    with ctx.reading() as session:
        pool, host = find_host(session, code)
        if (host.closed or {}).get("fenced"):
            if not is_told:
                _require_answer(pool, host, seen)
            left = tuple(_cleared(ctx, session, pool, host, seen))
            return HostPlan(_name(pool, host), left, clears=bool(left))
        return _return(ctx, session, pool, host, seen) if back else HostPlan(_name(pool, host), ())


def undrain_host(
    ctx: Context, plan: HostPlan, reason: str, on_begin: Callable[[Entry], None] | None = None
) -> ChangeOutcome | None:
    """The host takes machines again. A fenced one only when nothing is left of what was started elsewhere."""
    ctx.actor.require(Role.OPERATOR)
    _readmit(ctx, plan.host)
    with ctx.writing() as session:
        _, host = find_host(session, plan.host)
        _require_finished(session, host)
        is_fenced = bool((host.closed or {}).get("fenced"))
        require_free(ctx, session, {step.vm_id: get_vm(session, step.vm_id) for step in plan.steps})
        if not is_fenced:
            _open(ctx, session, plan.host, reason)
        change = _journal(ctx, session, plan, reason) if plan.steps else None
    outcome = run_change(ctx, change, on_begin=on_begin) if change else None
    if is_fenced and (outcome is None or outcome.state == "done"):
        with ctx.writing() as session:
            _open(ctx, session, plan.host, reason)
    return outcome


def _drain(ctx: Context, session: Session, code: str, seen: Seen) -> HostPlan:
    pool, host = find_host(session, code)
    if (host.closed or {}).get("fenced"):
        raise Refused(
            "Host {host} was fenced: its machines were evacuated.",
            host=_name(pool, host),
            hint=Message("When it is back: cloudctl host undrain {host}", {"host": _name(pool, host)}),
        )
    if not answers(seen.observation, host.code):
        raise Refused(
            "Host {host} does not answer, so nothing moves away from it.",
            host=_name(pool, host),
            hint=Message(
                "If it is dead: “cloudctl host evacuate {host}”, with your statement that it is fenced.",
                {"host": _name(pool, host)},
            ),
        )
    there = occupants(session, host, seen.observation)
    shown, held = by_id(seen.observation, host.code), kept_sizes(session, pool.id)
    largest = sorted(there.movable, key=lambda row: _rank(held[row.id], row.name))
    steps = [_away(row, seen) for row in largest if row.id in shown]
    unseen = [
        Stay(row.name, Message("its cloud does not show it there")) for row in largest if row.id not in shown
    ]
    room, laid, stays = fitted(ctx, session, pool, seen, steps, closed=[host.code])
    return HostPlan(
        _name(pool, host),
        tuple(laid),
        (*there.stays, *unseen, *stays),
        sharing(room, laid),
        there.resumes,
    )


def _rank(size: Size, name: str) -> tuple[int, int, str]:
    return (-size.memory_mib, -size.vcpus, name)


def _away(row: VmRow, seen: Seen) -> Step:
    machine = seen.machine(row)
    is_running = machine is not None and machine.state == MachineState.RUNNING
    return migrate_step(row.id, row.name, row.host, None, is_live=is_running)


def _require_answer(pool: PoolRow, host: HostRow, seen: Seen) -> None:
    if not answers(seen.observation, host.code):
        raise Refused("Host {host} does not answer yet.", host=_name(pool, host))


def _readmit(ctx: Context, code: str) -> None:
    """Tells the cloud of a fenced host, where it wants to be told, that it may use the host again."""
    with ctx.reading() as session:
        _, host = find_host(session, code)
    if not (host.closed or {}).get("fenced"):
        return
    with host_driver(ctx, code) as at:
        if isinstance(at.driver, Readmitting):
            at.driver.readmit(at.host)


def _cleared(ctx: Context, session: Session, pool: PoolRow, host: HostRow, seen: Seen) -> list[Step]:
    told = {fault.vm_id for fault in seen.observation.faults if fault.host == host.code and fault.is_double}
    left = told | by_id(seen.observation, host.code).keys()
    ours = vms(session, pool_id=pool.id, states=["active", "shelved"])
    steps = [
        evacuate_step(row.id, row.name, host.code, row.host)
        for row in ours
        if row.host != host.code and row.id in left
    ]
    require_capabilities(ctx, pool, steps, seen.capabilities)
    return steps


def _return(ctx: Context, session: Session, pool: PoolRow, host: HostRow, seen: Seen) -> HostPlan:
    moved = moves_of(session, (host.closed or {}).get("changes", []))
    rows = {vm_id: (get_vm(session, vm_id), to) for vm_id, before, to in moved if before == host.code}
    steps = [
        migrate_step(row.id, row.name, row.host, host.code, is_live=_away(row, seen).is_live)
        for row, to in rows.values()
        if row.state in ("active", "shelved") and row.host == to
    ]
    room, laid, stays = fitted(ctx, session, pool, seen, steps, opened=[host.code])
    return HostPlan(_name(pool, host), tuple(laid), tuple(stays), sharing(room, laid))


def _journal(ctx: Context, session: Session, plan: HostPlan, reason: str) -> int:
    return journal_change(ctx, session, plan.steps, reason or f"host {plan.host}", goes_on=True)


def _open(ctx: Context, session: Session, code: str, reason: str) -> None:
    _, host = find_host(session, code)
    host.accepting, host.closed = True, None
    ctx.record(session, "host.undrain", code, reason=reason)


def _require_finished(session: Session, host: HostRow) -> None:
    for number in (host.closed or {}).get("changes", []):
        if find_change(session, number).finished_at is None:
            raise Refused(
                "Change {number} is still moving its machines.",
                number=number,
                hint=Message(
                    "Carry it on with “cloudctl change resume {number}”, or take it back with "
                    "“cloudctl change rollback {number}”.",
                    {"number": number},
                ),
            )


def _name(pool: PoolRow, host: HostRow) -> str:
    return f"{pool.code}/{host.code}"
