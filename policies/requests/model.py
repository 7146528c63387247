"""What a request says: its kind, the machines it is about, and what stood there before the cloud."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from cloudctl.core.quantity import Size


class RequestKind(StrEnum):
    """new: machines for a system; resize, retire: of machines it has; extend: a later end of their term."""

    NEW = "new"
    RESIZE = "resize"
    RETIRE = "retire"
    EXTEND = "extend"


class RequestState(StrEnum):
    SUBMITTED = "submitted"
    CHECKED = "checked"
    GRANTED = "granted"
    REFUSED = "refused"
    EXECUTING = "executing"
    DONE = "done"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a request. name: of the new machine (numbered from 1 when count is more), or of one there is.

    size: what each is to hold, None where that is not the question. pool: of new machines alone.
    """

    name: str
    count: int = 1
    pool: str | None = None
    size: Size | None = None
    image: str | None = None
    network: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The machines' names: web, or web-1, web-2 …"""
        if self.count == 1:
            return (self.name,)
        return tuple(f"{self.name}-{number}" for number in range(1, self.count + 1))

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "count": self.count,
            "pool": self.pool,
            "size": self.size.as_json() if self.size else None,
            "image": self.image,
            "network": self.network,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Item":
        size = document["size"]
        return cls(
            document["name"],
            document["count"],
            document["pool"],
            Size.from_json(size) if size else None,
            document["image"],
            document["network"],
        )


@dataclass(frozen=True, slots=True)
class Migration:
    """What a system runs on before the cloud. reason: why equipment that works is given up early."""

    equipment: tuple[str, ...] = ()
    bandwidth_mbps: int | None = None
    storage_gib: int | None = None
    reason: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "equipment": list(self.equipment),
            "bandwidth_mbps": self.bandwidth_mbps,
            "storage_gib": self.storage_gib,
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Migration":
        return cls(
            tuple(document["equipment"]),
            document["bandwidth_mbps"],
            document["storage_gib"],
            document["reason"],
        )


# Of a system that is registered without one: what most business systems have.
DEFAULT_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as it is handed in. until: the last day of the machines' term, None for no end.

    level None: as the system is registered, else DEFAULT_LEVEL.
    """

    kind: RequestKind
    system: str
    purpose: str
    level: int | None
    expected_load: str
    needed_by: date
    items: tuple[Item, ...]
    until: date | None = None
    migration: Migration | None = None


def items_json(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [item.as_json() for item in items]


def items_from_json(document: Sequence[Mapping[str, Any]]) -> tuple[Item, ...]:
    return tuple(Item.from_json(item) for item in document)
