"""The ledger's questions about review: rules, cases and their papers, exemptions, savings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, Text, bindparam, func, insert, or_, select
from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound
from cloudctl.core.estate import people, unit_codes
from cloudctl.core.identity import Role
from policies import panel
from policies.panel import CaseState, Decision
from policies.tables import CaseRow, EventRow, EvidenceRow, ExemptionRow, RuleRow, SavingRow, VoteRow


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases; None is all. is_open: something is still to be done."""

    state: str | None = None
    kind: str | None = None
    vm_id: int | None = None
    unit_id: int | None = None
    system_id: int | None = None
    window_end: datetime | None = None
    is_open: bool = False


# The rule


def rules(session: Session) -> Sequence[RuleRow]:
    """Every version, proposed ones included, by number."""
    return session.scalars(select(RuleRow).order_by(RuleRow.version)).all()


def find_rule(session: Session, version: int) -> RuleRow:
    """NotFound for a version nobody proposed."""
    row = session.scalar(select(RuleRow).where(RuleRow.version == version))
    if row is None:
        raise NotFound("There is no version {version} of the under-use rule.", version=version)
    return row


def rule_in_force(session: Session, at: datetime) -> RuleRow:
    """The approved version with the latest date not after `at`; of two with one date, the later version."""
    query = (
        select(RuleRow)
        .where(RuleRow.is_in_force, RuleRow.valid_from <= at)
        .order_by(RuleRow.valid_from.desc(), RuleRow.version.desc())
    )
    row = session.scalar(query.limit(1))
    if row is None:
        raise NotFound("No under-use rule was in force at {at}.", at=at.isoformat())
    return row


# Cases


def find_case(session: Session, number: int) -> CaseRow:
    """NotFound for a number no case has."""
    row = session.get(CaseRow, number)
    if row is None:
        raise NotFound("There is no case {case}.", case=number)
    return row


