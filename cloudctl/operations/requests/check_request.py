"""The operator's technical check of a request: its outcome is kept with it, and the panel is told."""

from dataclasses import dataclass, replace

from cloudctl.core.errors import Message
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.letters import PANEL
from cloudctl.operations.requests.assess_request import assess, look_at_pools
from cloudctl.operations.requests.request_steps import RequestStep, keep_step, step_of, tell
from policies.requests.checking import Finding, is_passed
from policies.requests.course import stepped
from policies.requests.model import Migration, items_from_json
from policies.requests.store import course_of, find_request, migration_of


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found. monthly_fen: what the request costs more a month; None: not all of it is priced."""

    step: RequestStep
    findings: tuple[Finding, ...]
    monthly_fen: int | None

    @property
    def is_passed(self) -> bool:
        return is_passed(self.findings)


def check_request(ctx: Context, number: int, reason: str = "") -> Checked:
    """Checks what was asked, as often as wanted until it is decided. reason: why working equipment is given up."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        row = find_request(session, number)
        stepped(course_of(session, row), "check")
        looks = look_at_pools(ctx, session, row, items_from_json(row.items))
    with ctx.writing() as session:
        row = find_request(session, number)
        state = stepped(course_of(session, row), "check")
        if reason.strip():
            row.migration = replace(migration_of(row) or Migration(), reason=reason.strip()).as_json()
        outcome = assess(ctx, session, row, items_from_json(row.items), row.until, looks)
        row.findings = [found.as_json() for found in outcome.findings]
        row.asked_size, row.asked_fen = outcome.added.as_json(), outcome.monthly_fen
        row.checked_by, row.checked_at = ctx.actor.login, ctx.clock.now()
        passed = is_passed(outcome.findings)
        keep_step(
            ctx,
            session,
            row,
            state,
            "check",
            reason.strip(),
            passed="yes" if passed else "no",
            monthly_fen=outcome.monthly_fen,
        )
        values = {"request": number}
        tell(
            ctx,
            session,
            row,
            PANEL,
            Message("To be decided: request {request}", values),
            Message(
                "Its technical check is done. To read it: cloudctl request show {request}; to decide: "
                "cloudctl request approve {request}, or cloudctl request refuse {request} --reason TEXT",
                values,
            ),
        )
        return Checked(step_of(session, row), outcome.findings, outcome.monthly_fen)
