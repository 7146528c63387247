"""Asked against granted: quantities, money, the reduction rate, and what a smaller grant may change. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size, total
from policies.requests.model import Item

NOTHING = Size(0, 0)
MIB_PER_GIB = 1024


def reduction_rate(asked: int | Decimal | Fraction, granted: int | Decimal | Fraction) -> Fraction | None:
    """The share of what was asked that was not granted, exact; None where nothing was asked.

    One city's year: asked 9.66, granted 6.45, cut 3.21, a rate of 33.23 %.
    """
    if not asked:
        return None
    return (Fraction(asked) - Fraction(granted)) / Fraction(asked)


def growth(before: Size, after: Size) -> Size:
    """What a machine is to hold beyond what it holds; what becomes less counts as nothing."""
    storage = {
        tier: gib - before.storage_gib.get(tier, 0)
        for tier, gib in after.storage_gib.items()
        if gib > before.storage_gib.get(tier, 0)
    }
    return Size(max(0, after.vcpus - before.vcpus), max(0, after.memory_mib - before.memory_mib), storage)


def added(items: Iterable[Item], held: Mapping[str, Size]) -> Size:
    """What the items ask for beyond what is held; held: machine -> its size, for those there are."""
    return total(
        growth(held.get(name, NOTHING), item.size)
        for item in items
        if item.size is not None
        for name in item.names
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """How one item is granted smaller; None leaves it as asked. is_dropped: it is not granted at all."""

    name: str
    count: int | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    storage_gib: Mapping[str, int] | None = None
    is_dropped: bool = False


def granted_items(items: Sequence[Item], cuts: Sequence[Cut]) -> tuple[Item, ...]:
    """The items as granted, in their order. Refused for more than was asked, an unknown item, or nothing left."""
    by_name = {cut.name: cut for cut in cuts}
    unknown = sorted(by_name.keys() - {item.name for item in items})
    if unknown:
        raise Refused("The request has no item “{name}”.", name=unknown[0])
    left = [_cut(item, by_name.get(item.name)) for item in items]
    granted = tuple(item for item in left if item is not None)
    if not granted:
        raise Refused("Nothing would be left: refuse the request instead.")
    return granted


def _cut(item: Item, cut: Cut | None) -> Item | None:
    if cut is None:
        return item
    if cut.is_dropped:
        return None
    if cut.count is not None and not 1 <= cut.count <= item.count:
        raise _more(item)
    size = item.size
    changes = (cut.vcpus, cut.memory_mib, cut.storage_gib)
    if any(change is not None for change in changes):
        if size is None:
            raise Refused("Item “{name}” asks for no size.", name=item.name)
        after = Size(
            size.vcpus if cut.vcpus is None else cut.vcpus,
            size.memory_mib if cut.memory_mib is None else cut.memory_mib,
            {**size.storage_gib, **(cut.storage_gib or {})},
        )
        if growth(size, after) != NOTHING:
            raise _more(item)
        if after.vcpus < 1 or after.memory_mib < 1:
            raise Refused("Item “{name}”: a machine has at least one vCPU and some memory.", name=item.name)
        size = after
    # Several machines keep their numbers when only one of them is granted.
    if cut.count == 1 and item.count > 1:
        return replace(item, name=item.names[0], count=1, size=size)
    return replace(item, count=cut.count or item.count, size=size)


def _more(item: Item) -> Refused:
    return Refused("Item “{name}”: no more can be granted than was asked.", name=item.name)


def granted_until(asked: date | None, granted: date | None) -> date | None:
    """The end of the term as granted; None leaves it as asked. Refused for a later one."""
    if granted is None:
        return asked
    if asked is not None and granted > asked:
        raise Refused("No longer term can be granted than was asked: until {until}.", until=asked.isoformat())
    return granted


@dataclass(frozen=True, slots=True)
class Decided:
    """One decided request as totals count it. Sizes are what it adds; fen are a month's price, None unknown."""

    unit: str
    year: int
    asked: Size
    granted: Size
    asked_fen: int | None
    granted_fen: int | None


@dataclass(frozen=True, slots=True)
class Totals:
    """A unit's year, asked and granted. fen None: a request among them was priced by no tariff."""

    unit: str
    year: int
    requests: int
    asked: Size
    granted: Size
    asked_fen: int | None
    granted_fen: int | None

    @property
    def cut_fen(self) -> int | None:
        if self.asked_fen is None or self.granted_fen is None:
            return None
        return self.asked_fen - self.granted_fen

    @property
    def rate(self) -> Fraction | None:
        """The reduction rate of the money."""
        if self.asked_fen is None or self.granted_fen is None:
            return None
        return reduction_rate(self.asked_fen, self.granted_fen)

    def rates(self) -> dict[str, Fraction | None]:
        """The reduction rate of each quantity."""
        return {
            "vcpus": reduction_rate(self.asked.vcpus, self.granted.vcpus),
            "memory": reduction_rate(self.asked.memory_mib, self.granted.memory_mib),
            "storage": reduction_rate(self.asked.storage_total_gib, self.granted.storage_total_gib),
        }


def totals(decisions: Iterable[Decided]) -> list[Totals]:
    """Per year and unit, in that order."""
    groups: dict[tuple[int, str], list[Decided]] = {}
    for decision in decisions:
        groups.setdefault((decision.year, decision.unit), []).append(decision)
    return [
        Totals(
            unit,
            year,
            len(group),
            total(decision.asked for decision in group),
            total(decision.granted for decision in group),
            _sum([decision.asked_fen for decision in group]),
            _sum([decision.granted_fen for decision in group]),
        )
        for (year, unit), group in sorted(groups.items())
    ]


def _sum(amounts: Sequence[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
