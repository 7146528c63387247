"""The ledger's side of settlement: tariffs in force, what was held, periods, statements, acts and evidence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound
from cloudctl.core.tables import AuditRow, UnitRow
from metering.settlement.model import (
    Act,
    Dispute,
    Line,
    LineKind,
    Period,
    PeriodState,
    Signature,
    Statement,
    StatementState,
)
from metering.settlement.segments import Held
from metering.settlement.tables import (
    AdjustmentRow,
    DisputeRow,
    EvidenceRow,
    LineRow,
    NumberRow,
    PeriodRow,
    SignatureRow,
    StatementRow,
    TariffRow,
    WaiverRow,
)
from metering.tables import AllocationRow
from metering.tariffs import PriceBook, Tariff, midnight
from provisioning.tables import PoolRow, VmRow


class ItemAmount(NamedTuple):
    """A sum of lines. unit and system by code."""

    period: str
    provider: str
    unit: str
    system: str
    item: str
    is_adjustment: bool
    amount_fen: int


# The audit chain's word for closing a month.
CLOSING = "settle.close"
_LINE_COLUMNS = [getattr(LineRow, field.name) for field in fields(Line)]

# Tariffs


def tariff_rows(session: Session) -> Sequence[TariffRow]:
    """Every tariff ever applied, by code, version and date."""
    return session.scalars(
        select(TariffRow).order_by(TariffRow.code, TariffRow.version, TariffRow.valid_from)
    ).all()


def tariffs_in_force(session: Session) -> Sequence[TariffRow]:
    """The rows of each code's highest version, by code and date."""
    newest = (
        select(TariffRow.code, func.max(TariffRow.version).label("version"))
        .group_by(TariffRow.code)
        .subquery()
    )
    query = select(TariffRow).join(
        newest, (TariffRow.code == newest.c.code) & (TariffRow.version == newest.c.version)
    )
    return session.scalars(query.order_by(TariffRow.code, TariffRow.valid_from)).all()


def last_version(session: Session, code: str) -> int:
    """The number of a code's last version; 0 before the first."""
    return session.scalar(select(func.max(TariffRow.version)).where(TariffRow.code == code)) or 0


def touches(tariff: TariffRow, period: PeriodRow, zone: ZoneInfo) -> bool:
    """Whether the tariff is valid at some time of the month."""
    until = midnight(tariff.valid_to, zone) if tariff.valid_to else None
    return midnight(tariff.valid_from, zone) < period.ends and (until is None or until > period.starts)


def tariffs_by_id(session: Session, ids: Sequence[int]) -> Sequence[TariffRow]:
    return session.scalars(select(TariffRow).where(TariffRow.id.in_(ids)).order_by(TariffRow.id)).all()


def price_book(session: Session, zone: ZoneInfo) -> PriceBook:
    """The prices in force, of all times."""
    return PriceBook([Tariff.from_json(row.document) for row in tariffs_in_force(session)], zone)


# What was held


def held_between(session: Session, start: datetime, end: datetime) -> list[Held]:
    """Allocations that touch [start, end), by machine and start, without the weight of mapped objects."""
    columns = [getattr(AllocationRow, name) for name in Held._fields]
    query = select(*columns).where(
        AllocationRow.start < end, or_(AllocationRow.end.is_(None), AllocationRow.end > start)
    )
    return [Held(*row) for row in session.execute(query.order_by(AllocationRow.vm_id, AllocationRow.start))]


def first_held(session: Session) -> dict[int, datetime]:
    """When each machine first held anything."""
    query = select(AllocationRow.vm_id, func.min(AllocationRow.start)).group_by(AllocationRow.vm_id)
    return {row[0]: row[1] for row in session.execute(query)}


def pool_rows(session: Session) -> Sequence[PoolRow]:
    """Every pool there ever was, by code."""
    return session.scalars(select(PoolRow).order_by(PoolRow.code)).all()


def unit_code(session: Session, unit_id: int) -> str:
    return session.get_one(UnitRow, unit_id).code


def vm_names(session: Session) -> dict[int, str]:
    """The name of every machine there ever was, by id."""
    return {row[0]: row[1] for row in session.execute(select(VmRow.id, VmRow.name))}


# Periods and statements


