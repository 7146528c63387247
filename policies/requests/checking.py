"""The technical check as far as it needs no cloud: made of what, quota, price, budget, holds, old equipment. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from cloudctl.core.errors import Message
from cloudctl.core.money import yuan_text
from cloudctl.core.quantity import Size
from policies.requests.amounts import NOTHING
from policies.requests.faults import PoolKnown
from policies.requests.model import Item, RequestKind
from policies.requests.quota import Excess


class FindingLevel(StrEnum):
    """bad: nothing can be granted while it stands; warning: to be weighed; fine: looked at and in order."""

    FINE = "fine"
    WARNING = "warning"
    BAD = "bad"


class CheckSubject(StrEnum):
    """What a finding is about."""

    MACHINE = "machine"
    IMAGE = "image"
    NETWORK = "network"
    SIZE = "size"
    TERM = "term"
    CAPACITY = "capacity"
    QUOTA = "quota"
    PRICE = "price"
    BUDGET = "budget"
    HOLD = "hold"
    EQUIPMENT = "equipment"
    LEVEL = "level"


_OVER = {
    "machines": "Over the unit's quota of machines: {present} held and reserved, {wanted} more, {limit} allowed.",
    "vcpus": "Over the unit's quota of vCPUs: {present} held and reserved, {wanted} more, {limit} allowed.",
    "memory_mib": "Over the unit's quota of memory: {present} MiB held and reserved, {wanted} more, {limit} allowed.",
    "storage_gib": "Over the unit's quota of storage: {present} GiB held and reserved, {wanted} more, {limit} allowed.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    subject: CheckSubject
    level: FindingLevel
    message: Message

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": str(self.subject),
            "level": str(self.level),
            "template": self.message.template,
            "values": self.message.values,
        }


@dataclass(frozen=True, slots=True)
class OldEquipment:
    """A piece that a migration leaves behind, in its condition."""

    code: str
    condition: str


def finding(subject: CheckSubject, level: FindingLevel, template: str, **values: Any) -> Finding:
    return Finding(subject, level, Message(template, values))


def is_passed(findings: Sequence[Finding]) -> bool:
    """Whether nothing found stands against a grant."""
    return all(found.level is not FindingLevel.BAD for found in findings)


def origin_findings(items: Sequence[Item], pools: Mapping[str, PoolKnown]) -> Iterator[Finding]:
    """Image, network and size of new machines against what their pools have and offer."""
    for item in items:
        pool = pools.get(item.pool or "")
        if pool is None:
            yield finding(
                CheckSubject.MACHINE, FindingLevel.BAD, "There is no pool “{code}”.", code=item.pool or ""
            )
            continue
        yield _made_of(CheckSubject.IMAGE, item, item.image, pool.images, pool.is_external)
        yield _made_of(CheckSubject.NETWORK, item, item.network, pool.networks, pool.is_external)
        yield from _size_findings(item, pool)


def _made_of(
    subject: CheckSubject, item: Item, code: str | None, known: frozenset[str], is_external: bool
) -> Finding:
    values: dict[str, Any] = {"name": item.name, "pool": item.pool, "code": code or ""}
    if code is not None and code not in known:
        return finding(subject, FindingLevel.BAD, "{name}: pool {pool} has no “{code}”.", **values)
    if code is None and known and not is_external:
        return finding(
            subject, FindingLevel.WARNING, "{name}: none is chosen; the cloud may refuse it so.", **values
        )
    return finding(subject, FindingLevel.FINE, "{name}: in order.", **values)


def resize_findings(
    asked: Sequence[Item],
    granted: Sequence[Item],
    held: Mapping[str, Size],
    homes: Mapping[str, tuple[str, PoolKnown]],
) -> Iterator[Finding]:
    """A resize granted smaller takes nothing away that the request did not give up, and leaves something to do.

    homes: machine -> its pool, which offers the size it is to have.
    """
    wishes = {item.name: item.size for item in asked}
    for item in granted:
        before, wished = held.get(item.name), wishes.get(item.name)
        if before is None or wished is None or item.size is None:
            continue
        if item.size == before:
            yield finding(
                CheckSubject.SIZE, FindingLevel.BAD, "{name} has that size already.", name=item.name
            )
            continue
        if item.name in homes:
            code, pool = homes[item.name]
            yield from _size_findings(replace(item, pool=code), pool, before)
        if any(
            granted_amount < min(present, wished_amount)
            for granted_amount, present, wished_amount in zip(
                *(_meters(size, before.storage_gib) for size in (item.size, before, wished)), strict=True
            )
        ):
            yield finding(
                CheckSubject.SIZE,
                FindingLevel.BAD,
                "{name}: this takes away what it holds and did not offer.",
                name=item.name,
            )


def _meters(size: Size, tiers: Iterable[str]) -> tuple[int, ...]:
    return (size.vcpus, size.memory_mib, *(size.storage_gib.get(tier, 0) for tier in sorted(tiers)))


def _size_findings(item: Item, pool: PoolKnown, held: Size = NOTHING) -> Iterator[Finding]:
    """What a machine has already it may keep, whatever is on offer now."""
    if item.size is None:
        return
    shape = (item.size.vcpus, item.size.memory_mib)
    if pool.flavors and shape not in {*pool.flavors, (held.vcpus, held.memory_mib)}:
        yield finding(
            CheckSubject.SIZE,
            FindingLevel.BAD,
            "{name}: pool {pool} offers no size of {vcpus} vCPUs and {memory} MiB.",
            name=item.name,
            pool=item.pool,
            vcpus=item.size.vcpus,
            memory=item.size.memory_mib,
        )
    for tier in item.size.storage_gib:
        if pool.tiers and tier not in {*pool.tiers, *held.storage_gib}:
            yield finding(
                CheckSubject.SIZE,
                FindingLevel.BAD,
                "Pool {pool} has no tier “{code}”.",
                pool=item.pool,
                code=tier,
            )


def term_findings(
    until: date | None,
    needed_by: date,
    today: date,
    present: Mapping[str, date | None],
    kind: RequestKind,
) -> Iterator[Finding]:
    """until: the last day as asked or granted; present: machine -> the end of its term as it is."""
    if until is None:
        return
    if until < today:
        yield finding(CheckSubject.TERM, FindingLevel.BAD, "{day} has gone by.", day=until.isoformat())
    elif until < needed_by:
        yield finding(CheckSubject.TERM, FindingLevel.BAD, "The term ends before the machines are needed.")
    for name, end in present.items() if kind is RequestKind.EXTEND else ():
        if end is not None and until <= end:
            yield finding(
                CheckSubject.TERM,
                FindingLevel.BAD,
                "{name} is granted until {until} already.",
                name=name,
                until=end.isoformat(),
            )


def quota_findings(excesses: Sequence[Excess] | None) -> Iterator[Finding]:
    """None: the unit has no quota."""
    if excesses is None:
        yield finding(CheckSubject.QUOTA, FindingLevel.FINE, "The unit has no quota.")
    elif not excesses:
        yield finding(CheckSubject.QUOTA, FindingLevel.FINE, "Within the unit's quota.")
    for excess in excesses or ():
        yield Finding(
            CheckSubject.QUOTA,
            FindingLevel.BAD,
            Message(
                _OVER[excess.meter],
                {"present": excess.present, "wanted": excess.wanted, "limit": excess.limit},
            ),
        )


def hold_findings(grounds: Mapping[int, str]) -> Iterator[Finding]:
    """grounds: number of each hold in force on the unit -> its reason."""
    for number, reason in grounds.items():
        yield finding(
            CheckSubject.HOLD,
            FindingLevel.BAD,
            "The unit is on funding hold {number} ({reason}): it is granted nothing new.",
            number=number,
            reason=reason,
        )
    if not grounds:
        yield finding(CheckSubject.HOLD, FindingLevel.FINE, "The unit is on no funding hold.")


def price_finding(monthly_fen: int | None, once_fen: int, currency: str) -> Finding:
    if monthly_fen is None:
        return finding(
            CheckSubject.PRICE,
            FindingLevel.WARNING,
            "No tariff in force prices all of it: the cost is not known.",
        )
    values = {"amount": yuan_text(monthly_fen), "currency": currency}
    if once_fen:
        return finding(
            CheckSubject.PRICE,
            FindingLevel.FINE,
            "{amount} {currency} more a month by the tariff in force, and {once} once.",
            once=yuan_text(once_fen),
            **values,
        )
    return finding(
        CheckSubject.PRICE,
        FindingLevel.FINE,
        "{amount} {currency} more a month by the tariff in force.",
        **values,
    )


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A unit's cloud budget of a year, in fen. left_fen: not settled yet, None without a budget; of that, running_fen
    goes on its machines to the year's end, and reserved_fen on what its other grants are for."""

    year: int
    left_fen: int | None = None
    running_fen: int = 0
    reserved_fen: int = 0


