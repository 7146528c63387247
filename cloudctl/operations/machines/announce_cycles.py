"""Tells units beforehand which of their machines a change switches off and on again."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.tables import SystemRow
from cloudctl.operations.context import Context
from cloudctl.operations.letters import tell_unit
from provisioning.model import Step, StepKind
from provisioning.store import get_vm


def announce_cycles(ctx: Context, session: Session, change_id: int, steps: Iterable[Step]) -> None:
    """A notice to each unit concerned, in the transaction that journals the change."""
    names: dict[int, list[str]] = {}
    for step in steps:
        if step.kind == StepKind.RESIZE and not step.is_live:
            system = session.get_one(SystemRow, get_vm(session, step.vm_id).system_id)
            names.setdefault(system.unit_id, []).append(step.name)
    for unit_id, machines in names.items():
        values = {"names": ", ".join(machines), "number": change_id, "actor": ctx.actor.login}
        tell_unit(
            ctx,
            session,
            unit_id,
            f"change:{change_id}",
            Message("Machines are about to be restarted: {names}", values),
            Message(
                "For another size, {names} go off for a short time (change {number} by {actor}).", values
            ),
        )
