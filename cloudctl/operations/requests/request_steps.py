"""What every step of a request has in common: who may see it, keeping the new state, its history, the notices."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations import letters
from cloudctl.operations.context import Context
from policies.requests.course import Person
from policies.requests.model import RequestState
from policies.requests.tables import RequestEventRow, RequestRow
from provisioning.tables import VmRow

# Who decides: the expert panel, and whoever the site has made approver.
DECIDERS = (Role.PANEL, Role.APPROVER)


@dataclass(frozen=True, slots=True)
class RequestStep:
    """What a step came to. is_new False: there was nothing to do."""

    request: int
    kind: str
    unit: str
    system: str
    state: str
    change: int | None = None
    is_new: bool = True


def person_of(ctx: Context) -> Person:
    return Person(ctx.actor.login, ctx.actor.unit)


def may_see_all(ctx: Context) -> bool:
    """Everybody but those who only act for their unit."""
    return ctx.actor.has(*(role for role in Role if role is not Role.UNIT))


def require_sight(ctx: Context, session: Session, row: RequestRow) -> None:
    """Refused for a unit's people about other units' requests."""
    unit = session.get_one(UnitRow, row.unit_id).code
    if not may_see_all(ctx) and ctx.actor.unit != unit:
        raise Refused(
            "{login} may see the requests of unit {unit} alone.", login=ctx.actor.login, unit=ctx.actor.unit
        )


def require_asker(ctx: Context, unit: str) -> None:
    """An operator asks on a unit's behalf; its own people for themselves. Refused otherwise."""
    if ctx.actor.has(Role.OPERATOR):
        return
    ctx.actor.require(Role.UNIT)
    if ctx.actor.unit != unit:
        raise Refused("{login} may ask for unit {unit} alone.", login=ctx.actor.login, unit=ctx.actor.unit)


def is_theirs(row: RequestRow, vm: VmRow | None) -> bool:
    """Whether a machine that a request names is (still) one that its system holds."""
    return vm is not None and vm.state == "active" and vm.system_id == row.system_id


def has_changed_hands(row: RequestRow, system: SystemRow) -> bool:
    """Whether the request's system was removed, or given to another unit, since it was asked for."""
    return system.removed_at is not None or system.unit_id != row.unit_id


def keep_step(
    ctx: Context,
    session: Session,
    row: RequestRow,
    state: RequestState,
    step: str,
    text: str = "",
    **detail: Any,
) -> None:
    """Writes the state, one line of history and one entry of the audit chain."""
    row.state = state
    session.add(row)
    session.flush()
    session.add(
        RequestEventRow(
            request_id=row.id, at=ctx.clock.now(), actor=ctx.actor.login, step=step, state=state, text=text
        )
    )
    session.flush()
    document = {"state": str(state), "text": text or None, **detail}
    ctx.record(session, f"request.{step}", f"request:{row.id}", **{k: v for k, v in document.items() if v})


def step_of(session: Session, row: RequestRow, *, is_new: bool = True) -> RequestStep:
    unit, system = session.get_one(UnitRow, row.unit_id), session.get_one(SystemRow, row.system_id)
    return RequestStep(row.id, row.kind, unit.code, system.code, row.state, row.change_id, is_new)


def tell(
    ctx: Context, session: Session, row: RequestRow, recipient: str, subject: Message, body: Message
) -> None:
    """A letter about the request."""
    letters.tell(ctx, session, recipient, f"request:{row.id}", subject, body)


def tell_unit(ctx: Context, session: Session, row: RequestRow, subject: Message, body: Message) -> None:
    """A letter to the asking unit's contact."""
    letters.tell_unit(ctx, session, row.unit_id, f"request:{row.id}", subject, body)


def local_day(ctx: Context, at: datetime) -> str:
    return at.astimezone(ctx.site.zone).date().isoformat()
