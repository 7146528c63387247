"""Carries a decided case out, as a change like any other: journalled, resumable, by somebody else than its proposer.

The case and its change begin in one transaction, so that a kill at any point leaves neither or both; executing the
case again then takes the same change up. Storage cannot shrink in place: that part of a proposal is a work order,
posted with the change and reported when it is done; what the change has done is watched meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import ChangeFailed, journal_change, run_change
from cloudctl.operations.machines.plan_change import lay_out, observe_pools
from cloudctl.operations.machines.plan_vm import plan_retire
from cloudctl.operations.review.case_steps import (
    CaseStep,
    actor_of,
    keep_step,
    step_of,
)
from cloudctl.operations.review.confirm_resizes import keeps_way_open
from cloudctl.operations.review.order_storage import (
    BY_HAND,
    is_storage_due,
    order_storage,
    replace_by_hand,
    replace_storage,
)
from cloudctl.operations.review.schedule_case import require_open, window_of
from metering.allocations import current_allocation, size_of
from policies import panel
from policies.panel import CaseState
from policies.store import case_savings, find_case, read_case
from policies.tables import CaseRow, SavingRow
from policies.underuse import NOTHING, Remedy
from provisioning.executor import ChangeState
from provisioning.model import Step
from provisioning.steps import resize_step
from provisioning.store import get_vm


def execute_case(ctx: Context, number: int, *, done_at: datetime | None = None) -> CaseStep:
    """Begins the case's change, or takes it up again. done_at: when what was ordered by hand was carried out.

    Refused before its time and outside the maintenance window, for the proposer, and when the machine has another
    size than the case was opened on. ChangeFailed when the cloud refuses: the case waits for a new time then.
    """
    ctx.actor.require(Role.OPERATOR)
    if done_at is not None and is_storage_due(ctx, number):
        return _report_beside(ctx, number, done_at)
    with ctx.reading() as session:
        row = find_case(session, number)
        case = panel.executing(read_case(session, row, ctx.clock.now()), actor_of(ctx))
        is_begun = row.state == CaseState.EXECUTING
        steps = [] if is_begun else _steps(ctx, session, row)
    if done_at is not None and not is_begun:
        raise Refused("Case {case} has no work orders out.", case=number)
    if not is_begun:
        _begin(ctx, number, case, steps)
    return _carry_on(ctx, number, done_at)


def check_execute(ctx: Context, number: int, *, done_at: datetime | None = None) -> Sequence[Step]:
    """What executing the case would now do to the machine; refused as executing would be.

    Storage that shrinks is not among it, nor is anything when work orders are only reported.
    """
    ctx.actor.require(Role.OPERATOR)
    if done_at is not None and is_storage_due(ctx, number):
        return []
    with ctx.reading() as session:
        row = find_case(session, number)
        panel.executing(read_case(session, row, ctx.clock.now()), actor_of(ctx))
        if row.state == CaseState.EXECUTING:
            return []
        _require_time(ctx, session, row)
        return _steps(ctx, session, row)


def _steps(ctx: Context, session: Session, row: CaseRow) -> Sequence[Step]:
    vm, before, after = get_vm(session, row.vm_id), _present(session, row), Size.from_json(row.to_size or {})
    if before != Size.from_json(row.from_size):
        raise Refused(
            "{vm} no longer has the size case {case} was opened on; review it anew.", vm=vm.name, case=row.id
        )
    if after == NOTHING:
        return plan_retire(ctx, vm.name).steps
    if row.remedy in BY_HAND:
        after = Size(after.vcpus, after.memory_mib, before.storage_gib)
    if after == before:
        return []
    return [resize_step(vm.id, vm.name, before, after, hold=keeps_way_open(ctx, session, vm.pool_id))]


def _present(session: Session, row: CaseRow) -> Size:
    held = current_allocation(session, row.vm_id)
    if held is None:
        raise Refused("{name} holds nothing.", name=get_vm(session, row.vm_id).name)
    return size_of(held)


def _begin(ctx: Context, number: int, case: panel.Case, steps: Sequence[Step]) -> None:
    seen = observe_pools(ctx, steps) if steps else {}
    with ctx.writing() as session:
        row = find_case(session, number)
        case = panel.executing(read_case(session, row, ctx.clock.now()), actor_of(ctx))
        _require_time(ctx, session, row)
        row.before_size, row.executed_by = row.from_size, ctx.actor.login
        if steps:
            laid = lay_out(ctx, session, steps, seen)
            row.change_id = journal_change(ctx, session, laid, f"review case {number}")
        if row.remedy in BY_HAND:
            order_storage(ctx, session, row)
        keep_step(ctx, session, row, case, "execute", change=row.change_id)


def _require_time(ctx: Context, session: Session, row: CaseRow) -> None:
    """A work order is sent ahead of its time; whatever touches a machine waits for it."""
    now = ctx.clock.now()
    assert row.scheduled_for is not None
    if row.remedy == Remedy.WORK_ORDER:
        return
    if now < row.scheduled_for:
        raise Refused(
            "Case {case} is scheduled for {time}.",
            case=row.id,
            time=row.scheduled_for.astimezone(ctx.site.zone).isoformat(),
        )
    require_open(ctx, window_of(session, row), now)


def _carry_on(ctx: Context, number: int, done_at: datetime | None) -> CaseStep:
    """Runs the change as far as it goes, and draws the case's next state from it."""
    with ctx.reading() as session:
        row = find_case(session, number)
        change_id = row.change_id
    state = ChangeState.DONE if done_at else ChangeState.ORDERED
    if change_id is None and done_at is not None:
        replace_by_hand(ctx, number, done_at)
    if change_id is not None:
        try:
            state = ChangeState(run_change(ctx, change_id, done_at=done_at).state)
        except ChangeFailed as failure:
            _withdraw(ctx, number, ctx.texts.message(failure.message))
            raise
    if state in (ChangeState.UNDONE, ChangeState.FAILED):
        _withdraw(ctx, number)
    with ctx.writing() as session:
        row = find_case(session, number)
        if state is ChangeState.DONE:
            if change_id is None:
                replace_storage(ctx, session, row, done_at)
            _conclude(ctx, session, row)
        return step_of(session, row)


