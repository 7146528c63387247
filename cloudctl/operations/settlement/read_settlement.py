"""Reads settlement for people and programs: months, statements with their lines, and exports of both."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from cloudctl.core.capitals import capitals
from cloudctl.core.clock import month_bounds
from cloudctl.core.errors import UsageError
from cloudctl.core.money import yuan_text
from cloudctl.core.spreadsheet import csv_cell
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.deem_statements import deem_statements
from cloudctl.operations.settlement.settlement_acts import READERS, month
from metering.settlement import store as ledger
from metering.settlement.model import Dispute, Line, Period, PeriodState, Signature, Statement, StatementState
from metering.settlement.reading import period_state, read_period
from policies.funding.store import holds_in_force

HOUR_US = 3_600_000_000
EXPORT_FORMATS = ("csv", "json")


def list_settlements(ctx: Context) -> list[dict[str, Any]]:
    """Every drafted month: its state, statements and total."""
    deem_statements(ctx)
    with ctx.reading() as session:
        rows = []
        for row in ledger.period_rows(session):
            statements = [
                s for s in ledger.current_statements(session, row.id) if _may_read(ctx, s.unit_code)
            ]
            rows.append(
                {
                    "period": row.period,
                    "state": str(period_state(row, [StatementState(s.state) for s in statements])),
                    "statements": len(statements),
                    "total": yuan_text(sum(s.total_fen for s in statements)),
                    "currency": ctx.site.currency,
                    "closed_at": row.closed_at,
                }
            )
        return rows


def show_settlement(ctx: Context, period: str) -> dict[str, Any]:
    """A month whole: state, total, statements with all lines. One never drafted is open and empty."""
    found = read_settlement(ctx, period)
    with ctx.reading() as session:
        holds = {
            statement.unit: [
                {"ground": hold.ground, "reason": hold.reason, "placed_at": hold.placed_at}
                for hold in holds_in_force(session, statement.unit)
            ]
            for statement in found.statements
        }
    currency = ctx.site.currency
    return {
        "period": found.period,
        "state": str(found.state),
        "currency": currency,
        "total": yuan_text(found.total_fen),
        "total_capitals": capitals(found.total_fen),
        "starts": found.starts,
        "ends": found.ends,
        "closed_at": found.closed_at,
        "seal": {"algorithm": found.seal_algorithm, "hash": found.seal_hash} if found.seal_hash else None,
        "statements": [
            statement_record(statement, currency) | {"holds": holds[statement.unit]}
            for statement in found.statements
        ],
        "signatures": [_signature(signature) for signature in found.signatures],
    }


def read_settlement(ctx: Context, period: str) -> Period:
    """The month as values, with the statements this person may read."""
    starts, ends = month(ctx, period)
    deem_statements(ctx)
    with ctx.reading() as session:
        if ledger.find_period(session, period) is None:
            return Period(period, PeriodState.OPEN, starts, ends, 0, ())
        found = read_period(session, period)
    mine = tuple(statement for statement in found.statements if _may_read(ctx, statement.unit))
    if len(mine) == len(found.statements):
        return found
    total = sum(statement.total_fen for statement in mine)
    return Period(found.period, found.state, found.starts, found.ends, total, mine)


def show_statement(ctx: Context, number: str) -> dict[str, Any]:
    """One statement whole, by its number."""
    with ctx.reading() as session:
        period, _ = ledger.find_statement(session, number)
    found = read_settlement(ctx, period.period)
    statement = next((s for s in found.statements if s.number == number), None)
    if statement is None:
        ctx.actor.require(*READERS)
    assert statement is not None
    return {"period": found.period, **statement_record(statement, ctx.site.currency)}


def _may_read(ctx: Context, unit: str) -> bool:
    return ctx.actor.has(*READERS) or ctx.actor.unit == unit


def statement_record(statement: Statement, currency: str) -> dict[str, Any]:
    return {
        "number": statement.number,
        "revision": statement.revision,
        "unit": statement.unit,
        "unit_name": statement.unit_name,
        "provider": statement.provider,
        "state": str(statement.state),
        "total": yuan_text(statement.total_fen),
        "total_capitals": capitals(statement.total_fen),
        "currency": currency,
        "issued_at": statement.issued_at,
        "deadline": statement.deadline,
        "hash": statement.content_hash,
        "lines": [line_record(line) for line in statement.lines],
        "disputes": [_dispute(dispute) for dispute in statement.disputes],
        "signatures": [_signature(signature) for signature in statement.signatures],
    }


def line_record(line: Line) -> dict[str, Any]:
    """A line as the contract's JSON; quantities as numbers, the exact one beside as a fraction."""
    return {
        "line": line.position,
        "kind": str(line.kind),
        "vm": line.vm,
        "system": line.system,
        "item": line.item,
        "tier": line.tier,
        "pool": line.pool,
        "tariff": line.tariff,
        "basis": line.basis,
        "per": line.per,
        "start": line.start,
        "end": line.end,
        "quantity": number(line.quantity),
        "quantity_exact": str(line.quantity),
        "held_quantity": number(line.held_quantity),
        "used_quantity": None if line.used_quantity is None else number(line.used_quantity),
        "slice_from": _decimal(line.slice_from),
        "slice_to": _decimal(line.slice_to),
        "unit_price": str(line.unit_price),
        "amount": yuan_text(line.amount_fen),
        "measured_hours": line.measured_us / HOUR_US,
        "missing_hours": line.missing_us / HOUR_US,
        "estimated_hours": line.estimated_us / HOUR_US,
        "held_back": line.is_held_back,
        "waived": line.is_waived,
        "charge_period": line.charge_period,
        "corrects": line.corrects,
        "reason": line.reason,
    }


