"""A line of a request as people write it, parts left out, and the item it stands for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudctl.core.quantity import Size
from policies.requests.model import Item, RequestKind


@dataclass(frozen=True, slots=True)
class Wish:
    """What is left out is None. storage_gib: per tier; in a resize, tiers left out stay as they are."""

    name: str
    count: int | None = None
    pool: str | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    storage_gib: Mapping[str, int] = field(default_factory=dict)
    image: str | None = None
    network: str | None = None


def unwanted(kind: RequestKind, wish: Wish) -> list[str]:
    """Names of what a request of that kind does not ask: an image for a machine there is, a size for a retirement."""
    given = {
        "count": wish.count is not None and wish.count != 1,
        "pool": wish.pool is not None,
        "image": wish.image is not None,
        "network": wish.network is not None,
        "vcpus": wish.vcpus is not None,
        "memory": wish.memory_mib is not None,
        "storage": bool(wish.storage_gib),
    }
    wanted = {
        RequestKind.NEW: set(given),
        RequestKind.RESIZE: {"vcpus", "memory", "storage"},
        RequestKind.RETIRE: set[str](),
        RequestKind.EXTEND: set[str](),
    }[kind]
    return [name for name, is_given in given.items() if is_given and name not in wanted]


def item_of(kind: RequestKind, wish: Wish, held: Size | None) -> Item:
    """held: what the machine holds now, for one there is."""
    if kind is RequestKind.NEW:
        size = Size(wish.vcpus or 0, wish.memory_mib or 0, wish.storage_gib)
        count = 1 if wish.count is None else wish.count
        return Item(wish.name, count, wish.pool, size, wish.image, wish.network)
    if kind is RequestKind.RESIZE and held is not None:
        size = Size(
            held.vcpus if wish.vcpus is None else wish.vcpus,
            held.memory_mib if wish.memory_mib is None else wish.memory_mib,
            {**held.storage_gib, **wish.storage_gib},
        )
        return Item(wish.name, size=size)
    return Item(wish.name)
