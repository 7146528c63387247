"""Drafts a month: computes every unit's statement from evidence, as often as wanted until it is issued."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.settlement_acts import (
    acting_role,
    month,
    require_period,
    sample_store,
    sign,
)
from metering.settlement import store as ledger
from metering.settlement.drafting import Draft, draft_month, read_estate, terms_of
from metering.settlement.keeping import keep_drafts
from metering.settlement.model import Act, PeriodState
from metering.settlement.tables import PeriodRow


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a draft came to. statements: drafted ones, of which issued ones are not; held_back: lines."""

    period: str
    statements: int
    lines: int
    held_back: int
    total_fen: int


def draft_settlement(ctx: Context, period: str) -> Drafted:
    """Computes and keeps the drafts of a month that has ended; statements already issued are left alone.

    Refused for a month that is not over, is approved or closed, has nothing to bill, or holds pool-time without a
    price.
    """
    role = acting_role(ctx, Role.OPERATOR, Role.FINANCE)
    starts, ends = month(ctx, period)
    if ctx.clock.now() < ends:
        raise Refused("The month {period} is not over yet.", period=period)
    with ctx.writing() as session:
        row = ledger.find_period(session, period)
        if row is None:
            row = PeriodRow(period=period, state=PeriodState.DRAFTED, starts=starts, ends=ends, terms={})
            session.add(row)
        require_period(session, row, PeriodState.DRAFTED, PeriodState.ISSUED)
        if row.state == PeriodState.DRAFTED:
            row.terms = present_terms(ctx, session)
        session.flush()
        drafts = compute(ctx, session, row)
        if not drafts:
            raise Refused("Nothing was held in {period}: there is nothing to settle.", period=period)
        kept = keep_drafts(session, row, drafts)
        if not kept:
            raise Refused("Every statement of {period} is issued; there is nothing to draft.", period=period)
        sign(ctx, session, (row, None), (Act.DRAFT, role))
        lines = [line for _, part in kept for line in part]
        total_fen = sum(statement.total_fen for statement, _ in kept)
        ctx.record(session, "settle.draft", period, statements=len(kept), total_fen=total_fen)
        held_back = sum(line.is_held_back for line in lines)
        return Drafted(period, len(kept), len(lines), held_back, total_fen)


def present_terms(ctx: Context, session: Session) -> dict[str, Any]:
    """What a month drafted now is settled by; frozen when its first statement is issued."""
    return {
        "providers": {pool.code: pool.provider or pool.name for pool in ledger.pool_rows(session)},
        "timezone": ctx.site.zone.key,
        "currency": ctx.site.currency,
        # A float's shortest text is the number that was written down.
        "coverage_threshold": str(ctx.settings.settlement.coverage_threshold),
    }


def compute(ctx: Context, session: Session, row: PeriodRow) -> list[Draft]:
    """The month's statements by the prices in force."""
    terms = terms_of(session, row)
    book = ledger.price_book(session, terms.zone)
    return draft_month(session, sample_store(ctx), terms, book, read_estate(session))
