"""The owning unit's answer: it accepts the proposal, or argues."""

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.review.case_steps import CaseStep, actor_of, step_of, take_step
from policies import panel
from policies.panel import Answer


def answer_case(ctx: Context, number: int, answer: Answer, text: str = "") -> CaseStep:
    """By a person of the owning unit alone, within its time; who argues says why. An accepted case waits for
    `decide`, or for the panel where the site wants it asked in any case."""
    ctx.actor.require(Role.UNIT)
    if answer is Answer.ARGUE and not text.strip():
        raise Refused("Say why: an argument needs a text.")
    person = actor_of(ctx)
    with ctx.writing() as session:
        row = take_step(
            ctx,
            session,
            number,
            "answer",
            lambda case: panel.answered(case, person, answer),
            text.strip(),
            answer=answer,
        )
        row.answer_text = text.strip() or None
        session.flush()
        return step_of(session, row)
