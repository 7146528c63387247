"""Where a machine stands, by what the hosts answered: the latest place counts, what was left behind does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cloudctl.core.errors import CloudctlError, Refused
from provisioning.drivers.libvirt.definition import Found
from provisioning.model import Step

_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    found: Found

    @property
    def moved_at(self) -> datetime:
        marks = self.found.marks
        return marks.moved_at if marks is not None and marks.moved_at is not None else _EVER


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """newest: where it stands; others: hosts that have a definition of it all the same."""

    step: Step
    newest: Place | None
    others: tuple[Place, ...]
    silent: Mapping[str, CloudctlError]

    @classmethod
    def of(
        cls,
        step: Step,
        answered: Mapping[str, Found | None],
        silent: Mapping[str, CloudctlError],
        remnants: frozenset[tuple[int, str]],
    ) -> "Whereabouts":
        places = [Place(host, found) for host, found in answered.items() if found is not None]
        current = [place for place in places if (step.vm_id, place.host) not in remnants]
        newest = max(current, key=lambda place: place.moved_at, default=None)
        return cls(step, newest, tuple(place for place in places if place is not newest), silent)

    def require(self) -> Place:
        """Refused when no host has it; Unreachable when one that does not answer may."""
        if self.newest is not None:
            return self.newest
        for reason in self.silent.values():
            raise reason
        raise Refused("The cloud has no machine {name}.", name=self.step.name)
