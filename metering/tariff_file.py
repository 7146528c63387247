"""tariffs.yaml: price lists as people keep them, every fault found at once with its file, line and column."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from cloudctl.core.errors import InvalidInput, Problem, problem
from cloudctl.core.yaml_problems import Loc, Marks
from cloudctl.core.yaml_source import ExactText, YamlModel, load_document, wrong
from metering.tariffs import Basis, Clash, Item, Per, Rate, Step, Tariff, Tiering, clashes


def _one_or_many(value: Any) -> Any:
    """What a validator in front hands on is taken strictly: a tuple, not a list."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _bound(value: Any) -> Any:
    """A tier's bound may be a whole number or a decimal in quotes, never a float."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _not_negative(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("-"):
        raise wrong("“{value}” is negative.", value=value)
    return value


Price = Annotated[ExactText, BeforeValidator(_not_negative)]
Code = Annotated[str, Field(min_length=1, max_length=64)]


class TierEntry(YamlModel):
    to: Annotated[ExactText, BeforeValidator(_bound)] | None = None
    price: Price


class ItemEntry(YamlModel):
    item: Item
    per: Per
    tier: Code | None = None
    price: Price | None = None
    basis: Basis = Basis.HELD
    tiering: Tiering | None = None
    tiers: tuple[TierEntry, ...] | None = None

    def as_rate(self) -> Rate:
        steps = tuple(Step(tier.to, tier.price) for tier in self.tiers or ())
        if not steps:
            assert self.price is not None
            steps = (Step(None, self.price),)
        return Rate(self.item, self.tier, self.per, self.basis, steps, self.tiering)


class TariffEntry(YamlModel):
    code: Code
    pool: Annotated[tuple[Code, ...], BeforeValidator(_one_or_many)]
    valid_from: date
    valid_to: date | None = None
    items: tuple[ItemEntry, ...]

    def as_tariff(self) -> Tariff:
        rates = tuple(entry.as_rate() for entry in self.items)
        return Tariff(self.code, tuple(sorted(self.pool)), self.valid_from, self.valid_to, rates)


class TariffFile(YamlModel):
    tariffs: tuple[TariffEntry, ...]


def load_tariffs(path: Path, pools: Iterable[str], present: Sequence[Tariff] = ()) -> list[Tariff]:
    """The file's tariffs, checked together with those `present` whose codes it does not replace.

    NotFound without a file; InvalidInput for every fault: form, tiers, unknown pools, overlaps and gaps in time.
    """
    document, marks = load_document(path, TariffFile)
    problems = [*_faults(document, marks, set(pools))]
    if problems:
        raise InvalidInput(problems)
    tariffs = [entry.as_tariff() for entry in document.tariffs]
    kept = [tariff for tariff in present if tariff.code not in {fresh.code for fresh in tariffs}]
    problems = [_clash_problem(clash, tariffs, marks) for clash in clashes([*kept, *tariffs])]
    if problems:
        raise InvalidInput(problems)
    return tariffs


def _faults(document: TariffFile, marks: Marks, pools: set[str]) -> Iterator[Problem]:
    if not document.tariffs:
        yield problem(marks.place(("tariffs",)), "At least one entry is needed here.")
    for number, entry in enumerate(document.tariffs):
        loc: Loc = ("tariffs", number)
        for name, part in (("pool", entry.pool), ("items", entry.items)):
            if not part:
                yield problem(marks.place((*loc, name)), "At least one entry is needed here.")
        yield from _pool_faults(entry, loc, marks, pools)
        if entry.valid_to is not None and entry.valid_to <= entry.valid_from:
            yield problem(
                marks.place((*loc, "valid_to")),
                "valid_to must be later than valid_from ({date}).",
                date=entry.valid_from,
            )
        yield from _item_faults(entry, loc, marks)


def _pool_faults(entry: TariffEntry, loc: Loc, marks: Marks, pools: set[str]) -> Iterator[Problem]:
    for index, code in enumerate(entry.pool):
        place = marks.place((*loc, "pool", index))
        if code not in pools:
            yield problem(place, "There is no pool “{code}”.", code=code)
        if code in entry.pool[:index]:
            yield problem(place, "The pool “{code}” stands here twice.", code=code)


def _item_faults(entry: TariffEntry, loc: Loc, marks: Marks) -> Iterator[Problem]:
    seen: set[tuple[str, str | None, str]] = set()
    for index, item in enumerate(entry.items):
        at: Loc = (*loc, "items", index)
        key = (item.item, item.tier, item.per)
        if key in seen:
            yield problem(
                marks.place(at), "The item {item} stands here twice with the same unit.", item=item.item
            )
        seen.add(key)
        yield from _meaning_faults(item, at, marks)
        yield from _price_faults(item, at, marks)
    yield from _storage_faults(entry, loc, marks)


def _meaning_faults(item: ItemEntry, at: Loc, marks: Marks) -> Iterator[Problem]:
    if item.tier is not None and item.item != Item.STORAGE_GIB:
        yield problem(marks.place((*at, "tier")), "Only storage_gib has tiers of storage.")
    if item.basis != Basis.HELD and (item.item == Item.MACHINE or item.per == Per.ONCE):
        yield problem(
            marks.place((*at, "basis")), "A machine fee and a one-off fee can only be billed as held."
        )
    if item.basis != Basis.HELD and item.item == Item.STORAGE_GIB and item.tier is not None:
        yield problem(
            marks.place((*at, "basis")),
            "Used storage is measured for all disks together: billed by use, storage_gib names no tier.",
        )


def _storage_faults(entry: TariffEntry, loc: Loc, marks: Marks) -> Iterator[Problem]:
    """Storage billed by use stands alone: what is used of the other tiers could not be told apart."""
    for index, item in enumerate(entry.items):
        if item.item == Item.STORAGE_GIB and item.basis != Basis.HELD and item.tier is None:
            tiers = [other.tier for other in entry.items if other.item == Item.STORAGE_GIB and other.tier]
            if tiers:
                yield problem(
                    marks.place((*loc, "items", index)),
                    "Storage billed by use covers all tiers, so no tier can have a price of its own.",
                )


def _price_faults(item: ItemEntry, at: Loc, marks: Marks) -> Iterator[Problem]:
    if (item.price is None) == (item.tiers is None):
        yield problem(marks.place(at), "Give either a price or tiers.")
    if (item.tiers is None) != (item.tiering is None):
        yield problem(marks.place(at), "Tiers and tiering (graduated or volume) go together.")
    if item.tiers is not None:
        yield from _tier_faults(item.tiers, (*at, "tiers"), marks)


def _tier_faults(tiers: tuple[TierEntry, ...], at: Loc, marks: Marks) -> Iterator[Problem]:
    if not tiers:
        yield problem(marks.place(at), "Tiers must reach from 0 to infinity: leave out “to” in the last one.")
        return
    reached = Decimal(0)
    for index, tier in enumerate(tiers):
        place = marks.place((*at, index))
        is_last = index == len(tiers) - 1
        if (tier.to is None) != is_last:
            yield problem(place, "Tiers must reach from 0 to infinity: leave out “to” in the last one.")
        elif tier.to is not None and tier.to <= reached:
            yield problem(
                place, "Tiers must go upward: {to} is not above {before}.", to=tier.to, before=reached
            )
        reached = tier.to if tier.to is not None else reached


def _clash_problem(clash: Clash, tariffs: Sequence[Tariff], marks: Marks) -> Problem:
    blamed = clash.later if clash.later in tariffs else clash.earlier
    place = marks.place(("tariffs", tariffs.index(blamed)))
    values = {
        "pool": clash.pool,
        "earlier": clash.earlier.code,
        "later": clash.later.code,
        "end": clash.earlier.valid_to or "∞",
        "start": clash.later.valid_from,
    }
    if clash.is_gap:
        return problem(
            place,
            "Pool {pool}: a gap between “{earlier}” (until {end}) and “{later}” (from {start}).",
            **values,
        )
    return problem(
        place, "Pool {pool}: “{earlier}” (until {end}) and “{later}” (from {start}) overlap.", **values
    )
