"""Whose a machine could be that nobody answers for: by its metadata, its name, its project. Pure; people decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from provisioning.model import Machine

# What may stand between a system's code and the rest of a machine's name.
JOINTS = "-_."


class OwnerRule(StrEnum):
    METADATA = "metadata"
    SITE = "site"
    NAME = "name"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Proposal:
    """system: by code, None where only the unit is known; rule: what spoke for it, None when nothing did."""

    system: str | None = None
    unit: str | None = None
    rule: OwnerRule | None = None


@dataclass(frozen=True, slots=True)
class SiteRule:
    """A rule of the site's own: a machine that is all it states is the system's. Patterns know * and ? and [abc]."""

    system: str
    name: str | None = None
    project: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    pool: str | None = None

    def is_met(self, machine: Machine, pool: str) -> bool:
        stated = [(self.name, machine.name), (self.project, machine.labels.get("project"))]
        stated += [(pattern, machine.labels.get(key)) for key, pattern in self.metadata.items()]
        return self.pool in (None, pool) and all(
            found is not None and fnmatchcase(found, pattern)
            for pattern, found in stated
            if pattern is not None
        )


@dataclass(frozen=True, slots=True)
class Owners:
    """Who there is. systems: unit code by system code; unit_names: name by unit code; rules: the site's own."""

    systems: Mapping[str, str]
    unit_names: Mapping[str, str]
    rules: Sequence[SiteRule] = ()


def propose(machine: Machine, pool: str, owners: Owners) -> Proposal:
    """The likeliest owner of a machine of that pool.

    Metadata that names a system comes first, then the site's rules in their order, then the longest system code
    that the name begins with, then the project, which is a unit: its only system, or the unit alone.
    """
    systems = owners.systems
    stated = machine.labels.get("system")
    if stated is not None and stated in systems:
        return Proposal(stated, systems[stated], OwnerRule.METADATA)
    ruled = next((rule.system for rule in owners.rules if rule.is_met(machine, pool)), None)
    if ruled is not None and ruled in systems:
        return Proposal(ruled, systems[ruled], OwnerRule.SITE)
    by_name = [code for code in systems if _begins_with(machine.name, code)]
    if by_name:
        longest = max(by_name, key=len)
        return Proposal(longest, systems[longest], OwnerRule.NAME)
    return _by_project(machine, systems, owners.unit_names)


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
