"""What is wrong with a request as it was handed in, against the estate there is: all of it at once. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from cloudctl.core.errors import Message
from cloudctl.core.quantity import Size
from policies.requests.model import Draft, Item, RequestKind

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# Controls (but tabs and ends of lines), halves of characters, and what turns the direction of writing around.
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
LONGEST_TEXT = 500
MOST_MACHINES = 100


@dataclass(frozen=True, slots=True)
class PoolKnown:
    """A pool as requests see it. tiers, images, networks: codes; none of tiers: any. flavors: (vcpus, MiB)."""

    is_external: bool
    tiers: frozenset[str]
    images: frozenset[str]
    networks: frozenset[str]
    flavors: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class MachineKnown:
    """A machine there is. size None: it holds nothing."""

    system: str
    state: str
    size: Size | None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The estate by codes and names. systems: code -> its unit; equipment: code -> its unit."""

    systems: Mapping[str, str]
    pools: Mapping[str, PoolKnown]
    machines: Mapping[str, MachineKnown]
    equipment: Mapping[str, str]
    reserved: Mapping[str, int]
    today: date


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong. field: of the draft, or of its item of that number (from 0)."""

    field: str
    message: Message
    item: int | None = None


def _fault(field: str, template: str, item: int | None = None, **values: object) -> Fault:
    return Fault(field, Message(template, values), item)


def faults(draft: Draft, known: Known) -> Iterator[Fault]:
    """Everything that keeps the draft from being a request."""
    yield from _head_faults(draft, known)
    if not draft.items:
        yield _fault("items", "Name at least one machine.")
    counted = Counter(name for item in draft.items for name in {item.name, *_names(item)})
    for index, item in enumerate(draft.items):
        twice = next((name for name in (item.name, *_names(item)) if counted[name] > 1), None)
        if twice is not None:
            yield _fault("name", "The machine “{name}” stands here twice.", index, name=twice)
        if draft.kind is RequestKind.NEW:
            yield from _new_faults(index, item, known)
        else:
            yield from _present_faults(index, item, draft, known)


def _names(item: Item) -> tuple[str, ...]:
    """Those of its machines; of a number that nobody may ask for they are not counted out."""
    return item.names if 1 <= item.count <= MOST_MACHINES else (item.name,)


def _head_faults(draft: Draft, known: Known) -> Iterator[Fault]:
    if draft.system not in known.systems:
        yield _fault("system", "There is no system “{code}”.", code=draft.system)
    for field in ("purpose", "expected_load"):
        text = getattr(draft, field)
        is_needed = field == "purpose" or draft.kind in (RequestKind.NEW, RequestKind.RESIZE)
        if is_needed and not text.strip():
            yield _fault(field, "Here a text is wanted.")
        yield from _text_faults(field, text)
    if draft.level is not None and not 1 <= draft.level <= 5:
        yield _fault("level", "The level of protection is a number from 1 to 5.")
    if draft.needed_by < known.today:
        yield _fault("needed_by", "{day} has gone by.", day=draft.needed_by.isoformat())
    yield from _term_faults(draft, known)
    yield from _migration_faults(draft, known)


def _text_faults(field: str, text: str) -> Iterator[Fault]:
    if len(text) > LONGEST_TEXT:
        yield _fault(field, "Here a text of at most {limit} characters is wanted.", limit=LONGEST_TEXT)
    unshown = _UNSHOWN.search(text)
    if unshown is not None:
        code = f"U+{ord(unshown.group()):04X}"
        yield _fault(field, "This text holds a character that cannot be shown: {code}.", code=code)


def _term_faults(draft: Draft, known: Known) -> Iterator[Fault]:
    if draft.until is None:
        if draft.kind is RequestKind.EXTEND:
            yield _fault("until", "An extension says until when.")
        return
    if draft.kind not in (RequestKind.NEW, RequestKind.EXTEND):
        yield _fault("until", "Only new machines and extensions have a term.")
    elif draft.until < draft.needed_by:
        yield _fault("until", "The term ends before the machines are needed.")


def _migration_faults(draft: Draft, known: Known) -> Iterator[Fault]:
    if draft.migration is None:
        return
    yield from _text_faults("reason", draft.migration.reason)
    unit = known.systems.get(draft.system)
    for code in draft.migration.equipment:
        if code not in known.equipment:
            yield _fault("equipment", "There is no equipment “{code}”.", code=code)
        elif unit is not None and known.equipment[code] != unit:
            yield _fault(
                "equipment",
                "Equipment “{code}” belongs to unit {unit}.",
                code=code,
                unit=known.equipment[code],
            )
    for field in ("bandwidth_mbps", "storage_gib"):
        amount = getattr(draft.migration, field)
        if amount is not None and amount < 0:
            yield _fault(field, "Here a number of at least 0 is wanted.")


def _new_faults(index: int, item: Item, known: Known) -> Iterator[Fault]:
    if not 1 <= item.count <= MOST_MACHINES:
        yield _fault(
            "count", "From 1 to {limit} machines are asked for in one line.", index, limit=MOST_MACHINES
        )
    elif not all(_NAME.fullmatch(name) for name in item.names):
        yield _fault(
            "name",
            "“{value}” is no code: letters, digits, dot, dash and underscore, at most 63.",
            index,
            value=item.name,
        )
    for name in _names(item):
        if name in known.machines and known.machines[name].state != "planned":
            yield _fault("name", "There is a machine “{name}” already.", index, name=name)
        elif name in known.reserved:
            yield _fault(
                "name",
                "The name “{name}” is reserved for request {request}.",
                index,
                name=name,
                request=known.reserved[name],
            )
    if item.size is None:
        yield _fault("vcpus", "A new machine needs its size.", index)
    elif item.size.vcpus < 1 or item.size.memory_mib < 1:
        yield _fault("vcpus", "A machine has at least one vCPU and some memory.", index)
    if item.pool is None or item.pool not in known.pools:
        yield _fault("pool", "There is no pool “{code}”.", index, code=item.pool or "")
    else:
        yield from _pool_faults(index, item, known.pools[item.pool])


def _pool_faults(index: int, item: Item, pool: PoolKnown) -> Iterator[Fault]:
    if item.image is not None and item.image not in pool.images:
        yield _fault("image", "Pool {pool} has no image “{code}”.", index, pool=item.pool, code=item.image)
    if item.network is not None and item.network not in pool.networks:
        yield _fault(
            "network", "Pool {pool} has no network “{code}”.", index, pool=item.pool, code=item.network
        )
    for tier in item.size.storage_gib if item.size and pool.tiers else ():
        if tier not in pool.tiers:
            yield _fault("storage", "Pool {pool} has no tier “{code}”.", index, pool=item.pool, code=tier)


def _present_faults(index: int, item: Item, draft: Draft, known: Known) -> Iterator[Fault]:
    there = known.machines.get(item.name)
    if there is None:
        yield _fault("name", "There is no machine “{name}”.", index, name=item.name)
    elif there.system != draft.system:
        yield _fault(
            "name", "Machine “{name}” belongs to system {system}.", index, name=item.name, system=there.system
        )
    elif there.state != "active" or there.size is None:
        yield _fault("name", "{name} holds nothing.", index, name=item.name)
    elif draft.kind is RequestKind.RESIZE:
        yield from _resize_faults(index, item, there.size)
    elif draft.kind is RequestKind.EXTEND and draft.until and there.until and draft.until <= there.until:
        yield _fault(
            "name",
            "{name} is granted until {until} already.",
            index,
            name=item.name,
            until=there.until.isoformat(),
        )


def _resize_faults(index: int, item: Item, held: Size) -> Iterator[Fault]:
    if item.size is None or item.size == held:
        yield _fault("vcpus", "{name} has that size already.", index, name=item.name)
        return
    if item.size.vcpus < 1 or item.size.memory_mib < 1:
        yield _fault("vcpus", "A machine has at least one vCPU and some memory.", index)
    for tier, gib in held.storage_gib.items():
        if item.size.storage_gib.get(tier, 0) < gib:
            yield _fault(
                "storage",
                "Storage cannot shrink in place: the machine holds {gib} GiB of {tier}.",
                index,
                gib=gib,
                tier=tier,
            )
