"""A panel member's vote on a case."""

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.review.case_steps import CaseStep, actor_of, rules_of, step_of, take_step
from policies import panel
from policies.panel import Decision
from policies.tables import VoteRow


def vote_case(ctx: Context, number: int, choice: Decision, reason: str) -> CaseStep:
    """One vote each and round, with its reason. Refused for a member of the owning unit and for who proposed."""
    ctx.actor.require(Role.PANEL)
    if not reason.strip():
        raise Refused("Say why: a vote needs its reason.")
    person = actor_of(ctx)
    with ctx.writing() as session:
        rules = rules_of(ctx, session)
        row = take_step(
            ctx,
            session,
            number,
            "vote",
            lambda case: panel.voted(case, person, choice, rules),
            reason.strip(),
            choice=choice,
        )
        session.add(
            VoteRow(
                case_id=number,
                round=row.round,
                voter=person.login,
                choice=choice,
                reason=reason.strip(),
                at=ctx.clock.now(),
            )
        )
        session.flush()
        return step_of(session, row)
