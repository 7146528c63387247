"""Everything there is, in a handful of calls: servers, volumes and projects in pages, hosts from Placement."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.marks import labels_of, vm_id_of
from provisioning.drivers.openstack.servers import ATTACHED, HOST, fault_of, state_of
from provisioning.drivers.openstack.site import Site
from provisioning.model import Fault, HostFacts, Machine, Observation

# Asked of Placement at a time, a call per host: it has no list of inventories.
PARALLEL = 8
# A back end that does not count its room ("infinite", "unknown") says no itself when it is full.
BOUNDLESS_GIB = 2**30


def observe(site: Site) -> Observation:
    """Machines of a host that does not answer are left out: what the cloud says of them is what it last heard."""
    hypervisors = list(site.cloud.compute.pages("/os-hypervisors/detail", "hypervisors"))
    dead = {host_of(each) for each in hypervisors if each["state"] != "up"}
    projects = site.projects.names()
    # By the servers' word: volumes say nothing of a server that is put aside.
    volumes = {volume["id"]: volume for volume in site.volumes.every()}
    machines = tuple(
        _machine(site, server, volumes, projects)
        for server in site.servers.every()
        if server[HOST] not in dead
    )
    faults = tuple(Fault(host, None, "host_unreachable") for host in sorted(dead))
    return Observation(hosts_of(site, hypervisors), machines, faults)


def host_of(hypervisor: JsonMap) -> str:
    """The name servers say they are on: the compute service's, which need not be the hypervisor's."""
    return str(hypervisor["service"]["host"])


def _machine(site: Site, server: JsonMap, volumes: dict[str, JsonMap], projects: dict[str, str]) -> Machine:
    attached = [volumes[each["id"]] for each in server.get(ATTACHED, ()) if each["id"] in volumes]
    project = projects.get(server["tenant_id"])
    return Machine(
        server["id"],
        server["name"],
        vm_id_of(server, site.facts.code),
        server[HOST],
        state_of(server),
        site.size_of(server, attached),
        labels_of(server, project),
        _addresses(server),
        fault=fault_of(server) if server["status"] == "ERROR" else "",
    )


def _addresses(server: JsonMap) -> tuple[str, ...]:
    """Of all its ports, outside addresses too; networks in the order of their names."""
    ports = [port for _, found in sorted((server.get("addresses") or {}).items()) for port in found]
    return tuple(str(port["addr"]) for port in ports)


def hosts_of(site: Site, hypervisors: list[JsonMap]) -> tuple[HostFacts, ...]:
    """In the order of their codes."""
    tiers = _room_by_tier(site)
    with ThreadPoolExecutor(PARALLEL) as pool:
        inventories = list(pool.map(lambda each: _inventory(site, each), hypervisors))
    return tuple(
        _host_facts(site, hypervisor, inventory, tiers)
        for hypervisor, inventory in sorted(
            zip(hypervisors, inventories, strict=True), key=lambda pair: host_of(pair[0])
        )
    )


def _inventory(site: Site, hypervisor: JsonMap) -> JsonMap:
    """Of a host; the hypervisor list says nothing of sizes since microversion 2.88."""
    document = site.cloud.placement.find(f"/resource_providers/{hypervisor['id']}/inventories")
    found: JsonMap = document["inventories"] if document else {}
    return found


def _host_facts(site: Site, hypervisor: JsonMap, inventory: JsonMap, tiers: dict[str, int]) -> HostFacts:
    """is_up: also that it takes machines; a disabled one keeps those it has."""
    is_up = hypervisor["state"] == "up" and hypervisor["status"] == "enabled"
    local = {site.settings.local_tier: _amount(inventory, "DISK_GB")}
    return HostFacts(
        host_of(hypervisor),
        is_up,
        _amount(inventory, "VCPU") + _amount(inventory, "PCPU"),
        _amount(inventory, "MEMORY_MB"),
        local | tiers,
        frozenset(tiers),
    )


def _amount(inventory: JsonMap, resource: str) -> int:
    """What the host has for machines, before any overcommit."""
    kept = inventory.get(resource) or {}
    return int(kept.get("total", 0)) - int(kept.get("reserved", 0))


def _room_by_tier(site: Site) -> dict[str, int]:
    """GiB per tier of volumes: storage that all hosts share, so each host has all of it."""
    backends: dict[str, int] = defaultdict(int)
    pools = site.cloud.volumes.get("/scheduler-stats/get_pools", detail="true")["pools"]
    for pool in pools:
        facts = pool["capabilities"]
        total = facts.get("total_capacity_gb")
        is_counted = isinstance(total, int | float)
        backends[str(facts.get("volume_backend_name"))] += int(total) if is_counted else BOUNDLESS_GIB
    room: dict[str, int] = {}
    for kind in site.cloud.volumes.get("/types", is_public="None")["volume_types"]:
        tier = site.settings.tier_of(kind["name"])
        if tier in site.settings.tiers if site.settings.tiers else not kind["name"].startswith("__"):
            backend = (kind.get("extra_specs") or {}).get("volume_backend_name")
            room[tier] = backends[backend] if backend in backends else sum(backends.values())
    return room
