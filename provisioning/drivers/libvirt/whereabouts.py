"""Where a machine stands, by what the hosts answered: the latest place counts, what was left behind does not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cloudctl.core.errors import CloudctlError, Refused
from provisioning.drivers.libvirt.definition import Found
from provisioning.drivers.libvirt.interrupted import IS_LEAVING, IS_RUNNING, presence
from provisioning.model import Step

_EVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a host has of a machine."""

    found: Found
    presence: int

    @classmethod
    def of(cls, found: Found | None) -> "Standing | None":
        return cls(found, presence(found.domain)) if found is not None else None


@dataclass(frozen=True, slots=True)
class Place:
    host: str
    found: Found
    presence: int

    @property
    def moved_at(self) -> datetime:
        marks = self.found.marks
        return marks.moved_at if marks is not None and marks.moved_at is not None else _EVER

    @property
    def is_running(self) -> bool:
        return self.presence == IS_RUNNING

    @property
    def claim(self) -> tuple[datetime, int]:
        """Two have the same instant when a move was cut off: the marks went along."""
        return self.moved_at, self.presence


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
        answered: Mapping[str, Standing | None],
        silent: Mapping[str, CloudctlError],
        remnants: frozenset[tuple[int, str]],
    ) -> "Whereabouts":
        places = [
            Place(host, each.found, each.presence) for host, each in answered.items() if each is not None
        ]
        current = [place for place in places if (step.vm_id, place.host) not in remnants]
        newest = max(current, key=lambda place: place.claim, default=None)
        return cls(step, newest, tuple(place for place in places if place is not newest), silent)

    def require(self) -> Place:
        """Refused when no host has it; Unreachable when one that does not answer may."""
        if self.newest is not None and self.newest.presence != IS_LEAVING:
            return self.newest
        # One that a move has halted may run where nobody answers.
        for reason in self.silent.values():
            raise reason
        if self.newest is not None:
            return self.newest
        raise Refused("The cloud has no machine {name}.", name=self.step.name)

    def require_answer(self, host: str, known: Collection[str]) -> None:
        """Unreachable when the machine may stand on that host, or on any where it is not known on which."""
        for code, reason in self.silent.items():
            if code == host or host not in known or self.others:
                raise reason