def budget_finding(budget: BudgetState, cost_fen: int | None) -> Finding | None:
    """cost_fen: of this request to the year's end, None where it is not priced."""
    if budget.left_fen is None:
        return finding(
            CheckSubject.BUDGET,
            FindingLevel.WARNING,
            "The unit has no cloud budget for {year}.",
            year=budget.year,
        )
    if cost_fen is None:
        return None
    free = budget.left_fen - budget.running_fen - budget.reserved_fen
    return finding(
        CheckSubject.BUDGET,
        FindingLevel.FINE if free >= cost_fen or cost_fen == 0 else FindingLevel.BAD,
        "Of the cloud budget of {year} {left} is left; to the year's end the machines there are take {running}, "
        "other grants {reserved}, and this {cost}.",
        year=budget.year,
        left=yuan_text(budget.left_fen),
        running=yuan_text(budget.running_fen),
        reserved=yuan_text(budget.reserved_fen),
        cost=yuan_text(cost_fen),
    )


def equipment_findings(equipment: Sequence[OldEquipment], reason: str) -> Iterator[Finding]:
    """Equipment that still works is not to be shut down early: that needs a reason, which is then weighed."""
    for piece in equipment:
        if piece.condition != "working":
            yield finding(
                CheckSubject.EQUIPMENT, FindingLevel.FINE, "{code}: no longer in order.", code=piece.code
            )
        elif reason.strip():
            yield finding(
                CheckSubject.EQUIPMENT,
                FindingLevel.WARNING,
                "{code} still works; the reason given: {reason}",
                code=piece.code,
                reason=reason,
            )
        else:
            yield finding(
                CheckSubject.EQUIPMENT,
                FindingLevel.BAD,
                "{code} still works: a migration off it needs a reason.",
                code=piece.code,
            )


def level_findings(asked: int, present: int | None) -> Iterator[Finding]:
    """The level of protection asked for against the one the system is registered with."""
    if present is not None and asked != present:
        yield finding(
            CheckSubject.LEVEL,
            FindingLevel.WARNING,
            "Level {asked} is asked for; the system is registered at level {present}.",
            asked=asked,
            present=present,
        )
