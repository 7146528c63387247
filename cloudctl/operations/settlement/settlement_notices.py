"""What a unit is told about its statements, in the site's language, in the transaction of what it tells of."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.money import yuan_text
from cloudctl.operations.context import Context
from cloudctl.operations.letters import tell_unit
from metering.settlement.tables import PeriodRow, StatementRow


def tell_issued(ctx: Context, session: Session, period: PeriodRow, row: StatementRow) -> None:
    values = _values(ctx, period, row)
    body = Message(
        "Statement {number} (revision {revision}) for {period} comes to {total} {currency}. Confirm it, or dispute "
        "a line with a reason, before {deadline}; silence is taken as acceptance.",
        values,
    )
    subject = Message("Statement {number} for {period}", values)
    tell_unit(ctx, session, row.unit_id, f"statement {row.number}", subject, body)


def tell_upheld(ctx: Context, session: Session, period: PeriodRow, row: StatementRow, reason: str) -> None:
    values = _values(ctx, period, row) | {"reason": reason}
    body = Message(
        "The lines you disputed in statement {number} for {period} are upheld: {reason}. Confirm the statement before "
        "{deadline}; silence is taken as acceptance.",
        values,
    )
    subject = Message("Answer to your dispute of statement {number}", values)
    tell_unit(ctx, session, row.unit_id, f"statement {row.number}", subject, body)


def _values(ctx: Context, period: PeriodRow, row: StatementRow) -> dict[str, object]:
    assert row.deadline is not None
    return {
        "number": row.number,
        "revision": row.revision,
        "period": period.period,
        "total": yuan_text(row.total_fen),
        "currency": ctx.site.currency,
        "deadline": row.deadline.astimezone(ctx.site.zone).isoformat(),
    }
