"""The ledger's questions about requests: their papers, what grants reserve, terms, quotas, surveys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from policies.requests.course import ENDED, Course
from policies.requests.model import Item, Migration, RequestKind, RequestState, items_from_json
from policies.requests.quota import Quota
from policies.requests.tables import (
    MachineTermRow,
    QuotaRow,
    RequestEventRow,
    RequestMachineRow,
    RequestRow,
    SurveyRow,
)
from provisioning.tables import VmRow


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests; None is all. is_open: something is still to be done."""

    state: str | None = None
    kind: str | None = None
    unit_id: int | None = None
    is_open: bool = False


def find_request(session: Session, number: int) -> RequestRow:
    """NotFound for a number no request has."""
    row = session.get(RequestRow, number)
    if row is None:
        raise NotFound("There is no request {request}.", request=number)
    return row


def requests(session: Session, wanted: RequestFilter | None = None) -> Sequence[RequestRow]:
    """Requests by number."""
    wanted = wanted or RequestFilter()
    query = select(RequestRow).order_by(RequestRow.id)
    for column, value in (
        (RequestRow.state, wanted.state),
        (RequestRow.kind, wanted.kind),
        (RequestRow.unit_id, wanted.unit_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.is_open:
        query = query.where(RequestRow.state.not_in(ENDED))
    return session.scalars(query).all()


def request_by_digest(session: Session, digest: str) -> RequestRow | None:
    """The request that the same form came to."""
    return session.scalar(select(RequestRow).where(RequestRow.digest == digest))


def course_of(session: Session, row: RequestRow) -> Course:
    """What the machine of states looks at."""
    unit = session.get_one(UnitRow, row.unit_id)
    return Course(
        row.id,
        RequestState(row.state),
        unit.code,
        row.requested_by,
        _checkers(session, row.id),
        row.decided_by,
        row.grant_until,
    )


def _checkers(session: Session, number: int) -> frozenset[str]:
    """Everybody who checked it: what one of them found or gave as a reason stands in the papers."""
    query = select(RequestEventRow.actor).where(
        RequestEventRow.request_id == number, RequestEventRow.step == "check"
    )
    return frozenset(session.scalars(query))


def items_of(row: RequestRow) -> tuple[Item, ...]:
    """As granted where it was decided, else as asked."""
    return items_from_json(row.items if row.granted is None else row.granted)


def migration_of(row: RequestRow) -> Migration | None:
    return Migration.from_json(row.migration) if row.migration else None


def events(session: Session, number: int) -> Sequence[RequestEventRow]:
    query = select(RequestEventRow).where(RequestEventRow.request_id == number)
    return session.scalars(query.order_by(RequestEventRow.id)).all()


# What grants reserve


def standing_grants(session: Session, now: datetime, *, but: int | None = None) -> Sequence[RequestRow]:
    """Grants that were not carried out and have not lapsed; `but` leaves one out."""
    query = select(RequestRow).where(RequestRow.state == RequestState.GRANTED, RequestRow.grant_until > now)
    if but is not None:
        query = query.where(RequestRow.id != but)
    return session.scalars(query.order_by(RequestRow.id)).all()


def pending_grants(session: Session, now: datetime, *, but: int | None = None) -> Sequence[RequestRow]:
    """Standing grants, and those being carried out: what they are for is not all held yet."""
    query = select(RequestRow).where(RequestRow.state == RequestState.EXECUTING)
    if but is not None:
        query = query.where(RequestRow.id != but)
    begun = session.scalars(query.order_by(RequestRow.id)).all()
    return [*standing_grants(session, now, but=but), *begun]


def lapsed_grants(session: Session, now: datetime) -> Sequence[RequestRow]:
    """Grants whose time is over."""
    query = select(RequestRow).where(RequestRow.state == RequestState.GRANTED, RequestRow.grant_until <= now)
    return session.scalars(query.order_by(RequestRow.id)).all()


def reserved_names(session: Session, now: datetime, *, but: int | None = None) -> dict[str, int]:
    """Names of machines that grants will make -> the request."""
    return {
        name: row.id
        for row in pending_grants(session, now, but=but)
        if row.kind == RequestKind.NEW
        for item in items_of(row)
        for name in item.names
    }


# Machines


def request_machines(session: Session, number: int) -> Sequence[VmRow]:
    """Machines a request made or was about, by name."""
    query = (
        select(VmRow)
        .join(RequestMachineRow, RequestMachineRow.vm_id == VmRow.id)
        .where(RequestMachineRow.request_id == number)
    )
    return session.scalars(query.order_by(VmRow.name)).all()


def machine_requests(session: Session, vm_id: int) -> Sequence[int]:
    """Numbers of the requests about a machine."""
    query = select(RequestMachineRow.request_id).where(RequestMachineRow.vm_id == vm_id)
    return session.scalars(query.order_by(RequestMachineRow.request_id)).all()


def machines_by_name(session: Session, names: Sequence[str]) -> dict[str, VmRow]:
    """Those of the names that there are, retired ones too."""
    return {row.name: row for row in session.scalars(select(VmRow).where(VmRow.name.in_(names)))}


def terms(session: Session) -> Sequence[tuple[MachineTermRow, VmRow]]:
    """Terms of machines that are not retired, the earliest end first."""
    query = select(MachineTermRow, VmRow).join(VmRow, VmRow.id == MachineTermRow.vm_id)
    rows = session.execute(query.where(VmRow.state != "retired").order_by(MachineTermRow.until, VmRow.name))
    return [(term, vm) for term, vm in rows]


def term_of(session: Session, vm_id: int) -> MachineTermRow | None:
    return session.get(MachineTermRow, vm_id)


# Quotas


def quota_rows(session: Session) -> Sequence[tuple[QuotaRow, UnitRow]]:
    """Quotas with their units, by unit."""
    query = select(QuotaRow, UnitRow).join(UnitRow, UnitRow.id == QuotaRow.unit_id)
    return [(quota, unit) for quota, unit in session.execute(query.order_by(UnitRow.code))]


def find_quota(session: Session, unit_id: int) -> QuotaRow | None:
    return session.get(QuotaRow, unit_id)


def quota_of(session: Session, unit_id: int) -> Quota | None:
    """None for a unit without limits."""
    row = find_quota(session, unit_id)
    return Quota(row.machines, row.vcpus, row.memory_mib, row.storage_gib) if row else None


# Surveys


def surveys(session: Session) -> Sequence[tuple[SurveyRow, SystemRow, UnitRow]]:
    """Lines of surveys with system and unit, by the month planned and the system."""
    query = (
        select(SurveyRow, SystemRow, UnitRow)
        .join(SystemRow, SystemRow.id == SurveyRow.system_id)
        .join(UnitRow, UnitRow.id == SystemRow.unit_id)
        .order_by(SurveyRow.planned_for, SystemRow.code, SurveyRow.position)
    )
    return [(line, system, unit) for line, system, unit in session.execute(query)]


def survey_digests(session: Session, system_id: int) -> set[str]:
    """Of which form the system's lines are."""
    return set(session.scalars(select(SurveyRow.digest).where(SurveyRow.system_id == system_id)))


def forget_survey(session: Session, system_id: int) -> None:
    """Makes room for the system's next survey."""
    session.execute(delete(SurveyRow).where(SurveyRow.system_id == system_id))


def size_or_none(document: Mapping[str, Any] | None) -> Size | None:
    return Size.from_json(document) if document else None