def find_period(session: Session, period: str) -> PeriodRow | None:
    return session.scalar(select(PeriodRow).where(PeriodRow.period == period))


def period_by_id(session: Session, period_id: int) -> PeriodRow:
    return session.get_one(PeriodRow, period_id)


def get_period(session: Session, period: str) -> PeriodRow:
    """NotFound for a month that was never drafted."""
    row = find_period(session, period)
    if row is None:
        raise NotFound("The month {period} has not been drafted.", period=period)
    return row


def period_rows(session: Session, states: Sequence[str] | None = None) -> Sequence[PeriodRow]:
    """Drafted months, by month; `states` narrows them."""
    query = select(PeriodRow).order_by(PeriodRow.period)
    return session.scalars(query if states is None else query.where(PeriodRow.state.in_(states))).all()


def current_statements(session: Session, period_id: int) -> Sequence[StatementRow]:
    """The statements that count, by provider, number and unit."""
    query = select(StatementRow).where(
        StatementRow.period_id == period_id, StatementRow.state != StatementState.SUPERSEDED
    )
    return session.scalars(query.order_by(StatementRow.provider, StatementRow.unit_code)).all()


def all_statements(session: Session, period_id: int) -> Sequence[StatementRow]:
    """Every revision, by provider, unit and revision."""
    query = select(StatementRow).where(StatementRow.period_id == period_id)
    return session.scalars(
        query.order_by(StatementRow.provider, StatementRow.unit_code, StatementRow.revision)
    ).all()


def find_statement(session: Session, number: str) -> tuple[PeriodRow, StatementRow]:
    """The current revision of that number, with its period. NotFound."""
    found = session.execute(
        select(PeriodRow, StatementRow)
        .join(StatementRow, StatementRow.period_id == PeriodRow.id)
        .where(StatementRow.number == number, StatementRow.state != StatementState.SUPERSEDED)
    ).first()
    if found is None:
        raise NotFound("There is no statement “{number}”.", number=number)
    return found[0], found[1]


def next_number(session: Session, provider: str, year: int) -> int:
    """The provider's next number of the year; counted in the caller's transaction, so that none is ever left out."""
    row = session.get(NumberRow, (provider, year))
    if row is None:
        row = NumberRow(provider=provider, year=year, last=0)
        session.add(row)
    row.last += 1
    session.flush()
    return row.last


def remove_draft(session: Session, statement: StatementRow) -> None:
    """Takes away a statement that nobody has signed."""
    clear_lines(session, [statement.id])
    session.delete(statement)
    session.flush()


def clear_lines(session: Session, statement_ids: Sequence[int]) -> None:
    session.execute(delete(LineRow).where(LineRow.statement_id.in_(statement_ids)))


def add_lines(session: Session, lines: Iterable[tuple[int, Line]]) -> None:
    """Lines with the id of the statement they stand in, in one go."""
    names = [field.name for field in fields(Line)]
    rows = [
        {name: getattr(line, name) for name in names} | {"statement_id": statement_id, "is_sealed": False}
        for statement_id, line in lines
    ]
    if rows:
        # Past the session, which would send rows with other empty columns in statements of their own.
        session.connection().execute(insert(LineRow), rows)


def lines_of(session: Session, statement_ids: Sequence[int]) -> dict[int, list[Line]]:
    """The lines of each statement, in their order."""
    found: dict[int, list[Line]] = {statement_id: [] for statement_id in statement_ids}
    query = (
        select(LineRow.statement_id, *_LINE_COLUMNS)
        .join(StatementRow, StatementRow.id == LineRow.statement_id)
        .where(StatementRow.id.in_(statement_ids))
        .order_by(LineRow.statement_id, LineRow.position)
    )
    for statement_id, kind, *values in session.execute(query):
        found[statement_id].append(Line(LineKind(kind), *values))
    return found


def seal_rows(session: Session, period_id: int) -> None:
    """From now on triggers refuse to change the period's statements and lines; current ones are closed."""
    ids = select(StatementRow.id).where(StatementRow.period_id == period_id).scalar_subquery()
    session.execute(update(LineRow).where(LineRow.statement_id.in_(ids)).values(is_sealed=True))
    session.execute(
        update(StatementRow)
        .where(StatementRow.period_id == period_id, StatementRow.state != StatementState.SUPERSEDED)
        .values(state=StatementState.CLOSED)
    )
    session.execute(update(StatementRow).where(StatementRow.period_id == period_id).values(is_sealed=True))


