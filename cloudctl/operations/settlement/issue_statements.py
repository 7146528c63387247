"""Issues drafted statements: numbers them, sets the day to answer by, and tells each unit."""

from fractions import Fraction

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.money import yuan_text
from cloudctl.core.workdays import load_calendar
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.draft_settlement import compute
from cloudctl.operations.settlement.settlement_acts import (
    acting_role,
    deem_overdue,
    require_period,
    require_statement,
    sign,
)
from cloudctl.operations.settlement.settlement_notices import tell_issued
from metering.settlement import store as ledger
from metering.settlement.comparison import differences
from metering.settlement.keeping import rehash
from metering.settlement.model import Act, Line, PeriodState, StatementState
from metering.settlement.reading import read_statements
from metering.settlement.tables import PeriodRow, StatementRow


def issue_statements(ctx: Context, period: str, number: str | None = None) -> list[dict[str, object]]:
    """Issues every drafted statement of a month (or the one of that number): a row per statement issued.

    Refused when there is none, and when one has lines held back for thin evidence.
    """
    role = acting_role(ctx, Role.OPERATOR, Role.FINANCE)
    with ctx.writing() as session:
        row = ledger.get_period(session, period)
        deem_overdue(ctx, session)
        require_period(session, row, PeriodState.DRAFTED, PeriodState.ISSUED)
        drafted = _drafted(session, row, number)
        lines = ledger.lines_of(session, [statement.id for statement in drafted])
        _require_evidence(lines)
        _require_fresh(ctx, session, row, drafted)
        row.state = PeriodState.ISSUED
        return [_issue(ctx, session, (row, statement), role, lines[statement.id]) for statement in drafted]


def _drafted(session: Session, period: PeriodRow, number: str | None) -> list[StatementRow]:
    current = ledger.current_statements(session, period.id)
    if number is not None:
        owner, statement = ledger.find_statement(session, number)
        require_statement(statement, StatementState.DRAFTED)
        if owner.id != period.id:
            raise Refused("Statement {number} is of {period}.", number=number, period=owner.period)
        return [statement]
    drafted = [statement for statement in current if statement.state == StatementState.DRAFTED]
    if not drafted:
        raise Refused("{period} has no drafted statement to issue.", period=period.period)
    return drafted


def _require_evidence(lines: dict[int, list[Line]]) -> None:
    held_back = [line for part in lines.values() for line in part if line.is_held_back]
    if held_back:
        named = sorted({f"{line.vm} ({line.item}, {_percent(line)})" for line in held_back})
        raise Refused(
            "{count} line(s) are held back, for too little was measured: {lines}.",
            count=len(held_back),
            lines=", ".join(named[:20]) + (" …" if len(named) > 20 else ""),
            hint=Message(
                "Fill the gap with “cloudctl meter import” and draft again, or have two people waive it with "
                "“cloudctl settle waive”."
            ),
        )


def _require_fresh(ctx: Context, session: Session, period: PeriodRow, drafted: list[StatementRow]) -> None:
    """A unit is never sent what the evidence no longer says."""
    keys = {(row.unit_code, row.provider) for row in drafted}
    drafts = [draft for draft in compute(ctx, session, period) if (draft.unit, draft.provider) in keys]
    moved = differences(read_statements(session, period, drafted), drafts)
    if moved:
        raise Refused(
            "The evidence has changed since {period} was drafted ({count} difference(s)).",
            period=period.period,
            count=len(moved),
            hint=Message("Draft it again with “cloudctl settle draft {period}”.", {"period": period.period}),
        )


def _percent(line: Line) -> str:
    return f"{float(Fraction(100 * line.measured_us, line.measured_us + line.missing_us)):.1f} %"


def _issue(
    ctx: Context,
    session: Session,
    what: tuple[PeriodRow, StatementRow],
    role: Role,
    lines: list[Line],
) -> dict[str, object]:
    period, row = what
    if row.number is None:
        year = int(period.period[:4])
        row.number = f"{row.provider}-{year}-{ledger.next_number(session, row.provider, year):04d}"
    now = ctx.clock.now()
    calendar = load_calendar(ctx.home)
    row.state, row.issued_at = StatementState.ISSUED, now
    row.deadline = calendar.deadline(now, ctx.settings.settlement.confirm_workdays, ctx.site.zone)
    rehash(period, row, lines)
    session.flush()
    sign(ctx, session, (period, row), (Act.ISSUE, role))
    tell_issued(ctx, session, period, row)
    ctx.record(
        session,
        "settle.issue",
        row.number,
        revision=row.revision,
        total_fen=row.total_fen,
        hash=row.content_hash,
    )
    return {
        "number": row.number,
        "revision": row.revision,
        "unit": row.unit_code,
        "total": yuan_text(row.total_fen),
        "currency": ctx.site.currency,
        "deadline": row.deadline,
    }