def number(quantity: Fraction) -> int | float:
    """A quantity for a reader's eye or a spreadsheet; whole ones stay whole."""
    return quantity.numerator if quantity.denominator == 1 else float(quantity)


def _decimal(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _dispute(dispute: Dispute) -> dict[str, Any]:
    return {
        "line": dispute.line,
        "reason": dispute.reason,
        "raised_by": dispute.raised_by,
        "raised_at": dispute.raised_at,
        "answer": dispute.answer,
        "answer_reason": dispute.answer_reason,
        "answered_by": dispute.answered_by,
        "answered_at": dispute.answered_at,
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {
        "act": str(signature.act),
        "login": signature.login,
        "name": signature.name,
        "role": signature.role,
        "at": signature.at,
        "algorithm": signature.algorithm,
        "hash": signature.content_hash,
        "reason": signature.reason,
    }


def export_settlement(ctx: Context, period: str, format_: str) -> str:
    """The month's lines as CSV (one row per line, with its statement) or the whole month as JSON. UsageError."""
    if format_ not in EXPORT_FORMATS:
        raise UsageError(
            "There is no export format “{format}”; there are {formats}.",
            format=format_,
            formats=", ".join(EXPORT_FORMATS),
        )
    month_bounds(period, ctx.site.zone)
    document = show_settlement(ctx, period)
    plain = _plain(ctx, document)
    if format_ == "json":
        return json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
    return _csv(plain)


_STATEMENT_COLUMNS = ("number", "revision", "unit", "unit_name", "provider", "state", "currency")


def _csv(document: Mapping[str, Any]) -> str:
    rows: list[Mapping[str, Any]] = [
        {"period": document["period"], **{name: statement[name] for name in _STATEMENT_COLUMNS}, **line}
        for statement in document["statements"]
        for line in statement["lines"]
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns: Sequence[str] = list(rows[0]) if rows else ["period", *_STATEMENT_COLUMNS]
    writer.writerow(columns)
    for row in rows:
        writer.writerow([csv_cell(row[column]) for column in columns])
    return text.getvalue()


def _plain(ctx: Context, value: Any) -> Any:
    """Instants in the site's zone, all else as it is."""
    if isinstance(value, dict):
        return {key: _plain(ctx, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(ctx, item) for item in value]
    return value.astimezone(ctx.site.zone).isoformat() if hasattr(value, "astimezone") else value
