"""Networks by the inventory's codes: found in the cloud; made where missing, if a VLAN is said."""

from collections.abc import Mapping
from threading import Lock
from typing import Any

from cloudctl.core.errors import Refused
from provisioning.driver import PoolFacts
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Lost, Rejected
from provisioning.drivers.openstack.patience import pause

# What a network of a VLAN is made of, beside the VLAN; Nova takes no network without a subnet.
NEEDED = ("physical_network", "cidr")


class Networks:
    """Remembers what it found for as long as the driver is open."""

    def __init__(self, cloud: Cloud, facts: PoolFacts) -> None:
        self._service = cloud.networks
        self._facts = facts
        self._lock = Lock()
        self._known: dict[str, str] = {}

    def id_for(self, code: object) -> str | None:
        """Of the network of that code; None: of the pool's only one, or none at all."""
        networks = self._facts.networks
        if not code:
            if len(networks) > 1:
                raise Refused("Pool {pool} has several networks: say which one.", pool=self._facts.code)
            code = next(iter(networks), None)
        if not code:
            return None
        with self._lock:
            if str(code) not in self._known:
                self._known[str(code)] = self._ensured(str(code), networks.get(str(code), {}))
            return self._known[str(code)]

    def named(self, name: str) -> str:
        """Of the cloud's network of that name or id."""
        return str(self._only(name, self._listed(name))["id"])

    def _ensured(self, code: str, options: Mapping[str, Any]) -> str:
        name = str(options.get("network") or code)
        found = self._listed(name)
        if not found and options.get("vlan"):
            found = self._made(code, name, options)
        network = self._only(name, found)
        self._require_vlan(network, options.get("vlan"))
        if network.get("description") == self._mark(code) and not network.get("subnets"):
            self._make_subnet(network, options)
        return str(network["id"])

    def _listed(self, name: str) -> list[JsonMap]:
        found: list[JsonMap] = self._service.get("/networks", name=name)["networks"]
        return found or list(self._service.get("/networks", id=name)["networks"])

    def _only(self, name: str, found: list[JsonMap]) -> JsonMap:
        if len(found) != 1:
            raise Refused(
                "Pool {pool}: the cloud has {count} networks “{name}”; one is wanted.",
                pool=self._facts.code,
                count=len(found),
                name=name,
            )
        return found[0]

    def _require_vlan(self, network: JsonMap, vlan: int | None) -> None:
        """A network of several segments, and a cloud that hides them, cannot be compared."""
        kind = network.get("provider:network_type")
        if not vlan or not kind:
            return
        found = network.get("provider:segmentation_id")
        if (kind, found) != ("vlan", vlan):
            raise Refused(
                "Pool {pool}: network “{name}” is {found} in the cloud, not vlan {vlan}.",
                pool=self._facts.code,
                name=network["name"],
                found=f"{kind} {found}" if found else kind,
                vlan=vlan,
            )

    def _made(self, code: str, name: str, options: Mapping[str, Any]) -> list[JsonMap]:
        """A network that all projects share; when another process was first: that one's."""
        missing = [key for key in NEEDED if not options.get(key)]
        if missing:
            raise Refused(
                "Pool {pool}: the cloud has no network “{name}”; to have it made with VLAN {vlan}, say its {keys}.",
                pool=self._facts.code,
                name=name,
                vlan=options["vlan"],
                keys=", ".join(missing),
            )
        body = {
            "name": name,
            "description": self._mark(code),
            "shared": True,
            "provider:network_type": "vlan",
            "provider:physical_network": options["physical_network"],
            "provider:segmentation_id": options["vlan"],
        }
        try:
            made: JsonMap = self._service.post("/networks", {"network": body})["network"]
        except Lost:
            pause(2)
            return self._listed(name)
        except Rejected as refusal:
            found = self._listed(name) if refusal.status == 409 else []
            if not found:
                raise
            return found
        return [made]

    def _make_subnet(self, network: JsonMap, options: Mapping[str, Any]) -> None:
        """Neutron takes the first address for the gateway when none is said. Refused leaves no network behind."""
        if not options.get("cidr"):
            return
        body = {
            "network_id": network["id"],
            "name": network["name"],
            "description": network["description"],
            "ip_version": 6 if ":" in options["cidr"] else 4,
            "cidr": options["cidr"],
            **({"gateway_ip": options["gateway"]} if options.get("gateway") else {}),
        }
        try:
            self._service.post("/subnets", {"subnet": body})
        except Rejected:
            self._service.delete(f"/networks/{network['id']}")
            raise

    def _mark(self, code: str) -> str:
        return f"cloudctl {self._facts.code}/{code}"
