"""All that one open pool works with, so that a step's file asks for one thing."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloudctl.core.clock import Clock
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts
from provisioning.drivers.openstack.addresses import Addresses
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.flavors import Flavors, shape_of
from provisioning.drivers.openstack.groups import Groups
from provisioning.drivers.openstack.images import Images
from provisioning.drivers.openstack.marks import Mark, vm_id_of
from provisioning.drivers.openstack.networks import Networks
from provisioning.drivers.openstack.patience import Deadline
from provisioning.drivers.openstack.projects import Projects
from provisioning.drivers.openstack.quotas import Quotas
from provisioning.drivers.openstack.servers import TASK, Servers
from provisioning.drivers.openstack.settings import Settings
from provisioning.drivers.openstack.volumes import Volumes
from provisioning.model import Step


@dataclass(frozen=True, slots=True)
class Site:
    facts: PoolFacts
    settings: Settings
    clock: Clock
    cloud: Cloud
    servers: Servers
    volumes: Volumes
    flavors: Flavors
    images: Images
    networks: Networks
    projects: Projects
    quotas: Quotas
    groups: Groups
    addresses: Addresses

    @classmethod
    def opened(cls, facts: PoolFacts, clock: Clock) -> "Site":
        """Refused when clouds.yaml does not know the cloud; Unreachable when it does not answer."""
        settings = Settings.of(facts.options)
        cloud = Cloud.named(facts.code, facts.options)
        networks = Networks(cloud, facts)
        return cls(
            facts,
            settings,
            clock,
            cloud,
            Servers(cloud),
            Volumes(cloud, settings),
            Flavors(cloud, settings),
            Images(cloud, facts, settings.deadline_s),
            networks,
            Projects(cloud, settings, facts.code),
            Quotas(cloud, keeps=settings.keeps_quotas),
            Groups(cloud, facts.code, settings.strict_apart),
            Addresses(cloud, networks, settings.floating),
        )

    def mark(self, step: Step) -> Mark:
        return Mark(self.facts.code, step.vm_id)

    def mark_of(self, server: JsonMap) -> Mark:
        vm_id = vm_id_of(server, self.facts.code)
        assert vm_id is not None
        return Mark(self.facts.code, vm_id)

    def deadline(self, name: str) -> Deadline:
        return Deadline.after(self.settings.deadline_s, self.facts.code, name)

    def server_of(self, step: Step) -> JsonMap:
        """Refused when the cloud has none."""
        server = self.servers.find(self.mark(step))
        if server is None:
            raise Refused("The cloud has no machine {name}.", name=step.name)
        return server

    def at_rest(self, step: Step, deadline: Deadline) -> JsonMap:
        """The server once nothing is under way on it: an action that was cut off is waited for, not repeated."""
        server = self.server_of(step)
        if server[TASK] is None:
            return server
        return self.servers.watched(server, deadline, lambda now: now[TASK] is None)

    def size_of(self, server: JsonMap, volumes: list[JsonMap]) -> Size:
        """What a server holds: its flavor's vCPUs and memory, its volumes and its local disk by tier."""
        vcpus, memory_mib, disk_gib = shape_of(server["flavor"])
        storage: dict[str, int] = {}
        for volume in volumes:
            tier = self.settings.tier_of(volume.get("volume_type"))
            storage[tier] = storage.get(tier, 0) + int(volume["size"])
        # A server that boots from a volume has no image of its own, and no disk but volumes.
        if disk_gib and server.get("image"):
            tier = self.settings.local_tier
            storage[tier] = storage.get(tier, 0) + disk_gib
        return Size(vcpus, memory_mib, storage)


def wanted_host(step: Step) -> str | None:
    host = (step.after or {}).get("host")
    return str(host) if host else None


def text_of(document: Mapping[str, object] | None, key: str) -> str | None:
    value = (document or {}).get(key)
    return str(value) if value else None
