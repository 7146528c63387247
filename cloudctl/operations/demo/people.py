"""The people of the fictitious city: surnames with 某, addresses that exist nowhere, and the roles they act in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudctl.operations.demo.places import Unit


@dataclass(frozen=True, slots=True)
class Cast:
    """Who acts in the story, by login. members: unit code -> who answers and signs for it."""

    operators: tuple[str, ...]
    finance: tuple[str, ...]
    panel: tuple[str, ...]
    auditor: str
    members: Mapping[str, str]


# login's pinyin, surname, unit, roles. Panel members come from units that have machines themselves, so that
# one of them meets his own unit's case and has to stand aside.
STAFF = (
    ("qin", "秦", "data", ("operator",)),
    ("jin", "金", "data", ("operator",)),
    ("fang", "方", "data", ("sysadmin",)),
    ("shi", "石", "data", ("secadmin",)),
    ("bai", "白", "fin", ("finance",)),
    ("mo", "莫", "fin", ("finance",)),
    ("ren", "任", "auditor", ("auditor",)),
    ("meng", "孟", "tech", ("panel",)),
    ("long", "龙", "dev", ("panel",)),
    ("duan", "段", "edu", ("panel",)),
    ("lei", "雷", "health", ("panel",)),
    ("qian", "钱", "stat", ("panel",)),
)


def people_entries(units: Sequence[Unit]) -> list[dict[str, Any]]:
    """The `people` section: one who answers for each unit, and the staff whose unit is among them."""
    codes = {unit.code for unit in units}
    members = [_entry(unit.pinyin, unit.surname, unit.code, ("unit",)) for unit in units]
    staff = [_entry(*one) for one in STAFF]
    return members + [one if one["unit"] in codes else {**one, "unit": None} for one in staff]


def cast_of(units: Sequence[Unit]) -> Cast:
    return Cast(
        operators=_logins("operator"),
        finance=_logins("finance"),
        panel=_logins("panel"),
        auditor=_logins("auditor")[0],
        members={unit.code: f"{unit.pinyin}-{unit.code}" for unit in units},
    )


def _logins(role: str) -> tuple[str, ...]:
    return tuple(f"{pinyin}-{unit}" for pinyin, _, unit, roles in STAFF if role in roles)


def _entry(pinyin: str, surname: str, unit: str, roles: Sequence[str]) -> dict[str, Any]:
    return {"login": f"{pinyin}-{unit}", "name": f"{surname}某", "unit": unit, "roles": list(roles)}
