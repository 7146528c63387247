"""Requests as people and programs read them: the list, one with its papers, terms of machines, totals of a year."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.estate import find_unit
from cloudctl.core.money import yuan_text
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.requests.request_steps import may_see_all, require_sight
from policies.requests.amounts import NOTHING, Decided, Totals, reduction_rate, totals
from policies.requests.model import RequestState
from policies.requests.store import (
    RequestFilter,
    events,
    find_request,
    items_of,
    request_machines,
    requests,
    size_or_none,
)
from policies.requests.tables import RequestRow


@dataclass(frozen=True, slots=True)
class RequestQuery:
    """What narrows a list."""

    unit: str | None = None
    state: str | None = None
    kind: str | None = None
    is_open: bool = False


def list_requests(ctx: Context, query: RequestQuery) -> list[dict[str, Any]]:
    """Requests by number; a unit's own people see theirs alone."""
    with ctx.reading() as session:
        unit_id = find_unit(session, query.unit).id if query.unit else None
        rows = requests(session, RequestFilter(query.state, query.kind, unit_id, query.is_open))
        found = [_row(ctx, session, row) for row in rows]
    return found if may_see_all(ctx) else [row for row in found if row["unit"] == ctx.actor.unit]


def show_request(ctx: Context, number: int) -> dict[str, Any]:
    """One request with its check, decision, machines and history. NotFound; Refused for other units' people."""
    with ctx.reading() as session:
        row = find_request(session, number)
        require_sight(ctx, session, row)
        return {
            **_row(ctx, session, row),
            "purpose": row.purpose,
            "level": row.level,
            "expected_load": row.expected_load,
            "until": _day(row.until),
            "asked_items": row.items,
            "migration": row.migration,
            "requested_at": row.requested_at,
            "source": row.source,
            "checked_by": row.checked_by,
            "checked_at": row.checked_at,
            "findings": [_finding(ctx, document) for document in row.findings or ()],
            "granted_items": row.granted,
            "granted_until": _day(row.granted_until),
            "decided_by": row.decided_by,
            "decided_at": row.decided_at,
            "decision_reason": row.decision_reason,
            "change": row.change_id,
            "executed_by": row.executed_by,
            "executed_at": row.executed_at,
            "vms": [vm.name for vm in request_machines(session, number)],
            "history": [
                {"at": e.at, "actor": e.actor, "step": e.step, "state": e.state, "text": e.text}
                for e in events(session, number)
            ],
        }


def request_totals(ctx: Context, year: int | None = None) -> list[dict[str, Any]]:
    """Asked, granted and cut per unit and year of the decision; a unit's own people see theirs alone."""
    with ctx.reading() as session:
        found = read_totals(ctx, session, year)
    return [totals_row(ctx, row) for row in found if may_see_all(ctx) or ctx.actor.unit == row.unit]


def read_totals(ctx: Context, session: Session, year: int | None) -> list[Totals]:
    """Of what was decided; withdrawn requests count for nothing."""
    decisions = []
    for row in requests(session):
        if row.decided_at is None or row.state == RequestState.WITHDRAWN:
            continue
        decided_in = row.decided_at.astimezone(ctx.site.zone).year
        if year is None or decided_in == year:
            unit = session.get_one(UnitRow, row.unit_id).code
            decisions.append(
                Decided(
                    unit,
                    decided_in,
                    size_or_none(row.asked_size) or NOTHING,
                    size_or_none(row.granted_size) or NOTHING,
                    row.asked_fen,
                    row.granted_fen,
                )
            )
    return totals(decisions)


def totals_row(ctx: Context, row: Totals) -> dict[str, Any]:
    rates = row.rates()
    return {
        "unit": row.unit,
        "year": row.year,
        "requests": row.requests,
        "asked": row.asked.as_json(),
        "granted": row.granted.as_json(),
        "vcpus_reduction_rate": share(rates["vcpus"]),
        "memory_reduction_rate": share(rates["memory"]),
        "storage_reduction_rate": share(rates["storage"]),
        "asked_monthly": yuan(row.asked_fen),
        "granted_monthly": yuan(row.granted_fen),
        "cut_monthly": yuan(row.cut_fen),
        "reduction_rate": share(row.rate),
        "currency": ctx.site.currency,
    }


def yuan(amount_fen: int | None) -> str | None:
    return None if amount_fen is None else yuan_text(amount_fen)


def share(rate: Fraction | None) -> float | None:
    """As the contract has fractions: a number, here to four places."""
    return None if rate is None else round(float(rate), 4)


def _row(ctx: Context, session: Session, row: RequestRow) -> dict[str, Any]:
    unit, system = session.get_one(UnitRow, row.unit_id), session.get_one(SystemRow, row.system_id)
    asked, granted = size_or_none(row.asked_size), size_or_none(row.granted_size)
    cut = None
    if row.asked_fen is not None and row.granted_fen is not None:
        cut = reduction_rate(row.asked_fen, row.granted_fen)
    return {
        "request": row.id,
        "kind": row.kind,
        "unit": unit.code,
        "system": system.code,
        "state": row.state,
        "machines": sum(item.count for item in items_of(row)),
        "needed_by": row.needed_by.isoformat(),
        "requested_by": row.requested_by,
        "asked": _size(asked),
        "asked_monthly": yuan(row.asked_fen),
        "granted": _size(granted),
        "granted_monthly": yuan(row.granted_fen),
        "reduction_rate": share(cut),
        "currency": ctx.site.currency,
        "grant_until": row.grant_until,
    }


def _size(size: Size | None) -> dict[str, object] | None:
    return size.as_json() if size else None


def _day(day: Any) -> str | None:
    return day.isoformat() if day else None


def _finding(ctx: Context, document: Mapping[str, Any]) -> dict[str, Any]:
    message = Message(document["template"], document["values"])
    return {
        "subject": document["subject"],
        "verdict": document["level"],
        "text": ctx.texts.message(message),
    }