# Acts


def signature_rows(session: Session, period_id: int) -> Sequence[SignatureRow]:
    """What was done to a period and its statements, in order."""
    return session.scalars(
        select(SignatureRow).where(SignatureRow.period_id == period_id).order_by(SignatureRow.id)
    ).all()


def dispute_rows(session: Session, statement_ids: Sequence[int]) -> Sequence[DisputeRow]:
    """Disputes of these statements, in order."""
    return session.scalars(
        select(DisputeRow).where(DisputeRow.statement_id.in_(statement_ids)).order_by(DisputeRow.id)
    ).all()


def overdue_statements(session: Session, now: datetime) -> Sequence[StatementRow]:
    """Issued statements whose time to answer has run out, by id."""
    query = select(StatementRow).where(
        StatementRow.state == StatementState.ISSUED, StatementRow.deadline <= now
    )
    return session.scalars(query.order_by(StatementRow.id)).all()


def waiver_rows(session: Session, period: str) -> Sequence[WaiverRow]:
    return session.scalars(select(WaiverRow).where(WaiverRow.period == period).order_by(WaiverRow.id)).all()


def waived(session: Session, period: str) -> frozenset[tuple[int, str]]:
    """(machine's id, item) that two people waived."""
    signed: dict[tuple[int, str], set[str]] = {}
    for row in waiver_rows(session, period):
        signed.setdefault((row.vm_id, row.item), set()).add(row.login)
    return frozenset(key for key, people in signed.items() if len(people) > 1)


def adjustment_rows(session: Session, target_period: str) -> Sequence[AdjustmentRow]:
    return session.scalars(
        select(AdjustmentRow).where(AdjustmentRow.target_period == target_period).order_by(AdjustmentRow.id)
    ).all()


def adjustment_of(session: Session, line_id: int) -> AdjustmentRow | None:
    return session.scalar(select(AdjustmentRow).where(AdjustmentRow.line_id == line_id))


def find_line(session: Session, number: str, position: int) -> tuple[PeriodRow, StatementRow, LineRow]:
    """A line by its statement's number and its own. NotFound."""
    period, statement = find_statement(session, number)
    row = session.scalar(
        select(LineRow).where(LineRow.statement_id == statement.id, LineRow.position == position)
    )
    if row is None:
        raise NotFound("Statement {number} has no line {line}.", number=number, line=position)
    return period, statement, row


def line_with_statement(session: Session, line_id: int) -> tuple[StatementRow, Line]:
    """A line by its id, with the statement it stands in."""
    query = (
        select(StatementRow, *_LINE_COLUMNS)
        .join(LineRow, LineRow.statement_id == StatementRow.id)
        .where(LineRow.id == line_id)
    )
    statement, kind, *values = session.execute(query).one()
    return statement, Line(LineKind(kind), *values)


def evidence_rows(session: Session, period_id: int) -> Sequence[EvidenceRow]:
    """By kind and subject: the order in which they are hashed together."""
    return session.scalars(
        select(EvidenceRow)
        .where(EvidenceRow.period_id == period_id)
        .order_by(EvidenceRow.kind, EvidenceRow.subject)
    ).all()


def closing_entry(session: Session, period: str) -> dict[str, Any] | None:
    """What the audit chain recorded when the month was closed; None when it never was."""
    return session.scalar(
        select(AuditRow.detail)
        .where(AuditRow.action == CLOSING, AuditRow.subject == period)
        .order_by(AuditRow.sequence.desc())
        .limit(1)
    )


# Read as values


def read_period(session: Session, period: str) -> Period:
    """A drafted month with its current statements, whole. NotFound."""
    row = get_period(session, period)
    statements = read_statements(session, row, current_statements(session, row.id))
    signatures = [as_signature(s) for s in signature_rows(session, row.id) if s.statement_id is None]
    return Period(
        row.period,
        period_state(row, [statement.state for statement in statements]),
        row.starts,
        row.ends,
        sum(statement.total_fen for statement in statements),
        tuple(statements),
        tuple(signatures),
        row.seal_hash,
        row.seal_algorithm,
        row.closed_at,
    )


