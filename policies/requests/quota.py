"""How much a unit may hold at most: limits as data, and what of them a request would exceed. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from cloudctl.core.quantity import Size


@dataclass(frozen=True, slots=True)
class Quota:
    """None: no limit. Storage is that of all tiers together."""

    machines: int | None = None
    vcpus: int | None = None
    memory_mib: int | None = None
    storage_gib: int | None = None

    def as_json(self) -> dict[str, int | None]:
        return {
            "machines": self.machines,
            "vcpus": self.vcpus,
            "memory_mib": self.memory_mib,
            "storage_gib": self.storage_gib,
        }


@dataclass(frozen=True, slots=True)
class Use:
    """So many machines of so much together."""

    machines: int
    size: Size

    def of(self, meter: str) -> int:
        """The quantity that a limit of that name looks at."""
        amounts = {
            "machines": self.machines,
            "vcpus": self.size.vcpus,
            "memory_mib": self.size.memory_mib,
            "storage_gib": self.size.storage_total_gib,
        }
        return amounts[meter]


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that would be passed. present: held and reserved; wanted: what comes on top."""

    meter: str
    limit: int
    present: int
    wanted: int


def excesses(quota: Quota, present: Use, wanted: Use) -> Iterator[Excess]:
    """What the wanted would exceed. What asks for nothing more of a meter exceeds nothing of it."""
    for meter, limit in quota.as_json().items():
        more = wanted.of(meter)
        if limit is not None and more > 0 and present.of(meter) + more > limit:
            yield Excess(meter, limit, present.of(meter), more)
