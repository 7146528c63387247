"""Carries a granted request out, as a change like any other: journalled, resumable, by somebody else than who granted.

The request and its change begin in one transaction, which is also where what the grant had reserved becomes the
change's: a kill at any point leaves neither or both, and executing the request again takes the same change up. A
change that failed leaves the grant as it was. An extension changes no cloud: it moves the end of a term.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import ChangeFailed, journal_change, run_change
from cloudctl.operations.machines.plan_change import Seen, lay_out, opened_drivers
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.request_steps import RequestStep, keep_step, person_of, step_of, tell_unit
from cloudctl.operations.requests.steps_to_run import (
    link_machines,
    pools_concerned,
    require_theirs,
    retiring_steps,
    steps_of,
)
from policies.requests.course import executing, stepped
from policies.requests.model import RequestKind, RequestState
from policies.requests.store import (
    RequestFilter,
    course_of,
    find_request,
    request_machines,
    requests,
    term_of,
)
from policies.requests.tables import MachineTermRow, RequestRow
from provisioning.executor import ChangeState
from provisioning.model import Step
from provisioning.store import find_change

ENDED = (ChangeState.DONE, ChangeState.FAILED, ChangeState.UNDONE)


def execute_request(ctx: Context, number: int, *, done_at: datetime | None = None) -> RequestStep:
    """Begins the request's change, or takes it up again. done_at: when what was ordered from others was carried out.

    Refused for whoever granted it and when the grant has lapsed. ChangeFailed when a cloud refuses, Unreachable when
    one does not answer: execute it again then.
    """
    is_begun = _require_executable(ctx, number)
    if done_at is not None and not is_begun:
        raise Refused("Request {request} has no work orders out.", request=number)
    if not is_begun:
        _begin(ctx, number)
    return _carry_on(ctx, number, done_at)


def check_execute(ctx: Context, number: int) -> Sequence[Step]:
    """The steps that executing would begin now; none for a request that is begun. Refused as executing would be."""
    return [] if _require_executable(ctx, number) else _begin(rehearsal(ctx), number)


def conclude_ended(ctx: Context) -> list[RequestStep]:
    """Draws the end of requests whose change somebody else carried to its end: a resumed or rolled-back one."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        rows = requests(session, RequestFilter(state=RequestState.EXECUTING))
        ended = {
            row.id: ChangeState(find_change(session, row.change_id).state)
            for row in rows
            if row.change_id is not None
        }
    return [_end(ctx, number, state) for number, state in ended.items() if state in ENDED]


def _require_executable(ctx: Context, number: int) -> bool:
    """Whether it is begun already."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        course = course_of(session, find_request(session, number))
        executing(course, person_of(ctx), ctx.clock.now())
        return course.state is RequestState.EXECUTING


def _begin(ctx: Context, number: int) -> Sequence[Step]:
    with ctx.reading() as session:
        row = find_request(session, number)
        retiring = retiring_steps(ctx, row)
        pool_ids = pools_concerned(session, row)
    seen = _observed(ctx, pool_ids)
    with ctx.writing() as session:
        row = find_request(session, number)
        course = course_of(session, row)
        state = executing(course, person_of(ctx), ctx.clock.now())
        if course.state is state:
            # Somebody else began it while the clouds were looked at.
            return ()
        require_theirs(session, row)
        # From here on the grant reserves nothing: its room is the change's.
        row.state, row.executed_by = state, ctx.actor.login
        session.flush()
        steps = retiring or steps_of(session, row)
        laid = lay_out(ctx, session, steps, seen) if steps else ()
        link_machines(session, row)
        row.change_id = journal_change(ctx, session, laid, f"request {number}") if laid else None
        keep_step(ctx, session, row, RequestState.EXECUTING, "execute", change=row.change_id)
        if not laid:
            _conclude(ctx, session, row)
        return laid


def _observed(ctx: Context, pool_ids: Sequence[int]) -> dict[int, Seen]:
    with opened_drivers(ctx, pool_ids) as drivers:
        return {pool_id: Seen(driver.capabilities, driver.observe()) for pool_id, driver in drivers.items()}


def _carry_on(ctx: Context, number: int, done_at: datetime | None) -> RequestStep:
    """Runs the change as far as it goes, and draws the request's next state from it."""
    with ctx.reading() as session:
        row = find_request(session, number)
        change_id = row.change_id
        if change_id is None:
            return step_of(session, row)
    try:
        state = ChangeState(run_change(ctx, change_id, done_at=done_at).state)
    except ChangeFailed as failure:
        _end(ctx, number, ChangeState(failure.outcome.state), ctx.texts.message(failure.message))
        raise
    return _end(ctx, number, state)


def _end(ctx: Context, number: int, state: ChangeState, why: str = "") -> RequestStep:
    with ctx.writing() as session:
        row = find_request(session, number)
        if row.state == RequestState.EXECUTING:
            if state is ChangeState.DONE:
                _conclude(ctx, session, row)
            elif state in ENDED:
                row.change_id = None
                keep_step(ctx, session, row, stepped(course_of(session, row), "fail"), "fail", why)
        return step_of(session, row)


def _conclude(ctx: Context, session: Session, row: RequestRow) -> None:
    """The machines are as granted: terms begin, and the unit is told."""
    row.executed_at = ctx.clock.now()
    machines = request_machines(session, row.id)
    if row.granted_until is not None and row.kind in (RequestKind.NEW, RequestKind.EXTEND):
        for vm in machines:
            term = term_of(session, vm.id) or MachineTermRow(vm_id=vm.id)
            if row.kind == RequestKind.EXTEND and term.until and term.until >= row.granted_until:
                # Another extension, carried out before this one, goes farther.
                continue
            term.until, term.request_id, term.told = row.granted_until, row.id, None
            session.add(term)
    names = ", ".join(vm.name for vm in machines)
    keep_step(
        ctx, session, row, stepped(course_of(session, row), "carried_out"), "carried_out", machines=names
    )
    values = {"request": row.id, "names": names}
    tell_unit(
        ctx,
        session,
        row,
        Message("Request {request} is carried out", values),
        Message(
            "Machines: {names}. The handover sheet: cloudctl report build handover --request {request}",
            values,
        ),
    )
