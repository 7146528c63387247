"""Flavors: matched by what they are, not by what they are called; made where none fits exactly."""

from threading import Lock
from typing import Any

from cloudctl.core.quantity import Size
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.settings import Settings


class Flavors:
    """Remembers the cloud's flavors for as long as the driver is open; a flavor that is gone is looked for anew."""

    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._compute = cloud.compute
        self._settings = settings
        self._lock = Lock()
        self._known: list[JsonMap] | None = None

    def id_for(self, size: Size) -> str:
        """A flavor of exactly that size."""
        with self._lock:
            if self._known is None:
                self._known = self._listed()
            found = self._matching(size)
            if found is None:
                # Another process may have made it since.
                self._known = self._listed()
                found = self._matching(size) or self._made(size)
            return str(found["id"])

    def forget(self) -> None:
        """After a flavor turned out to be gone."""
        with self._lock:
            self._known = None

    def _listed(self) -> list[JsonMap]:
        return list(self._compute.pages("/flavors/detail", "flavors"))

    def _matching(self, size: Size) -> JsonMap | None:
        fitting = [flavor for flavor in self._known or () if is_plain(flavor) and self._is(flavor, size)]
        wanted = self._name(size)
        return min(fitting, key=lambda flavor: (flavor["name"] != wanted, flavor["name"]), default=None)

    def _is(self, flavor: JsonMap, size: Size) -> bool:
        return shape_of(flavor) == (size.vcpus, size.memory_mib, self.disk_of(size))

    def disk_of(self, size: Size) -> int:
        """GiB of the flavor's own disk."""
        return sum(gib for tier, gib in size.storage_gib.items() if self._settings.is_local(tier))

    def _name(self, size: Size) -> str:
        named = self._settings.flavors.get((size.vcpus, size.memory_mib))
        whole, rest = divmod(size.memory_mib, 1024)
        memory = f"{size.memory_mib}m" if rest else f"{whole}g"
        disk = f"{self.disk_of(size)}d" if self.disk_of(size) else ""
        return (named or f"{self._settings.flavor_prefix}.{size.vcpus}c{memory}") + disk

    def _made(self, size: Size) -> JsonMap:
        """A name that somebody gave to another size gets a number behind it."""
        for number in range(1, 100):
            name = self._name(size) + (f"-{number}" if number > 1 else "")
            body = {"name": name, "vcpus": size.vcpus, "ram": size.memory_mib, "disk": self.disk_of(size)}
            try:
                made: JsonMap = self._compute.post("/flavors", {"flavor": body}, is_repeatable=True)["flavor"]
            except Rejected as refusal:
                if refusal.status != 409:
                    raise
                self._known = self._listed()
                already = self._matching(size)
                if already is not None:
                    return already
            else:
                self._known = [*(self._known or ()), made]
                return made
        raise AssertionError(f"a hundred flavors are called {self._name(size)}")


def shape_of(flavor: JsonMap) -> tuple[int, int, int]:
    """vCPUs, MiB, GiB of local disk: of a flavor, or of the one a server carries."""
    return int(flavor["vcpus"]), int(flavor["ram"]), int(flavor["disk"])


def is_plain(flavor: dict[str, Any]) -> bool:
    """Open to all and nothing but its size: no pinned CPUs, no GPU, no swap."""
    return (
        bool(flavor.get("os-flavor-access:is_public", True))
        and not flavor.get("OS-FLV-DISABLED:disabled")
        and not flavor.get("OS-FLV-EXT-DATA:ephemeral")
        and not flavor.get("swap")
        and not flavor.get("extra_specs")
    )
