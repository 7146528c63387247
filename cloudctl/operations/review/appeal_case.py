"""The owning unit's one appeal: it suspends the case until the panel has voted anew."""

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.review.case_steps import CaseStep, actor_of, step_of, take_step, tell_operators
from policies import panel
from provisioning.store import get_vm


def appeal_case(ctx: Context, number: int, text: str) -> CaseStep:
    """Refused without a reason, for another unit, a second time, and once execution has begun."""
    ctx.actor.require(Role.UNIT)
    if not text.strip():
        raise Refused("Say why: an appeal needs its reason.")
    person = actor_of(ctx)
    with ctx.writing() as session:
        row = take_step(
            ctx, session, number, "appeal", lambda case: panel.appealed(case, person), text.strip()
        )
        row.appealed_at, row.scheduled_for = ctx.clock.now(), None
        values = {"case": number, "vm": get_vm(session, row.vm_id).name, "text": text.strip()}
        tell_operators(
            ctx,
            session,
            row,
            Message("Appeal: {vm}, case {case}", values),
            Message(
                "The unit appeals case {case} on machine {vm}; the panel votes anew. Its reason: {text}",
                values,
            ),
        )
        session.flush()
        return step_of(session, row)
