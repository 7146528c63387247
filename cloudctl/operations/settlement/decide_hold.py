"""The funding-hold list: the operator proposes, finance places and lifts, each with grounds."""

from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Refused, problem
from cloudctl.core.estate import find_unit
from cloudctl.core.identity import Role
from cloudctl.core.tables import UnitRow
from cloudctl.operations.context import Context
from policies.funding.model import HoldGround, HoldState
from policies.funding.store import find_hold, hold_rows
from policies.funding_tables import FundingHoldRow


def plan_hold(ctx: Context, unit: str, ground: HoldGround, reason: str) -> dict[str, Any]:
    """The hold as it would be recorded; see place_hold."""
    with ctx.reading() as session:
        row, owner = _decided(ctx, session, unit, ground, reason)
        return _record(row, owner)


def place_hold(ctx: Context, unit: str, ground: HoldGround, reason: str) -> dict[str, Any]:
    """Finance places a hold (or accepts a proposed one on the same ground); an operator's is a proposal.

    Refused when the same stands there already.
    """
    with ctx.writing() as session:
        row, owner = _decided(ctx, session, unit, ground, reason)
        session.add(row)
        session.flush()
        ctx.record(session, f"hold.{row.state}", str(row.id), unit=unit, ground=str(ground), reason=reason)
        return _record(row, owner)


def plan_lift(ctx: Context, number: int, reason: str) -> dict[str, Any]:
    """The hold as it would end; see lift_hold."""
    with ctx.reading() as session:
        return _record(*_lifted(ctx, session, number, reason))


def lift_hold(ctx: Context, number: int, reason: str) -> dict[str, Any]:
    """Finance ends a hold, or turns a proposed one down. Refused when it was lifted before."""
    with ctx.writing() as session:
        row, owner = _lifted(ctx, session, number, reason)
        session.flush()
        ctx.record(session, "hold.lifted", str(number), unit=owner.code, reason=reason)
        return _record(row, owner)


def list_holds(ctx: Context, *, history: bool = False) -> list[dict[str, Any]]:
    """Proposed and placed holds, with `history` lifted ones too; a unit's own people see theirs alone."""
    states = None if history else [HoldState.PROPOSED, HoldState.PLACED]
    may_read_all = ctx.actor.has(*(role for role in Role if role is not Role.UNIT))
    with ctx.reading() as session:
        return [
            _record(row, unit)
            for row, unit in hold_rows(session, states=states)
            if may_read_all or ctx.actor.unit == unit.code
        ]


def _decided(
    ctx: Context, session: Session, unit: str, ground: HoldGround, reason: str
) -> tuple[FundingHoldRow, UnitRow]:
    ctx.actor.require(Role.OPERATOR, Role.FINANCE)
    _require_reason(reason)
    is_finance = ctx.actor.has(Role.FINANCE)
    owner = find_unit(session, unit)
    present = _open_hold(session, owner.id, ground)
    if present is not None and (present.state == HoldState.PLACED or not is_finance):
        raise Refused(
            "A hold on {unit} for this reason stands already: number {number}.", unit=unit, number=present.id
        )
    now = ctx.clock.now()
    row = present or FundingHoldRow(
        unit_id=owner.id,
        state=HoldState.PROPOSED,
        ground=str(ground),
        reason=reason,
        proposed_by=ctx.actor.login,
        proposed_at=now,
    )
    if is_finance:
        row.state, row.placed_by, row.placed_at, row.reason = HoldState.PLACED, ctx.actor.login, now, reason
    return row, owner


def _lifted(ctx: Context, session: Session, number: int, reason: str) -> tuple[FundingHoldRow, UnitRow]:
    ctx.actor.require(Role.FINANCE)
    _require_reason(reason)
    row = find_hold(session, number)
    if row.state == HoldState.LIFTED:
        raise Refused("Hold {number} was lifted before.", number=number)
    row.state, row.lift_reason = HoldState.LIFTED, reason
    row.lifted_by, row.lifted_at = ctx.actor.login, ctx.clock.now()
    return row, session.get_one(UnitRow, row.unit_id)


def _open_hold(session: Session, unit_id: int, ground: HoldGround) -> FundingHoldRow | None:
    rows = hold_rows(session, states=[HoldState.PROPOSED, HoldState.PLACED], unit_id=unit_id)
    return next((row for row, _ in rows if row.ground == ground), None)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput([problem("", "A reason is needed.")])


def _record(row: FundingHoldRow, unit: UnitRow) -> dict[str, Any]:
    return {
        "hold": row.id,
        "unit": unit.code,
        "unit_name": unit.name,
        "state": str(row.state),
        "ground": row.ground,
        "reason": row.reason,
        "proposed_by": row.proposed_by,
        "proposed_at": row.proposed_at,
        "placed_by": row.placed_by,
        "placed_at": row.placed_at,
        "lifted_by": row.lifted_by,
        "lifted_at": row.lifted_at,
        "lift_reason": row.lift_reason,
    }
