"""Takes back a change: one under way is undone, a finished one is reversed by a new change of its own."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_journal import entry_of
from cloudctl.operations.machines.execute_change import begin_change, run_change, undo_change
from cloudctl.operations.machines.plan_change import ChangePlan, plan_change
from cloudctl.operations.machines.show_change import ChangeOutcome
from metering.allocations import current_allocation, size_of
from provisioning.executor import StepState
from provisioning.model import Step, StepKind
from provisioning.steps import inverse, shelve_step, wanted_size
from provisioning.store import change_steps, changes, find_change, get_pool, get_vm
from provisioning.tables import ChangeStepRow


def roll_back_change(
    ctx: Context, change_id: int, reason: str, *, checksum: str | None = None
) -> ChangeOutcome:
    """Restores what was before the change, to the exact earlier size. Refused when machines have changed since.

    A machine that a finished change made may have been worked with since: it is put aside, not deleted.

    Errors as for `change_machines`. checksum: of the reversing plan as it was printed.
    """
    if not is_finished(ctx, change_id):
        return undo_change(ctx, change_id)
    steps = _reversing_steps(ctx, change_id)
    return run_change(ctx, begin_change(ctx, steps, reason, checksum=checksum, rolls_back=change_id))


def is_finished(ctx: Context, change_id: int) -> bool:
    """NotFound for no change."""
    with ctx.reading() as session:
        return find_change(session, change_id).finished_at is not None


def plan_roll_back(ctx: Context, change_id: int) -> ChangePlan:
    """The steps that would reverse a finished change."""
    return plan_change(ctx, _reversing_steps(ctx, change_id))


def _reversing_steps(ctx: Context, change_id: int) -> list[Step]:
    with ctx.reading() as session:
        for other in changes(session):
            if other.rolls_back == change_id and other.state not in ("undone", "failed"):
                raise Refused(
                    "Change {number} was rolled back already, by change {other}.",
                    number=change_id,
                    other=other.id,
                )
        done = [row for row in change_steps(session, change_id) if row.state == StepState.DONE]
        backs = [_reversed(session, row) for row in reversed(done)]
    steps = [step for step in backs if step is not None]
    if not steps:
        raise Refused("Change {number} left nothing that could be taken back.", number=change_id)
    return steps


def _reversed(session: Session, row: ChangeStepRow) -> Step | None:
    entry = entry_of(session, row)
    step = entry.step
    if step.kind == StepKind.DELETE:
        raise Refused("{name} was deleted; that cannot be taken back.", name=step.name)
    if not entry.has_effect or step.kind == StepKind.ADOPT:
        return None
    if step.kind == StepKind.RESIZE:
        held = current_allocation(session, step.vm_id)
        if held is None or size_of(held) != wanted_size(step):
            raise Refused("{name} has changed its size since.", name=step.name)
    if step.kind == StepKind.CREATE:
        return _put_aside(session, step)
    return inverse(step)


def _put_aside(session: Session, step: Step) -> Step | None:
    """None for a machine that is put aside already, or gone; in a pool that others run there is only deleting."""
    vm = get_vm(session, step.vm_id)
    if vm.state != "active":
        return None
    is_external = get_pool(session, vm.pool_id).driver == "external"
    return inverse(step) if is_external else shelve_step(step.vm_id, step.name)
