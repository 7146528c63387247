"""Adjusts a closed line: in the next open month it is reversed and the right one put in its place."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from sqlalchemy.orm import Session

from cloudctl.core.clock import month_bounds
from cloudctl.core.errors import InvalidInput, Message, Refused, problem
from cloudctl.core.estate import find_system
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.settlement_acts import STATES
from metering.rating import line_fen, time_share
from metering.settlement import store as ledger
from metering.settlement.acts_store import adjustment_of
from metering.settlement.model import PeriodState
from metering.settlement.tables import AdjustmentRow, LineRow, PeriodRow, StatementRow
from metering.tariffs import Per


@dataclass(frozen=True, slots=True)
class Right:
    """What a line should have said; None: as it is printed. quantity 0 takes it back whole."""

    quantity: Fraction | None = None
    start: datetime | None = None
    end: datetime | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An adjustment on record. amounts in fen: of the closed line, of the right one."""

    corrects: str
    charge_period: str
    target_period: str
    amount_fen: int
    right_fen: int
    quantity: Fraction
    start: datetime
    end: datetime
    system: str
    unit: str


def plan_adjustment(ctx: Context, number: str, position: int, right: Right) -> Adjusted:
    """What the adjustment would do; see adjust_settlement."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        return _planned(ctx, session, number, position, right)[0]


def adjust_settlement(ctx: Context, number: str, position: int, right: Right, reason: str) -> Adjusted:
    """Records the adjustment; the next draft of its target month bills it.

    Refused for a month that isn't closed (correct it there), for a line adjusted before, and without a difference.
    InvalidInput for a time outside of the line's month.
    """
    ctx.actor.require(Role.OPERATOR)
    if not reason.strip():
        raise InvalidInput([problem("", "A reason is needed.")])
    with ctx.writing() as session:
        plan, line, unit_id = _planned(ctx, session, number, position, right)
        session.add(
            AdjustmentRow(
                target_period=plan.target_period,
                line_id=line.id,
                quantity=plan.quantity,
                start=plan.start,
                end=plan.end,
                system_id=find_system(session, plan.system).id,
                unit_id=unit_id,
                reason=reason,
                login=ctx.actor.login,
                at=ctx.clock.now(),
            )
        )
        ctx.record(
            session,
            "settle.adjust",
            plan.corrects,
            target_period=plan.target_period,
            amount_fen=plan.amount_fen,
            right_fen=plan.right_fen,
            reason=reason,
        )
        return plan


def _planned(
    ctx: Context, session: Session, number: str, position: int, right: Right
) -> tuple[Adjusted, LineRow, int]:
    period, statement, line = ledger.find_line(session, number, position)
    corrects = f"{number}/{position}"
    _require_adjustable(session, period, line, corrects)
    start, end = _interval(ctx, line, right)
    quantity = line.quantity if right.quantity is None else right.quantity
    if quantity < 0:
        raise InvalidInput([problem("", "The right quantity cannot be negative.")])
    system, unit_id, unit = _owner(session, statement, line, right)
    amount = line_fen(quantity, line.unit_price, time_share(Per(line.per), start, end, ctx.site.zone))
    if (quantity, start, end, system) == (line.quantity, line.start, line.end, line.system):
        raise Refused("Line {line} says just that already; there is nothing to adjust.", line=corrects)
    plan = Adjusted(
        corrects,
        line.charge_period,
        _target(session, period),
        line.amount_fen,
        amount,
        quantity,
        start,
        end,
        system,
        unit,
    )
    return plan, line, unit_id


def _require_adjustable(session: Session, period: PeriodRow, line: LineRow, corrects: str) -> None:
    if period.state != PeriodState.CLOSED:
        raise Refused(
            "The month {period} is {state}.",
            period=period.period,
            state=STATES[period.state],
            hint=Message("Only closed lines are adjusted; correct this one with “cloudctl settle resolve”."),
        )
    earlier = adjustment_of(session, line.id)
    if earlier is not None:
        raise Refused(
            "Line {line} was adjusted before, in {period}; adjust the right line there once it is closed.",
            line=corrects,
            period=earlier.target_period,
        )
    if line.kind == "reversal":
        raise Refused("Line {line} is a reversal; adjust the right line beside it.", line=corrects)


def _interval(ctx: Context, line: LineRow, right: Right) -> tuple[datetime, datetime]:
    start, end = right.start or line.start, right.end or line.end
    first, after = month_bounds(line.charge_period, ctx.site.zone)
    is_instant = line.per == Per.ONCE
    if not (first <= start and end <= after and (start < end or (is_instant and start == end))):
        raise InvalidInput(
            [
                problem(
                    "",
                    "The right time must lie within {period}, the month the line is for.",
                    period=line.charge_period,
                )
            ]
        )
    return start, end


def _owner(session: Session, statement: StatementRow, line: LineRow, right: Right) -> tuple[str, int, str]:
    """(system, its unit's id and code): of another system when one is named."""
    if right.system is None or right.system == line.system:
        return line.system, statement.unit_id, statement.unit_code
    system = find_system(session, right.system)
    return system.code, system.unit_id, ledger.unit_code(session, system.unit_id)


def _target(session: Session, period: PeriodRow) -> str:
    """The first month after the line's in which nothing is issued yet."""
    taken = {row.period for row in ledger.period_rows(session) if row.state != PeriodState.DRAFTED}
    year, number = (int(part) for part in period.period.split("-"))
    while True:
        year, number = year + number // 12, number % 12 + 1
        target = f"{year}-{number:02d}"
        if target not in taken:
            return target
