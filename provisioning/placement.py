"""Where a new machine goes: best fit under overcommit, a system's machines apart, and why a host can't.

Among the hosts that are up, not draining and have room, the one with the fewest machines of the same system
wins (so they share a host only where there is no other way); then the one with the least memory left, then
the fewest vCPUs, then the first by code. Memory leads because it is what a site overcommits least.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from cloudctl.core.errors import Problem, Refused, problem
from cloudctl.core.quantity import Size
from provisioning.model import HostFacts


@dataclass(frozen=True, slots=True)
class Overcommit:
    """How many times its physical capacity a host may promise; of storage, where disks are thin, its storage."""

    cpu: Fraction = Fraction(1)
    memory: Fraction = Fraction(1)
    storage: Fraction = Fraction(1)

    @classmethod
    def of(cls, options: Mapping[str, object]) -> "Overcommit":
        """Of a pool's options: `overcommit: {cpu: 4, memory: 1}`; what is missing is 1."""
        stated = options.get("overcommit") or {}
        assert isinstance(stated, Mapping)
        return cls(*(Fraction(str(stated.get(meter, 1))) for meter in ("cpu", "memory", "storage")))

    def storage_of(self, facts: HostFacts) -> dict[str, int]:
        """GiB that may be promised, by tier."""
        return {tier: int(gib * self.storage) for tier, gib in facts.storage_gib.items()}


@dataclass(frozen=True, slots=True)
class Wish:
    """A machine to place: for which system, how large."""

    name: str
    system: int
    size: Size


@dataclass(frozen=True, slots=True)
class HostLoad:
    """A host and what is promised on it: the machines' sizes added up, and how many each system has there."""

    facts: HostFacts
    is_draining: bool = False
    promised: Size = field(default_factory=lambda: Size(0, 0))
    systems: Mapping[int, int] = field(default_factory=dict)


def place(wishes: Iterable[Wish], hosts: Sequence[HostLoad], overcommit: Overcommit) -> list[str]:
    """A host's code per wish, in order, each counted before the next. Refused when one fits nowhere.

    A wish never takes the room of an earlier one; nothing is moved to make room.
    """
    rooms = [_Room(host, overcommit) for host in hosts]
    order = sorted((room.rank(), room) for room in rooms if not room.closed)
    shared = frozenset[str]().union(*(host.facts.shared_tiers for host in hosts))
    placed = []
    for wish in wishes:
        room = _take(wish, order, rooms)
        placed.append(room.code)
        common = {tier: gib for tier, gib in wish.size.storage_gib.items() if tier in shared}
        if common:
            for other in rooms:
                if other is not room:
                    other.storage_gib.subtract(common)
    return placed


def why_not(size: Size, host: HostLoad, overcommit: Overcommit) -> Problem | None:
    """Why a host cannot take a machine of that size, or None when it can."""
    return _Room(host, overcommit).refusal(size)


class _Room:
    """What is left of one host while machines are being placed."""

    __slots__ = ("closed", "code", "memory_mib", "storage_gib", "systems", "vcpus")

    def __init__(self, host: HostLoad, overcommit: Overcommit) -> None:
        facts, promised = host.facts, host.promised
        self.code = facts.code
        self.closed = (
            "" if facts.is_up and not host.is_draining else "down" if not facts.is_up else "draining"
        )
        self.vcpus = int(facts.vcpus * overcommit.cpu) - promised.vcpus
        self.memory_mib = int(facts.memory_mib * overcommit.memory) - promised.memory_mib
        self.storage_gib = Counter(overcommit.storage_of(facts))
        self.storage_gib.subtract(dict(promised.storage_gib))
        self.systems = Counter(dict(host.systems))

    def rank(self) -> tuple[int, int, str]:
        return (self.memory_mib, self.vcpus, self.code)

    def fits(self, size: Size) -> bool:
        return (
            self.memory_mib >= size.memory_mib
            and self.vcpus >= size.vcpus
            and all(self.storage_gib[tier] >= gib for tier, gib in size.storage_gib.items())
        )

    def take(self, wish: Wish) -> None:
        self.vcpus -= wish.size.vcpus
        self.memory_mib -= wish.size.memory_mib
        self.storage_gib.subtract(dict(wish.size.storage_gib))
        self.systems[wish.system] += 1

    def refusal(self, size: Size) -> Problem | None:
        if self.closed == "down":
            return problem(self.code, "the host is down")
        if self.closed:
            return problem(self.code, "the host is being drained")
        if self.memory_mib < size.memory_mib:
            return problem(
                self.code,
                "needs {need} MiB of memory, {free} free",
                need=size.memory_mib,
                free=self.memory_mib,
            )
        if self.vcpus < size.vcpus:
            return problem(self.code, "needs {need} vCPUs, {free} free", need=size.vcpus, free=self.vcpus)
        for tier, gib in size.storage_gib.items():
            if self.storage_gib[tier] < gib:
                free = self.storage_gib[tier]
                return problem(
                    self.code, "needs {need} GiB of {tier}, {free} free", need=gib, tier=tier, free=free
                )
        return None


_Order = list[tuple[tuple[int, int, str], _Room]]


def _take(wish: Wish, order: _Order, rooms: Sequence[_Room]) -> _Room:
    """The best room by the module's rule. `order` stays sorted by what is left: the first fit is best."""
    best, fewest = -1, -1
    start = bisect_left(order, (wish.size.memory_mib, -1, ""), key=lambda item: item[0])
    for index in range(start, len(order)):
        room = order[index][1]
        neighbours = room.systems[wish.system]
        if (best < 0 or neighbours < fewest) and room.fits(wish.size):
            best, fewest = index, neighbours
            if neighbours == 0:
                break
    if best < 0:
        raise no_room(wish, [reason for room in rooms if (reason := room.refusal(wish.size))])
    _, room = order.pop(best)
    room.take(wish)
    insort(order, (room.rank(), room), key=lambda item: item[0])
    return room


def no_room(wish: Wish, reasons: Sequence[Problem]) -> Refused:
    storage = " + ".join(f"{gib} GiB {tier}" for tier, gib in wish.size.storage_gib.items())
    return Refused(
        "No host can take {name} ({vcpus} vCPUs, {memory} MiB{storage}).",
        name=wish.name,
        vcpus=wish.size.vcpus,
        memory=wish.size.memory_mib,
        storage=f", {storage}" if storage else "",
        problems=reasons,
    )
