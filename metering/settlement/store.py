"""The ledger's side of settlement: tariffs in force, what was held, periods, statements, acts and evidence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound
from cloudctl.core.tables import UnitRow
from metering.settlement.model import (
    Line,
    LineKind,
    PeriodState,
    StatementState,
)
from metering.settlement.segments import Held
from metering.settlement.tables import (
    LineRow,
    NumberRow,
    PeriodRow,
    StatementRow,
    TariffRow,
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


def overdue_statements(session: Session, now: datetime) -> Sequence[StatementRow]:
    """Issued statements whose time to answer has run out, by id."""
    query = select(StatementRow).where(
        StatementRow.state == StatementState.ISSUED, StatementRow.deadline <= now
    )
    return session.scalars(query.order_by(StatementRow.id)).all()


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


# Months, added up


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