def _withdraw(ctx: Context, number: int, why: str = "") -> None:
    with ctx.writing() as session:
        row = find_case(session, number)
        case = panel.withdrawn(read_case(session, row, ctx.clock.now()))
        row.scheduled_for, row.change_id = None, None
        keep_step(ctx, session, row, case, "withdraw", why)


def _report_beside(ctx: Context, number: int, done_at: datetime) -> CaseStep:
    """The work order that went beside a change: the saving goes on with the new disk."""
    replace_by_hand(ctx, number, done_at)
    with ctx.writing() as session:
        row = find_case(session, number)
        case = panel.reported(read_case(session, row, ctx.clock.now()))
        replace_storage(ctx, session, row, done_at)
        end_savings(session, row, done_at)
        _book(session, row, _present(session, row), done_at)
        keep_step(ctx, session, row, case, "report", at=done_at.isoformat())
        return step_of(session, row)


def _conclude(ctx: Context, session: Session, row: CaseRow) -> None:
    """The machine has its new size: savings run, and it is watched; a retired one needs no watching."""
    vm = get_vm(session, row.vm_id)
    held = current_allocation(session, row.vm_id)
    row.executed_at = held.start if held else vm.shelved_at or vm.retired_at
    assert row.executed_at is not None
    _book(session, row, size_of(held) if held else NOTHING, row.executed_at)
    case = panel.watched(read_case(session, row, ctx.clock.now()))
    if held is None:
        case = panel.finished(case)
    else:
        row.watch_until = row.executed_at + timedelta(days=ctx.settings.review.watch_days)
    keep_step(ctx, session, row, case, "carried_out", at=row.executed_at.isoformat())


def _book(session: Session, row: CaseRow, after: Size, start: datetime) -> None:
    """A saving from the size it had before the case to the one it has from `start` on."""
    session.add(
        SavingRow(
            case_id=row.id,
            vm_id=row.vm_id,
            pool_id=row.pool_id,
            unit_id=row.unit_id,
            from_size=row.from_size,
            to_size=after.as_json(),
            start=start,
            end=None,
        )
    )
    session.flush()


def end_savings(session: Session, row: CaseRow, at: datetime) -> None:
    """Nothing is saved from `at` on."""
    for saving in case_savings(session, row.id):
        if saving.end is None:
            saving.end = at
    session.flush()
