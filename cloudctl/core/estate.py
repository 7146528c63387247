"""Finds the estate in the ledger: units, systems, people, equipment; removed ones stay findable."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound
from cloudctl.core.tables import EquipmentRow, PersonRow, SystemRow, UnitRow


def units(session: Session, *, removed: bool = False) -> Sequence[UnitRow]:
    """Units by code; with `removed` also those that have left the inventory."""
    query = select(UnitRow).order_by(UnitRow.code)
    return session.scalars(query if removed else query.where(UnitRow.removed_at.is_(None))).all()


def systems(session: Session, *, unit_id: int | None = None, removed: bool = False) -> Sequence[SystemRow]:
    query = select(SystemRow).order_by(SystemRow.code)
    if unit_id is not None:
        query = query.where(SystemRow.unit_id == unit_id)
    return session.scalars(query if removed else query.where(SystemRow.removed_at.is_(None))).all()


def people(session: Session, *, removed: bool = False) -> Sequence[PersonRow]:
    query = select(PersonRow).order_by(PersonRow.login)
    return session.scalars(query if removed else query.where(PersonRow.removed_at.is_(None))).all()


def equipment(session: Session, *, removed: bool = False) -> Sequence[EquipmentRow]:
    query = select(EquipmentRow).order_by(EquipmentRow.code)
    return session.scalars(query if removed else query.where(EquipmentRow.removed_at.is_(None))).all()


def find_unit(session: Session, code: str) -> UnitRow:
    """The unit of that code, in force or removed. NotFound."""
    row = session.scalar(select(UnitRow).where(UnitRow.code == code))
    if row is None:
        raise NotFound("There is no unit “{code}”.", code=code)
    return row


def find_system(session: Session, code: str) -> SystemRow:
    """The system of that code, in force or removed. NotFound."""
    row = session.scalar(select(SystemRow).where(SystemRow.code == code))
    if row is None:
        raise NotFound("There is no system “{code}”.", code=code)
    return row


def find_equipment(session: Session, code: str) -> EquipmentRow:
    """The equipment of that code, in force or removed. NotFound."""
    row = session.scalar(select(EquipmentRow).where(EquipmentRow.code == code))
    if row is None:
        raise NotFound("There is no equipment “{code}”.", code=code)
    return row


def find_person(session: Session, login: str) -> PersonRow:
    """The person of that login among those who may act. NotFound."""
    row = session.scalar(select(PersonRow).where(PersonRow.login == login, PersonRow.removed_at.is_(None)))
    if row is None:
        raise NotFound("There is no person “{login}”.", login=login)
    return row


def unit_codes(session: Session) -> dict[int, str]:
    """The code of every unit there ever was, by id."""
    return {row.id: row.code for row in units(session, removed=True)}


def system_codes(session: Session) -> dict[int, str]:
    """The code of every system there ever was, by id."""
    return {row.id: row.code for row in systems(session, removed=True)}
