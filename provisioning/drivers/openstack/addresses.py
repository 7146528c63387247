"""Addresses and ports of our machines: outside addresses given where the pool asks, nothing left when they go."""

from urllib.parse import urlencode

from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.marks import Mark
from provisioning.drivers.openstack.networks import Networks


class Addresses:
    def __init__(self, cloud: Cloud, networks: Networks, floating: str | None) -> None:
        self._service = cloud.networks
        self._networks = networks
        self._floating = floating

    def give(self, mark: Mark, project: Cloud, server_id: str) -> None:
        """An outside address for the machine's first port, once; known by its description."""
        if self._floating is None or self._of(mark):
            return
        ports = self._ports(server_id)
        if not ports:
            return
        body = {
            "floating_network_id": self._networks.named(self._floating),
            "port_id": ports[0]["id"],
            "tenant_id": project.project_id,
            "description": mark.description,
        }
        project.networks.post("/floatingips", {"floatingip": body})

    def remove(self, mark: Mark, server_id: str | None) -> None:
        """Outside addresses by our mark, also where the pool gives none any more; ports that a server left behind."""
        for address in self._of(mark):
            self._service.delete(f"/floatingips/{address['id']}")
        for port in self._ports(server_id) if server_id else ():
            self._service.delete(f"/ports/{port['id']}")

    def _of(self, mark: Mark) -> list[JsonMap]:
        """A cloud without routers knows of no outside addresses."""
        document = self._service.find(f"/floatingips?{urlencode({'description': mark.description})}")
        return list(document["floatingips"]) if document else []

    def _ports(self, server_id: str) -> list[JsonMap]:
        found: list[JsonMap] = self._service.get("/ports", device_id=server_id)["ports"]
        return found
