"""Price lists: rates with tiers and dates, and the book that says which of them governs a pool at an instant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from cloudctl.core.clock import as_utc


class Item(StrEnum):
    VCPU = "vcpu"
    MEMORY_GIB = "memory_gib"
    STORAGE_GIB = "storage_gib"
    MACHINE = "machine"


class Basis(StrEnum):
    """What is billed: what is held, what was used, or the greater of the two."""

    HELD = "held"
    USED = "used"
    GREATER = "greater"


class Per(StrEnum):
    """once: when the machine first holds anything."""

    HOUR = "hour"
    MONTH = "month"
    ONCE = "once"


class Tiering(StrEnum):
    """graduated: each slice of a quantity at its own price; volume: the whole quantity at the price of its tier."""

    GRADUATED = "graduated"
    VOLUME = "volume"


@dataclass(frozen=True, slots=True)
class Step:
    """One tier of quantity: above the tier before it, up to and including `to`; None is infinity."""

    to: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of one item. tier: of storage; None there means all storage that no other rate names by tier.

    steps: contiguous from 0 to infinity; a single one when there are no tiers. Tiers look at the quantity of one
    machine's item, the quantity a line prints, never at a unit's total.
    """

    item: Item
    tier: str | None
    per: Per
    basis: Basis
    steps: tuple[Step, ...]
    tiering: Tiering | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.item, self.tier or "", self.per)

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"item": str(self.item), "tier": self.tier, "per": str(self.per)}
        document["basis"] = str(self.basis)
        if self.tiering is None:
            return document | {"price": str(self.steps[0].price)}
        tiers = [
            {"to": None if step.to is None else str(step.to), "price": str(step.price)} for step in self.steps
        ]
        return document | {"tiering": str(self.tiering), "tiers": tiers}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Rate":
        tiers = document.get("tiers") or [{"to": None, "price": document["price"]}]
        steps = tuple(Step(None if t["to"] is None else Decimal(t["to"]), Decimal(t["price"])) for t in tiers)
        tiering = Tiering(document["tiering"]) if "tiering" in document else None
        return cls(
            Item(document["item"]),
            document["tier"],
            Per(document["per"]),
            Basis(document["basis"]),
            steps,
            tiering,
        )


@dataclass(frozen=True, slots=True)
class Tariff:
    """A price list for some pools from the midnight of valid_from to that of valid_to (None: until further notice)."""

    code: str
    pools: tuple[str, ...]
    valid_from: date
    valid_to: date | None
    rates: tuple[Rate, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "pools": list(self.pools),
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat() if self.valid_to else None,
            "items": [rate.as_json() for rate in self.rates],
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Tariff":
        valid_to = document["valid_to"]
        return cls(
            document["code"],
            tuple(document["pools"]),
            date.fromisoformat(document["valid_from"]),
            date.fromisoformat(valid_to) if valid_to else None,
            tuple(Rate.from_json(item) for item in document["items"]),
        )


@dataclass(frozen=True, slots=True)
class Validity:
    """One tariff's time in one pool, [start, end) in UTC; end None: until further notice."""

    tariff: Tariff
    start: datetime
    end: datetime | None

    def overlaps(self, start: datetime, end: datetime) -> bool:
        return self.start < end and (self.end is None or self.end > start)


class PriceBook:
    """The tariffs in force, by pool and time; dates begin at the midnight of the site's zone."""

    def __init__(self, tariffs: Iterable[Tariff], zone: ZoneInfo) -> None:
        self.tariffs = tuple(sorted(tariffs, key=lambda tariff: (tariff.valid_from, tariff.code)))
        self.zone = zone
        self._by_pool: dict[str, list[Validity]] = {}
        for tariff in self.tariffs:
            start = midnight(tariff.valid_from, zone)
            end = midnight(tariff.valid_to, zone) if tariff.valid_to else None
            for pool in tariff.pools:
                self._by_pool.setdefault(pool, []).append(Validity(tariff, start, end))

    @property
    def pools(self) -> list[str]:
        return sorted(self._by_pool)

    def tariff_at(self, pool: str, at: datetime) -> Tariff | None:
        """The tariff that governs the pool at that instant; None when none does."""
        for validity in self._by_pool.get(pool, ()):
            if validity.start <= at and (validity.end is None or at < validity.end):
                return validity.tariff
        return None

    def between(self, pool: str, start: datetime, end: datetime) -> list[tuple[Tariff, datetime, datetime]]:
        """The pool's tariffs in [start, end), each with its part of it, in the order of time."""
        return [
            (v.tariff, max(start, v.start), end if v.end is None else min(end, v.end))
            for v in self._by_pool.get(pool, ())
            if v.overlaps(start, end)
        ]

    def uncovered(self, pool: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The parts of [start, end) that no tariff of the pool covers."""
        reached = start
        for _, since, until in self.between(pool, start, end):
            if since > reached:
                yield reached, since
            reached = max(reached, until)
        if reached < end:
            yield reached, end


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Where a day begins in the zone, as UTC."""
    return as_utc(datetime.combine(day, time.min, zone))


@dataclass(frozen=True, slots=True)
class Clash:
    """Two tariffs of one pool that do not meet: `later` begins before (overlap) or after (gap) `earlier` ends."""

    pool: str
    earlier: Tariff
    later: Tariff
    is_gap: bool


def clashes(tariffs: Sequence[Tariff]) -> list[Clash]:
    """Every overlap and every hole between the validity ranges of a pool's tariffs."""
    found = []
    for pool in sorted({pool for tariff in tariffs for pool in tariff.pools}):
        dated = sorted(
            (t for t in tariffs if pool in t.pools), key=lambda tariff: (tariff.valid_from, tariff.code)
        )
        for earlier, later in pairwise(dated):
            if earlier.valid_to is None or earlier.valid_to > later.valid_from:
                found.append(Clash(pool, earlier, later, is_gap=False))
            elif earlier.valid_to < later.valid_from:
                found.append(Clash(pool, earlier, later, is_gap=True))
    return found
