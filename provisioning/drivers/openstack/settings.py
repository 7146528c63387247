"""What a pool's entry in the inventory says to this driver."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A tier of this place is the flavor's own disk, on the host; any other is a volume type.
LOCAL = "flavor"


@dataclass(frozen=True, slots=True)
class Settings:
    """tiers: storage tier -> volume type, or LOCAL. flavors: (vcpus, MiB) -> the name a site gives that size.

    boot_tier: where the system disk of a machine lies that holds any there; else on its first tier. floating: the
    network that gives outside addresses. strict_apart: a system's machines never share a host, rather than rarely.
    """

    tiers: Mapping[str, str] = field(default_factory=dict)
    flavors: Mapping[tuple[int, int], str] = field(default_factory=dict)
    flavor_prefix: str = "gov"
    boot_tier: str | None = None
    ssh_keys: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    floating: str | None = None
    project_prefix: str = ""
    project_domain: str | None = None
    project_role: str = "admin"
    keeps_quotas: bool = True
    strict_apart: bool = False
    deadline_s: int = 900
    measure_s: int = 120

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Settings":
        """options: of the pool; its `openstack` is what only this driver reads."""
        own = options.get("openstack") or {}
        plain = {key: own[key] for key in _PLAIN if own.get(key) is not None}
        flavors = {
            (int(each["vcpus"]), int(each["memory_mib"])): str(each["name"])
            for each in options.get("flavors") or ()
        }
        return cls(
            tiers=dict(options.get("tiers") or {}),
            flavors=flavors,
            boot_tier=options.get("boot_tier"),
            ssh_keys=tuple(options.get("ssh_keys") or ()),
            security_groups=tuple(own.get("security_groups") or ()),
            **plain,
        )

    def volume_type(self, tier: str) -> str:
        return self.tiers.get(tier, tier)

    def is_local(self, tier: str) -> bool:
        return self.tiers.get(tier) == LOCAL

    @property
    def local_tier(self) -> str:
        """The tier a host's own disk counts as."""
        return next((tier for tier, place in self.tiers.items() if place == LOCAL), "local")

    def tier_of(self, volume_type: str | None) -> str:
        """The tier a volume of that type counts as; a type that no tier names is its own."""
        named = (tier for tier, place in self.tiers.items() if place == volume_type)
        return next(named, volume_type or "default")

    def boot_tier_of(self, storage_gib: Mapping[str, int]) -> str | None:
        """Where a machine of that storage has its system disk; None: it holds none."""
        if self.boot_tier in storage_gib:
            return self.boot_tier
        return min(storage_gib, default=None)


_PLAIN = (
    "flavor_prefix",
    "floating",
    "project_prefix",
    "project_domain",
    "project_role",
    "keeps_quotas",
    "strict_apart",
    "deadline_s",
    "measure_s",
)