def cases(session: Session, wanted: CaseFilter | None = None) -> Sequence[CaseRow]:
    """Cases by number."""
    wanted = wanted or CaseFilter()
    query = select(CaseRow).order_by(CaseRow.id)
    for column, value in (
        (CaseRow.state, wanted.state),
        (CaseRow.kind, wanted.kind),
        (CaseRow.vm_id, wanted.vm_id),
        (CaseRow.unit_id, wanted.unit_id),
        (CaseRow.system_id, wanted.system_id),
        (CaseRow.window_end, wanted.window_end),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.is_open:
        ended = [state for state in CaseState if not panel.is_open(state, Decision.CUT)]
        decided_otherwise = (CaseRow.state == CaseState.DECIDED) & (CaseRow.decision != Decision.CUT)
        query = query.where(CaseRow.state.not_in(ended), or_(~decided_otherwise, CaseRow.decision.is_(None)))
    return session.scalars(query).all()


def open_cases(session: Session) -> dict[int, list[CaseRow]]:
    """Cases in which something is still to be done, by machine."""
    found: dict[int, list[CaseRow]] = {}
    for row in cases(session, CaseFilter(is_open=True)):
        found.setdefault(row.vm_id, []).append(row)
    return found


def window_cases(session: Session, start: datetime, end: datetime) -> dict[tuple[int, str], CaseRow]:
    """What one window has yielded so far, by machine and kind."""
    query = select(CaseRow).where(CaseRow.window_start == start, CaseRow.window_end == end)
    return {(row.vm_id, row.kind): row for row in session.scalars(query)}


def recent_decisions(session: Session, since: datetime) -> dict[int, int]:
    """Machine -> the number of the last case on it that was decided after `since`."""
    query = (
        select(CaseRow.vm_id, func.max(CaseRow.id))
        .where(CaseRow.decided_at > since, CaseRow.state != CaseState.EXPIRED)
        .group_by(CaseRow.vm_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def votes(session: Session, case_id: int) -> Sequence[VoteRow]:
    return session.scalars(select(VoteRow).where(VoteRow.case_id == case_id).order_by(VoteRow.id)).all()


def events(session: Session, case_id: int) -> Sequence[EventRow]:
    """A case's history, oldest first."""
    return session.scalars(select(EventRow).where(EventRow.case_id == case_id).order_by(EventRow.id)).all()


def keep_evidence(session: Session, algorithm: str, papers: Sequence[tuple[int, str, str]]) -> None:
    """What cases were opened on: per case its number, its document in canonical JSON, and the hash of that."""
    if papers:
        # As text, for it was made canonical to be hashed: hundreds of them are not worth doing so twice.
        text = bindparam("text", type_=Text)
        query = insert(cast(Table, EvidenceRow.__table__)).values(
            case_id=bindparam("case_id"), document=text, algorithm=algorithm, hash=bindparam("hash")
        )
        session.execute(
            query,
            [{"case_id": number, "text": document, "hash": value} for number, document, value in papers],
        )


def keep_openings(session: Session, at: datetime, actor: str, cases: Sequence[tuple[int, str]]) -> None:
    """The first event of every case, by its number and state."""
    if cases:
        session.execute(
            insert(EventRow),
            [
                {"case_id": number, "at": at, "actor": actor, "step": "open", "state": state, "text": ""}
                for number, state in cases
            ],
        )


def evidence(session: Session, case_id: int) -> EvidenceRow:
    return session.get_one(EvidenceRow, case_id)


def evidences(session: Session, case_ids: Sequence[int]) -> dict[int, EvidenceRow]:
    query = select(EvidenceRow).where(EvidenceRow.case_id.in_(case_ids))
    return {row.case_id: row for row in session.scalars(query)}


def read_case(session: Session, row: CaseRow, now: datetime) -> panel.Case:
    """The row as the machine of states looks at it."""
    ballots = [panel.Ballot(vote.voter, Decision(vote.choice), vote.round) for vote in votes(session, row.id)]
    return panel.Case(
        number=row.id,
        unit=unit_codes(session)[row.unit_id],
        proposer=row.opened_by,
        state=CaseState(row.state),
        round=row.round,
        answer=panel.Answer(row.answer) if row.answer else None,
        decision=Decision(row.decision) if row.decision else None,
        has_appealed=row.appealed_at is not None,
        ballots=tuple(ballots),
        answer_is_late=row.answer_by is not None and now >= row.answer_by,
    )


def panel_members(session: Session) -> Mapping[str, str | None]:
    """Login -> unit's code of everybody in the panel, recused or not."""
    codes = unit_codes(session)
    return {
        person.login: codes[person.unit_id] if person.unit_id else None
        for person in people(session)
        if Role.PANEL in person.roles
    }


# Exemptions


def exemptions(session: Session, at: datetime | None = None) -> Sequence[ExemptionRow]:
    """Exemptions by number; those in force at `at`."""
    query = select(ExemptionRow).order_by(ExemptionRow.id)
    if at is not None:
        query = query.where(
            ExemptionRow.start <= at,
            ExemptionRow.end > at,
            or_(ExemptionRow.ended_at.is_(None), ExemptionRow.ended_at > at),
        )
    return session.scalars(query).all()


def find_exemption(session: Session, number: int) -> ExemptionRow:
    """NotFound for a number no exemption has."""
    row = session.get(ExemptionRow, number)
    if row is None:
        raise NotFound("There is no exemption {number}.", number=number)
    return row


# Savings


def savings(
    session: Session, start: datetime | None = None, end: datetime | None = None
) -> Sequence[SavingRow]:
    """Savings by start; those that touch [start, end)."""
    query = select(SavingRow).order_by(SavingRow.start, SavingRow.id)
    if start is not None:
        query = query.where(or_(SavingRow.end.is_(None), SavingRow.end > start))
    if end is not None:
        query = query.where(SavingRow.start < end)
    return session.scalars(query).all()


def case_savings(session: Session, case_id: int) -> Sequence[SavingRow]:
    return session.scalars(select(SavingRow).where(SavingRow.case_id == case_id).order_by(SavingRow.id)).all()
