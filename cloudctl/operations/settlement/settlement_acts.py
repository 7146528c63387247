"""What all acts on a month share: naming it, its state, signing, four eyes, and silence taken as acceptance."""

import re
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.clock import month_bounds
from cloudctl.core.errors import InvalidInput, Message, NotFound, Refused, problem
from cloudctl.core.estate import find_person
from cloudctl.core.identity import Role, job_actor
from cloudctl.operations.context import Context
from metering.samples.store import FOLDER, SampleStore
from metering.settlement import store as ledger
from metering.settlement.acts_store import signature_rows
from metering.settlement.keeping import period_hash
from metering.settlement.model import Act, PeriodState, StatementState
from metering.settlement.tables import PeriodRow, SignatureRow, StatementRow

# Whoever has one of these reads every unit's statements; a unit's own people read theirs.
READERS = (Role.OPERATOR, Role.FINANCE, Role.PANEL, Role.AUDITOR, Role.SYSADMIN, Role.SECADMIN)
PREPARING = (Act.DRAFT, Act.ISSUE, Act.CORRECT, Act.UPHOLD)
STATES = {
    "open": Message("open"),
    "drafted": Message("drafted"),
    "issued": Message("issued"),
    "confirmed": Message("confirmed"),
    "disputed": Message("disputed"),
    "deemed": Message("deemed accepted"),
    "approved": Message("approved"),
    "closed": Message("closed"),
    "superseded": Message("superseded"),
}
DEADLINE_JOB = "settlement-deadlines"


def sample_store(ctx: Context) -> SampleStore:
    return SampleStore(ctx.home / FOLDER, ctx.clock)


def month(ctx: Context, period: str) -> tuple[datetime, datetime]:
    """A month's bounds in the site's zone. InvalidInput on anything but YYYY-MM."""
    if not re.fullmatch(r"\d{4}-\d{2}", period):
        raise InvalidInput([problem("", "“{period}” is not a month (YYYY-MM).", period=period)])
    return month_bounds(period, ctx.site.zone)


def require_period(session: Session, row: PeriodRow, *states: PeriodState) -> None:
    """Refused unless the period is in one of these states of its own."""
    if row.state not in states:
        raise Refused("The month {period} is {state}.", period=row.period, state=STATES[row.state])


def require_statement(row: StatementRow, *states: StatementState) -> None:
    """Refused unless the statement is in one of these states."""
    if row.state not in states:
        raise Refused(
            "Statement {number} is {state}.", number=row.number or row.unit_code, state=STATES[row.state]
        )


def acting_role(ctx: Context, *roles: Role) -> Role:
    """The first of these roles that the actor has. Refused without any."""
    ctx.actor.require(*roles)
    return next(role for role in roles if ctx.actor.has(role))


def sign(
    ctx: Context,
    session: Session,
    what: tuple[PeriodRow, StatementRow | None],
    act: tuple[Act, str],
    reason: str | None = None,
) -> None:
    """Adds a signature: (period, statement or None for all of it), (act, role), on the present content."""
    period, statement = what
    if statement is None:
        content, algorithm = period_hash(ledger.current_statements(session, period.id))
    else:
        content, algorithm = statement.content_hash, statement.algorithm
    session.add(
        SignatureRow(
            period_id=period.id,
            statement_id=statement.id if statement else None,
            act=act[0],
            login=ctx.actor.login,
            name=_name(session, ctx.actor.login),
            role=act[1],
            at=ctx.clock.now(),
            algorithm=algorithm,
            content_hash=content,
            reason=reason,
        )
    )
    session.flush()


def _name(session: Session, login: str) -> str:
    try:
        return find_person(session, login).name
    except NotFound:
        return login


class Signers:
    """Who did what to a period and to any revision of its statements; read once, asked often."""

    def __init__(self, session: Session, period: PeriodRow) -> None:
        whose = {row.id: (row.unit_id, row.provider) for row in ledger.all_statements(session, period.id)}
        self._acts: dict[tuple[int, str] | None, set[tuple[str, str]]] = {None: set()}
        for row in signature_rows(session, period.id):
            key = whose[row.statement_id] if row.statement_id is not None else None
            self._acts.setdefault(key, set()).add((row.act, row.login))

    def of(self, statement: StatementRow, acts: Iterable[Act]) -> set[str]:
        """Who did one of these acts to the statement or to the period as a whole."""
        wanted = set(acts)
        found = self._acts[None] | self._acts.get((statement.unit_id, statement.provider), set())
        return {login for act, login in found if act in wanted}


def deem_overdue(ctx: Context, session: Session) -> list[str]:
    """Takes silence as acceptance: every issued statement whose deadline has passed. Returns their numbers."""
    silent = ctx.acting_as(job_actor(DEADLINE_JOB))
    deemed = []
    for row in ledger.overdue_statements(session, ctx.clock.now()):
        row.state = StatementState.DEEMED
        period = ledger.period_by_id(session, row.period_id)
        sign(silent, session, (period, row), (Act.DEEM, "deadline"))
        silent.record(session, "settle.deem", str(row.number), deadline=str(row.deadline))
        deemed.append(str(row.number))
    return deemed
