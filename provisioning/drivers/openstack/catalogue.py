"""What machines are made from and plugged into: images and networks by the inventory's codes."""

from collections.abc import Mapping
from typing import Any

from cloudctl.core.errors import Refused
from provisioning.driver import PoolFacts
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap


class Catalogue:
    """Remembers what it looked up for as long as the driver is open."""

    def __init__(self, cloud: Cloud, facts: PoolFacts) -> None:
        self._cloud = cloud
        self._facts = facts
        self._images: dict[str, str] = {}
        self._networks: dict[str, str] = {}

    def image_id(self, code: object) -> str:
        """Of the image of that code; None: of the pool's only one. Refused when missing, or not the one it was."""
        chosen = str(code) if code else self._only_image()
        if chosen not in self._images:
            self._images[chosen] = self._looked_up_image(chosen)
        return self._images[chosen]

    def network_id(self, code: object) -> str | None:
        """Of the network of that code; None: of the pool's only one, or none at all."""
        networks = self._facts.networks
        if not code:
            if len(networks) > 1:
                raise Refused("Pool {pool} has several networks: say which one.", pool=self._facts.code)
            code = next(iter(networks), None)
        if not code:
            return None
        name = str(networks.get(str(code), {}).get("network") or code)
        if name not in self._networks:
            self._networks[name] = self.network_named(name)
        return self._networks[name]

    def network_named(self, name: str) -> str:
        """Of the cloud's network of that name or id."""
        found = self._cloud.networks.get("/networks", name=name)["networks"]
        found = found or self._cloud.networks.get("/networks", id=name)["networks"]
        if len(found) != 1:
            raise Refused(
                "Pool {pool}: the cloud has {count} networks “{name}”; one is wanted.",
                pool=self._facts.code,
                count=len(found),
                name=name,
            )
        return str(found[0]["id"])

    def _only_image(self) -> str:
        if len(self._facts.images) != 1:
            raise Refused("Pool {pool} has several images or none: say which one.", pool=self._facts.code)
        return next(iter(self._facts.images))

    def _looked_up_image(self, code: str) -> str:
        facts: Mapping[str, Any] = self._facts.images.get(code, {})
        source = str(facts.get("source") or code)
        found = self._cloud.images.get("/images", name=source, status="active")["images"]
        found = found or self._cloud.images.get("/images", id=source, status="active")["images"]
        if len(found) != 1:
            raise Refused(
                "Pool {pool}: the cloud has {count} active images “{name}”; one is wanted.",
                pool=self._facts.code,
                count=len(found),
                name=source,
            )
        self._require_sum(found[0], facts.get("sha256"))
        return str(found[0]["id"])

    def _require_sum(self, image: JsonMap, sha256: object) -> None:
        """Glance keeps SHA-512 unless told otherwise; a sum it does not keep cannot be compared."""
        kept = image.get("os_hash_value") if image.get("os_hash_algo") == "sha256" else image.get("sha256")
        if sha256 and kept and kept != sha256:
            raise Refused(
                "Pool {pool}: image “{name}” is another: its SHA-256 is {found}, not {wanted}.",
                pool=self._facts.code,
                name=image["name"],
                found=kept,
                wanted=sha256,
            )
