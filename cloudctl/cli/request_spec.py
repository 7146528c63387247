"""The words in which `request submit` and `request approve` take machines: NAME,key=value,key=value."""

from collections.abc import Sequence

from cloudctl.core.errors import UsageError
from policies.requests.amounts import MIB_PER_GIB, Cut
from policies.requests.wishes import Wish

KEYS = ("count", "pool", "vcpus", "memory-gib", "storage", "image", "network")
CUT_KEYS = ("count", "vcpus", "memory-gib", "storage")


def wish_of(text: str) -> Wish:
    """UsageError for what is no such text."""
    name, given = _parts(text, KEYS)
    return Wish(
        name,
        _number(text, given.get("count")),
        given.get("pool"),
        _number(text, given.get("vcpus")),
        _memory(text, given.get("memory-gib")),
        _tiers(text, given.get("storage", "")),
        given.get("image"),
        given.get("network"),
    )


def cuts_of(grants: Sequence[str], without: Sequence[str]) -> tuple[Cut, ...]:
    """How a grant is smaller than what was asked."""
    cuts = []
    for text in grants:
        name, given = _parts(text, CUT_KEYS)
        if not given:
            raise UsageError(
                "“{text}” says nothing that is granted less; after the name come {keys}, each with = and a value.",
                text=text,
                keys=", ".join(CUT_KEYS),
            )
        storage = _tiers(text, given["storage"]) if "storage" in given else None
        cuts.append(
            Cut(
                name,
                _number(text, given.get("count")),
                _number(text, given.get("vcpus")),
                _memory(text, given.get("memory-gib")),
                storage,
            )
        )
    named = [cut.name for cut in cuts] + list(without)
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise UsageError("“{name}” is named twice.", name=twice)
    return (*cuts, *(Cut(name, is_dropped=True) for name in without))


def _parts(text: str, keys: Sequence[str]) -> tuple[str, dict[str, str]]:
    name, *rest = text.split(",")
    given = {}
    for part in rest:
        key, is_pair, value = part.partition("=")
        if key not in keys or not is_pair or not value or key in given:
            raise UsageError(
                "“{part}” in “{text}” is not understood; after the name come {keys}, each with = and a value.",
                part=part,
                text=text,
                keys=", ".join(keys),
            )
        given[key] = value
    return name, given


def _number(text: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isascii() or not value.isdecimal() or len(value) > 9:
        raise UsageError("“{value}” in “{text}” is no whole number.", value=value, text=text)
    return int(value)


def _memory(text: str, value: str | None) -> int | None:
    gib = _number(text, value)
    return None if gib is None else gib * MIB_PER_GIB


def _tiers(text: str, value: str) -> dict[str, int]:
    """ssd:100+sata:500."""
    tiers: dict[str, int] = {}
    for part in value.split("+") if value else ():
        tier, _, gib = part.partition(":")
        amount = _number(text, gib or None)
        if not tier or amount is None or tier in tiers:
            raise UsageError("“{part}” is not a tier and a size (ssd:100).", part=part)
        tiers[tier] = amount
    return tiers
