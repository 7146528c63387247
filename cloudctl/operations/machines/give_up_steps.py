"""Ends what nobody will ever learn of: uncertain steps on machines of a host that a person states to be fenced.

A host that dies in the middle of a step leaves its machine in the hand of a change that only the host could answer
for. Once the host is fenced the machine is started elsewhere as it was last written down, so whether it had been
stopped, or had got its other size, matters no more. What was being made or deleted there waits for the host.
"""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_journal import message_document
from cloudctl.operations.machines.change_lock import held_change, is_in_hand
from provisioning.executor import ChangeState, StepState
from provisioning.model import Observation, StepKind
from provisioning.store import change_steps, find_change, get_vm, open_steps
from provisioning.tables import ChangeStepRow, HostRow

_MOVES = (StepKind.MIGRATE, StepKind.EVACUATE)
_WAITS = (StepKind.CREATE, StepKind.DELETE)
_UNCERTAIN = (StepState.RUNNING, StepState.UNDOING)


def hopeless_steps(
    ctx: Context, session: Session, host: HostRow, observation: Observation
) -> Mapping[int, int]:
    """Machine -> change: of those that were on the dead host, or on their way to it, and that no other host shows.

    A change that a process has in hand now is not among them.
    """
    shown = {machine.vm_id for machine in observation.machines}
    return {
        step.vm_id: change.id
        for change, step in open_steps(session)
        if step.state in _UNCERTAIN
        and step.kind not in _WAITS
        and step.vm_id not in shown
        and _concerns(session, step, host)
        and not is_in_hand(ctx, change.id)
    }


def give_up_steps(ctx: Context, change_id: int, vm_id: int, host: str) -> None:
    """The machine's steps of that change have failed, as far as anybody will know; a change without others is over.

    host: the fenced one, as POOL/CODE, where the machine stands from now on: it may have been on its way there.
    Refused while a process carries the change out.
    """
    why = message_document(Message("Host {host} was fenced before it answered.", {"host": host}))
    with held_change(ctx, change_id), ctx.writing() as session:
        for row in change_steps(session, change_id):
            if row.vm_id == vm_id and row.state in (*_UNCERTAIN, StepState.PENDING):
                # What could not be taken back stays done.
                row.state = StepState.DONE if row.state == StepState.UNDOING else StepState.FAILED
                row.error = why
        left = (*_UNCERTAIN, StepState.PENDING, StepState.ORDERED)
        change = find_change(session, change_id)
        if not any(row.state in left for row in change_steps(session, change_id)):
            change.state, change.finished_at = ChangeState.FAILED, ctx.clock.now()
        vm = get_vm(session, vm_id)
        vm.host = host.partition("/")[2]
        ctx.record(session, "change.give_up", vm.name, change=change_id, host=host)


def _concerns(session: Session, step: ChangeStepRow, host: HostRow) -> bool:
    vm = get_vm(session, step.vm_id)
    goes_there = step.kind in _MOVES and (step.after or {}).get("host") == host.code
    return vm.pool_id == host.pool_id and (vm.host == host.code or goes_there)