def read_statements(session: Session, period: PeriodRow, rows: Sequence[StatementRow]) -> list[Statement]:
    """Statements as values, with lines, disputes and signatures of all their number's revisions."""
    lines = lines_of(session, [row.id for row in rows])
    revisions = _revisions(session, period.id, rows)
    signatures = signature_rows(session, period.id)
    disputes = dispute_rows(session, [key for ids in revisions.values() for key in ids])
    return [
        as_statement(
            period,
            row,
            lines[row.id],
            [as_dispute(dispute) for dispute in disputes if dispute.statement_id in revisions[row.id]],
            [as_signature(s) for s in signatures if s.statement_id in revisions[row.id]],
        )
        for row in rows
    ]


def _revisions(session: Session, period_id: int, rows: Sequence[StatementRow]) -> dict[int, set[int]]:
    """For each statement the ids of its revisions up to itself."""
    everything = all_statements(session, period_id)
    return {
        row.id: {
            other.id
            for other in everything
            if (other.unit_id, other.provider) == (row.unit_id, row.provider)
            and other.revision <= row.revision
        }
        for row in rows
    }


def period_state(row: PeriodRow, states: Sequence[StatementState]) -> PeriodState:
    """The period's own state; while statements are being answered, the one they are in together."""
    if row.state != PeriodState.ISSUED or not states:
        return PeriodState(row.state)
    if StatementState.DISPUTED in states:
        return PeriodState.DISPUTED
    answered = {StatementState.CONFIRMED, StatementState.DEEMED, StatementState.APPROVED}
    if not set(states) <= answered:
        return PeriodState.ISSUED
    return PeriodState.DEEMED if set(states) == {StatementState.DEEMED} else PeriodState.CONFIRMED


def as_statement(
    period: PeriodRow,
    row: StatementRow,
    lines: Sequence[Line],
    disputes: Sequence[Dispute] = (),
    signatures: Sequence[Signature] = (),
) -> Statement:
    return Statement(
        row.id,
        period.period,
        row.number,
        row.revision,
        row.unit_code,
        row.unit_name,
        row.provider,
        StatementState(row.state),
        row.total_fen,
        row.content_hash,
        row.issued_at,
        row.deadline,
        tuple(lines),
        tuple(disputes),
        tuple(signatures),
    )


def as_signature(row: SignatureRow) -> Signature:
    return Signature(
        Act(row.act), row.login, row.name, row.role, row.at, row.content_hash, row.algorithm, row.reason
    )


def as_dispute(row: DisputeRow) -> Dispute:
    return Dispute(
        row.line,
        row.reason,
        row.raised_by,
        row.raised_at,
        row.answer,
        row.answer_reason,
        row.answered_by,
        row.answered_at,
    )


def unit_totals(session: Session, period: str) -> dict[str, int]:
    """What each unit owes for a month in fen, all providers together; empty for a month not drafted."""
    row = find_period(session, period)
    totals: dict[str, int] = {}
    for statement in current_statements(session, row.id) if row else ():
        totals[statement.unit_code] = totals.get(statement.unit_code, 0) + statement.total_fen
    return totals


def closed_bounds(session: Session) -> Iterator[tuple[str, datetime, datetime]]:
    """Every closed month with its bounds, by month."""
    for row in period_rows(session, [PeriodState.CLOSED]):
        yield row.period, row.starts, row.ends


def item_amounts(session: Session, periods: Sequence[str]) -> list[ItemAmount]:
    """What the current statements of these months come to, by month, provider, unit, system and item."""
    keys = (
        PeriodRow.period,
        StatementRow.provider,
        StatementRow.unit_code,
        LineRow.system,
        LineRow.item,
        LineRow.kind,
    )
    query = (
        select(*keys, func.sum(LineRow.amount_fen))
        .join(StatementRow, StatementRow.period_id == PeriodRow.id)
        .join(LineRow, LineRow.statement_id == StatementRow.id)
        .where(PeriodRow.period.in_(periods), StatementRow.state != StatementState.SUPERSEDED)
        .group_by(*keys)
        .order_by(*keys)
    )
    return [
        ItemAmount(period, provider, unit, system, item, kind != LineKind.CHARGE, int(fen))
        for period, provider, unit, system, item, kind, fen in session.execute(query)
    ]
