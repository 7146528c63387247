"""Exemptions from review: each with an owner, a reason and an end; ended early on record."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.estate import find_person
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from policies.exemption import ExemptionKind
from policies.store import exemptions, find_exemption
from policies.tables import ExemptionRow
from provisioning.store import find_vm, get_vm


def add_exemption(
    ctx: Context, vm: str, kind: ExemptionKind, owner: str, reason: str, end: datetime
) -> dict[str, Any]:
    """From now to `end`. owner: the login of whoever answers for the reason. NotFound for machine and owner."""
    ctx.actor.require(Role.OPERATOR)
    now = ctx.clock.now()
    if not reason.strip():
        raise Refused("Say why: an exemption needs its reason.")
    if end <= now:
        raise Refused("{time} has gone by.", time=end.isoformat())
    with ctx.writing() as session:
        machine, person = find_vm(session, vm), find_person(session, owner)
        for other in exemptions(session, now):
            if other.vm_id == machine.id:
                raise Refused("{vm} is exempt already (number {number}).", vm=vm, number=other.id)
        row = ExemptionRow(
            vm_id=machine.id,
            kind=kind,
            owner=person.login,
            reason=reason.strip(),
            start=now,
            end=end,
            added_by=ctx.actor.login,
            added_at=now,
        )
        session.add(row)
        session.flush()
        ctx.record(
            session,
            "exemption.add",
            f"exemption:{row.id}",
            vm=vm,
            kind=kind,
            owner=owner,
            reason=row.reason,
            end=end.isoformat(),
        )
        return _view(session, row, now)


def end_exemption(ctx: Context, number: int) -> dict[str, Any]:
    """From now on the machine is reviewed again. NotFound; Refused when it has ended."""
    ctx.actor.require(Role.OPERATOR)
    now = ctx.clock.now()
    with ctx.writing() as session:
        row = find_exemption(session, number)
        if not _is_in_force(row, now):
            raise Refused("Exemption {number} has ended.", number=number)
        row.ended_by, row.ended_at = ctx.actor.login, now
        ctx.record(session, "exemption.end", f"exemption:{number}", vm=get_vm(session, row.vm_id).name)
        return _view(session, row, now)


def list_exemptions(ctx: Context, *, is_all: bool = False) -> list[dict[str, Any]]:
    """Those in force now, or all there ever were."""
    now = ctx.clock.now()
    with ctx.reading() as session:
        return [_view(session, row, now) for row in exemptions(session, None if is_all else now)]


def _is_in_force(row: ExemptionRow, now: datetime) -> bool:
    return row.start <= now < (row.ended_at or row.end)


def _view(session: Session, row: ExemptionRow, now: datetime) -> dict[str, Any]:
    return {
        "exemption": row.id,
        "vm": get_vm(session, row.vm_id).name,
        "kind": str(row.kind),
        "owner": row.owner,
        "reason": row.reason,
        "start": row.start,
        "end": row.ended_at or row.end,
        "added_by": row.added_by,
        "in_force": _is_in_force(row, now),
    }
