"""Takes a request in: from a unit's own people, or from an operator on its behalf."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from cloudctl.core.errors import InvalidInput, Message, Problem
from cloudctl.core.estate import find_system, systems
from cloudctl.operations.context import Context
from cloudctl.operations.letters import OPERATORS
from cloudctl.operations.requests.known_estate import known_estate
from cloudctl.operations.requests.request_steps import (
    RequestStep,
    keep_step,
    require_asker,
    step_of,
    tell,
)
from policies.requests.faults import Fault, Known, faults
from policies.requests.model import DEFAULT_LEVEL, Draft, Item, RequestKind, RequestState, items_json
from policies.requests.tables import RequestRow
from policies.requests.wishes import Wish, item_of

# Where in its source a fault stands: an option, a cell.
Place = Callable[[Fault], str]


def submit_request(ctx: Context, draft: Draft, wishes: Sequence[Wish], place: Place) -> RequestStep:
    """The draft with these lines. Refused for another unit's people; InvalidInput with every fault at its place."""
    with ctx.writing() as session:
        known = known_estate(ctx, session)
        draft = replace(draft, items=items_of_wishes(draft.kind, wishes, known))
        if draft.level is None:
            registered = next((row.level for row in systems(session) if row.code == draft.system), None)
            draft = replace(draft, level=registered)
        require_draft(draft, known, place)
        require_asker(ctx, known.systems[draft.system])
        return enter_request(ctx, session, draft)


def items_of_wishes(kind: RequestKind, wishes: Sequence[Wish], known: Known) -> tuple[Item, ...]:
    """The lines in full: what a resize leaves out is as the machine has it."""
    held = {name: machine.size for name, machine in known.machines.items()}
    return tuple(item_of(kind, wish, held.get(wish.name)) for wish in wishes)


def require_draft(draft: Draft, known: Known, place: Place) -> None:
    found = [Problem(place(fault), fault.message) for fault in faults(draft, known)]
    if found:
        raise InvalidInput(found)


def enter_request(
    ctx: Context, session: Session, draft: Draft, *, source: str | None = None, digest: str | None = None
) -> RequestStep:
    """Writes a faultless draft; source, digest: of the form it came by."""
    system = find_system(session, draft.system)
    row = RequestRow(
        kind=draft.kind,
        unit_id=system.unit_id,
        system_id=system.id,
        purpose=draft.purpose.strip(),
        level=draft.level or DEFAULT_LEVEL,
        expected_load=draft.expected_load.strip(),
        needed_by=draft.needed_by,
        until=draft.until,
        items=items_json(draft.items),
        migration=draft.migration.as_json() if draft.migration else None,
        requested_by=ctx.actor.login,
        requested_at=ctx.clock.now(),
        source=source,
        digest=digest,
    )
    keep_step(
        ctx,
        session,
        row,
        RequestState.SUBMITTED,
        "submit",
        kind=str(draft.kind),
        system=draft.system,
        items=items_json(draft.items),
        source=source,
    )
    values = {"request": row.id, "system": system.name, "login": ctx.actor.login}
    tell(
        ctx,
        session,
        row,
        OPERATORS,
        Message("Request {request} for {system}", values),
        Message("{login} has handed it in. To check it: cloudctl request check {request}", values),
    )
    return step_of(session, row)
