"""Exact quantities: what a machine holds, and fractions carried as text so that no float and no REAL touches them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

# No machine is larger: what is typed in beyond is a slip.
MOST_VCPUS, MOST_MEMORY_MIB, MOST_GIB = 4096, 2**26, 2**30


@dataclass(frozen=True, slots=True)
class Size:
    """What a machine holds: vCPUs, memory in MiB, storage in GiB per tier (tiers sorted, none of 0)."""

    vcpus: int
    memory_mib: int
    storage_gib: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tidy = {tier: gib for tier, gib in sorted(self.storage_gib.items()) if gib}
        object.__setattr__(self, "storage_gib", tidy)

    @property
    def storage_total_gib(self) -> int:
        return sum(self.storage_gib.values())

    def fits_within(self, other: "Size") -> bool:
        """Whether it is of nothing more."""
        return (
            self.vcpus <= other.vcpus
            and self.memory_mib <= other.memory_mib
            and all(gib <= other.storage_gib.get(tier, 0) for tier, gib in self.storage_gib.items())
        )

    def as_json(self) -> dict[str, object]:
        return {"vcpus": self.vcpus, "memory_mib": self.memory_mib, "storage_gib": dict(self.storage_gib)}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> "Size":
        storage = document.get("storage_gib") or {}
        assert isinstance(storage, Mapping)
        return cls(
            int(str(document["vcpus"])),
            int(str(document["memory_mib"])),
            {str(tier): int(gib) for tier, gib in storage.items()},
        )


def total(sizes: Iterable[Size]) -> Size:
    """What several machines hold together."""
    vcpus, memory, storage = 0, 0, Counter[str]()
    for size in sizes:
        vcpus, memory = vcpus + size.vcpus, memory + size.memory_mib
        storage.update(size.storage_gib)
    return Size(vcpus, memory, storage)


def fraction_text(value: Fraction) -> str:
    """ "n/d": exact and readable back by Fraction()."""
    return f"{value.numerator}/{value.denominator}"
