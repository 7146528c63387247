"""Draws the decision that a unit's answer or the panel's votes amount to."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.review.case_steps import (
    CaseStep,
    in_site_language,
    rules_of,
    step_of,
    take_step,
    tell_unit,
)
from policies import panel
from policies.panel import CaseState
from policies.store import CaseFilter, cases, read_case
from provisioning.store import get_vm


def decide_cases(ctx: Context, numbers: Sequence[int]) -> list[CaseStep]:
    """Refused, nothing decided, when one of them lacks its quorum or a majority."""
    ctx.actor.require(Role.OPERATOR, Role.PANEL)
    with ctx.writing() as session:
        return [_decide(ctx, session, number) for number in dict.fromkeys(numbers)]


def decidable_cases(ctx: Context) -> list[int]:
    """The cases whose answer or votes amount to a decision by now."""
    with ctx.reading() as session:
        rules = rules_of(ctx, session)
        ready = []
        for state in panel.ACTS["decide"]:
            for row in cases(session, CaseFilter(state=state)):
                try:
                    panel.decided(read_case(session, row, ctx.clock.now()), rules)
                except Refused:
                    continue
                ready.append(row.id)
        return sorted(ready)


def _decide(ctx: Context, session: Session, number: int) -> CaseStep:
    rules = rules_of(ctx, session)
    row = take_step(ctx, session, number, "decide", lambda case: panel.decided(case, rules))
    row.decided_at = ctx.clock.now()
    assert row.state == CaseState.DECIDED and row.decision is not None
    values = {
        "case": number,
        "vm": get_vm(session, row.vm_id).name,
        "decision": in_site_language(ctx).texts.label("decision", row.decision),
    }
    tell_unit(
        ctx,
        session,
        row,
        Message("Decision on {vm}, case {case}", values),
        Message("Case {case} on machine {vm} was decided: {decision}.", values),
    )
    session.flush()
    return step_of(session, row)
