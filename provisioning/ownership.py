"""Whose a machine could be that nobody answers for: by its metadata, its name, its project. Pure; people decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from provisioning.model import Machine

# What may stand between a system's code and the rest of a machine's name.
JOINTS = "-_."


class OwnerRule(StrEnum):
    METADATA = "metadata"
    NAME = "name"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Proposal:
    """system: by code, None where only the unit is known; rule: what spoke for it, None when nothing did."""

    system: str | None = None
    unit: str | None = None
    rule: OwnerRule | None = None


def propose(machine: Machine, systems: Mapping[str, str], unit_names: Mapping[str, str]) -> Proposal:
    """The likeliest owner. systems: unit code by system code; unit_names: name by unit code.

    Metadata that names a system comes first, then the longest system code that the name begins with, then the
    project, which is a unit: its only system, or the unit alone.
    """
    stated = machine.labels.get("system")
    if stated is not None and stated in systems:
        return Proposal(stated, systems[stated], OwnerRule.METADATA)
    by_name = [code for code in systems if _begins_with(machine.name, code)]
    if by_name:
        longest = max(by_name, key=len)
        return Proposal(longest, systems[longest], OwnerRule.NAME)
    return _by_project(machine, systems, unit_names)


def _begins_with(name: str, code: str) -> bool:
    return name == code or (name.startswith(code) and name[len(code)] in JOINTS)


def _by_project(machine: Machine, systems: Mapping[str, str], unit_names: Mapping[str, str]) -> Proposal:
    for key in ("unit", "project"):
        stated = machine.labels.get(key)
        unit = next((code for code, name in unit_names.items() if stated in (code, name)), None)
        if unit is not None:
            own = [code for code, owner in systems.items() if owner == unit]
            return Proposal(own[0] if len(own) == 1 else None, unit, OwnerRule.PROJECT)
    return Proposal()
