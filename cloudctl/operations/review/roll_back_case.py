"""Takes a carried-out case back: one command restores the exact earlier size, and its savings end there."""

from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_effects import size_text
from cloudctl.operations.machines.execute_change import ChangeFailed, journal_change, run_change
from cloudctl.operations.machines.plan_change import lay_out, observe_pools
from cloudctl.operations.review.case_steps import CaseStep, in_site_language, keep_step, step_of, tell_unit
from cloudctl.operations.review.execute_case import end_savings
from metering.allocations import current_allocation, size_of
from policies import panel
from policies.store import find_case, read_case
from policies.tables import CaseRow
from provisioning.executor import ChangeState
from provisioning.model import Step
from provisioning.steps import resize_step, unshelve_step
from provisioning.store import get_vm


def roll_back_case(
    ctx: Context, number: int, reason: str = "", *, done_at: datetime | None = None
) -> CaseStep:
    """Begins the change back, or takes it up again. done_at: when a work order was carried out.

    Refused when the machine was deleted or has changed its size since.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        row = find_case(session, number)
        panel.rolled_back(read_case(session, row, ctx.clock.now()))
        change_id = row.rollback_change_id
        step = None if change_id else _step(session, row)
    if step is not None:
        change_id = _begin(ctx, number, step, reason)
    assert change_id is not None
    return _carry_on(ctx, number, change_id, reason, done_at)


def planned_rollback(ctx: Context, number: int) -> list[Step]:
    """The step that restores the earlier size or brings the machine back; none when one is under way.

    Refused as rolling back would be.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        row = find_case(session, number)
        panel.rolled_back(read_case(session, row, ctx.clock.now()))
        return [] if row.rollback_change_id else [_step(session, row)]


def _step(session: Session, row: CaseRow) -> Step:
    vm, held = get_vm(session, row.vm_id), current_allocation(session, row.vm_id)
    if vm.state == "shelved":
        return unshelve_step(vm.id, vm.name)
    if held is None:
        raise Refused("{name} was deleted; that cannot be taken back.", name=vm.name)
    assert row.before_size is not None and row.executed_at is not None
    before = Size.from_json(row.before_size)
    if size_of(held) not in _left_by_case(row, before):
        raise Refused("{name} has changed its size since.", name=vm.name)
    return resize_step(vm.id, vm.name, size_of(held), before)


def _left_by_case(row: CaseRow, before: Size) -> tuple[Size, ...]:
    """The sizes the case itself can have left: with the disk replaced, or with that still to come."""
    after = Size.from_json(row.to_size or row.from_size)
    return after, Size(after.vcpus, after.memory_mib, before.storage_gib)


def _begin(ctx: Context, number: int, step: Step, reason: str) -> int:
    seen = observe_pools(ctx, [step])
    with ctx.writing() as session:
        row = find_case(session, number)
        case = read_case(session, row, ctx.clock.now())
        panel.rolled_back(case)
        laid = lay_out(ctx, session, [step], seen)
        change_id = journal_change(
            ctx, session, laid, f"review case {number}: rollback", rolls_back=row.change_id
        )
        row.rollback_change_id = change_id
        keep_step(ctx, session, row, case, "begin_rollback", reason, change=change_id)
        return change_id


def _carry_on(ctx: Context, number: int, change_id: int, reason: str, done_at: datetime | None) -> CaseStep:
    try:
        state = run_change(ctx, change_id, done_at=done_at).state
    except ChangeFailed:
        _give_up(ctx, number)
        raise
    if state in (ChangeState.UNDONE, ChangeState.FAILED):
        _give_up(ctx, number)
    with ctx.writing() as session:
        row = find_case(session, number)
        if state == ChangeState.DONE:
            _conclude(ctx, session, row, reason)
        return step_of(session, row)


def _give_up(ctx: Context, number: int) -> None:
    """The change back came to nothing: another may be begun."""
    with ctx.writing() as session:
        find_case(session, number).rollback_change_id = None


def _conclude(ctx: Context, session: Session, row: CaseRow, reason: str) -> None:
    held = current_allocation(session, row.vm_id)
    assert held is not None
    row.rolled_back_at = held.start
    end_savings(session, row, held.start)
    case = panel.rolled_back(read_case(session, row, ctx.clock.now()))
    keep_step(ctx, session, row, case, "rollback", reason, at=held.start.isoformat())
    size = size_text(in_site_language(ctx), size_of(held))
    values = {"case": row.id, "vm": get_vm(session, row.vm_id).name, "size": size}
    tell_unit(
        ctx,
        session,
        row,
        Message("Rolled back: {vm}, case {case}", values),
        Message("Machine {vm} has its earlier size again: {size}.", values),
    )
