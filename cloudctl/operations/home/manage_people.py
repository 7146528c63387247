"""People and their roles: lists them, adds one, grants and revokes roles; each change audited."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cloudctl.core import estate
from cloudctl.core.errors import InvalidInput, Refused
from cloudctl.core.identity import Role
from cloudctl.core.inventory.model import Inventory
from cloudctl.core.tables import PersonRow
from cloudctl.core.yaml_problems import Marks, translated
from cloudctl.core.yaml_source import check_form
from cloudctl.operations.context import Context

ADMINISTRATORS = (Role.SYSADMIN, Role.SECADMIN)
Row = dict[str, Any]


def list_people(ctx: Context) -> list[Row]:
    with ctx.reading() as session:
        units = estate.unit_codes(session)
        return [_row(person, units) for person in estate.people(session)]


def show_person(ctx: Context, login: str) -> Row:
    """NotFound."""
    with ctx.reading() as session:
        return _row(estate.find_person(session, login), estate.unit_codes(session))


def add_person(ctx: Context, login: str, name: str, unit: str | None, roles: Sequence[Role]) -> Row:
    """Refused when the login is taken; one that was removed before comes back. NotFound for the unit."""
    ctx.actor.require(*ADMINISTRATORS)
    _check(login, name, unit, roles)
    with ctx.writing() as session:
        known = {person.login: person for person in estate.people(session, removed=True)}
        person = known.get(login) or PersonRow(login=login, is_founder=False)
        if login in known and person.removed_at is None:
            raise Refused("There is a person “{login}” already.", login=login)
        owner = estate.find_unit(session, unit) if unit else None
        person.name, person.roles, person.removed_at = name, sorted(map(str, set(roles))), None
        person.unit_id = owner.id if owner else None
        session.add(person)
        session.flush()
        row = _row(person, estate.unit_codes(session))
        ctx.record(session, "person.add", login, after=row)
        return row


def grant_role(ctx: Context, login: str, role: Role) -> Row:
    """Granting what one has changes nothing. NotFound; Refused for the role “unit” without a unit."""
    return _change(ctx, login, role, is_granted=True)


def revoke_role(ctx: Context, login: str, role: Role) -> Row:
    """Revoking what one lacks changes nothing. Refused when nobody would be left to grant roles."""
    return _change(ctx, login, role, is_granted=False)


def _change(ctx: Context, login: str, role: Role, *, is_granted: bool) -> Row:
    ctx.actor.require(*ADMINISTRATORS)
    with ctx.writing() as session:
        person = estate.find_person(session, login)
        before = set(person.roles)
        after = before | {str(role)} if is_granted else before - {str(role)}
        if is_granted and role == Role.UNIT and person.unit_id is None:
            raise Refused("{login} belongs to no unit, so the role “unit” means nothing.", login=login)
        if after != before:
            others = [row for row in estate.people(session) if row.login != login]
            _require_administrator([*(set(row.roles) for row in others), after])
            person.roles = sorted(after)
            verb = "person.grant" if is_granted else "person.revoke"
            ctx.record(session, verb, login, role=str(role), before=sorted(before), after=sorted(after))
        return _row(person, estate.unit_codes(session))


def _require_administrator(roles: Sequence[set[str]]) -> None:
    if not any(role in held for held in roles for role in map(str, ADMINISTRATORS)):
        raise Refused("Nobody would be left who may grant roles.")


def _check(login: str, name: str, unit: str | None, roles: Sequence[Role]) -> None:
    """The same form as in an inventory. InvalidInput."""
    entry = {"login": login, "name": name, "unit": unit, "roles": [str(role) for role in roles]}
    checked = check_form({"version": 1, "people": [entry]}, Inventory)
    if not isinstance(checked, Inventory):
        marks = Marks("", {(): (1, 1)})
        raise InvalidInput([replace(item, place="") for item in translated(checked, marks, ())])
    if Role.UNIT in roles and unit is None:
        raise Refused("{login} belongs to no unit, so the role “unit” means nothing.", login=login)


def _row(person: PersonRow, units: dict[int, str]) -> Row:
    return {
        "login": person.login,
        "name": person.name,
        "unit": units[person.unit_id] if person.unit_id is not None else None,
        "roles": sorted(person.roles),
        "founder": person.is_founder,
    }
