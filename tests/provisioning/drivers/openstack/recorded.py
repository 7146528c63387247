"""A cloud of recorded answers: Keystone's catalogue by keystoneauth's fixtures, every service by requests-mock."""

import re
from typing import Any

from keystoneauth1 import fixture
from keystoneauth1.fixture import discovery

URL = "http://cloud.example"
PORTS = {"compute": "/v2.1", "volume": "/v3", "network": "", "image": "", "placement": ""}
CLOUDS = """
clouds:
  rec:
    auth: {auth_url: "http://cloud.example/identity/v3", username: admin, password: secret, project_name: admin,
           user_domain_id: default, project_domain_id: default}
    region_name: RegionOne
"""
TYPES = {
    "compute": "compute",
    "volume": "block-storage",
    "network": "network",
    "image": "image",
    "placement": "placement",
}
OWN_PROJECT = "a" * 32


def token() -> fixture.V3Token:
    made = fixture.V3Token(project_id=OWN_PROJECT, user_id="b" * 32)
    made.set_project_scope(id=OWN_PROJECT)
    for name, kind in {**TYPES, "identity": "identity"}.items():
        service = made.add_service(kind, name=name)
        service.add_standard_endpoints(public=f"{URL}/{name}{PORTS.get(name, '/v3')}", region="RegionOne")
    return made


def record_cloud(requests_mock: Any, *, compute: str = "2.104") -> None:
    """Discovery and a token; what else is asked a test records itself."""
    requests_mock.post(f"{URL}/identity/v3/auth/tokens", json=token(), headers={"X-Subject-Token": "t"})
    identity = discovery.V3Discovery(f"{URL}/identity/v3")
    requests_mock.get(f"{URL}/identity/v3", json={"version": identity})
    versions = {"compute": ("v2.1", compute), "volume": ("v3.0", "3.71"), "placement": ("v1.0", "1.39")}
    for name, (identifier, highest) in versions.items():
        path = PORTS[name]
        link = [{"rel": "self", "href": f"{URL}/{name}{path}/"}]
        told = {
            "id": identifier,
            "status": "CURRENT",
            "version": highest,
            "min_version": "1.0",
            "links": link,
        }
        if name == "placement":
            told = {**told, "max_version": highest}
        body = {"versions": [told]} if name == "placement" else {"version": told}
        requests_mock.get(re.compile(rf"^{URL}/{name}{path}/?$"), json=body)
    for name, identifier in (("network", "v2.0"), ("image", "v2.9")):
        path = identifier.partition(".")[0] if name == "image" else identifier
        link = [{"rel": "self", "href": f"{URL}/{name}/{path}/"}]
        told = {"id": identifier, "status": "CURRENT", "links": link}
        requests_mock.get(re.compile(rf"^{URL}/{name}/?$"), json={"versions": [told]})


def server(number: int, *, vm_id: int | None = None, status: str = "ACTIVE", **more: Any) -> dict[str, Any]:
    """As Nova 34 gave it, less what the driver does not read."""
    marks = {"cloudctl_vm": str(vm_id), "cloudctl_pool": "rec"} if vm_id is not None else {}
    return {
        "id": f"server-{number}",
        "name": f"m{number}",
        "tenant_id": OWN_PROJECT,
        "status": status,
        "created": "2026-11-22T10:52:23Z",
        "updated": "2026-11-22T10:52:25Z",
        "metadata": marks,
        "description": None,
        "image": "",
        "flavor": {"vcpus": 2, "ram": 4096, "disk": 0, "original_name": "gov.2c4g"},
        "addresses": {},
        "locked": False,
        "OS-EXT-SRV-ATTR:host": "a",
        "OS-EXT-STS:task_state": None,
        "OS-EXT-STS:power_state": 1 if status == "ACTIVE" else 4,
        "OS-SRV-USG:launched_at": "2026-11-22T10:52:25.000000",
        "OS-SRV-USG:terminated_at": None,
        "os-extended-volumes:volumes_attached": [{"id": f"volume-{number}", "delete_on_termination": False}],
        **more,
    }


def volume(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"volume-{number}",
        "name": f"m{number}-ssd",
        "status": "in-use",
        "size": 20,
        "volume_type": "fast",
        "metadata": {},
        "attachments": [{"server_id": f"server-{number}"}],
        **more,
    }


def hypervisor(name: str, state: str = "up", status: str = "enabled") -> dict[str, Any]:
    return {"id": f"rp-{name}", "state": state, "status": status, "service": {"host": name}}


def record_estate(requests_mock: Any, servers: list[dict[str, Any]], volumes: list[dict[str, Any]]) -> None:
    """What `observe` asks, on two hosts, the second of them down."""
    requests_mock.get(f"{URL}/compute/v2.1/servers/detail", json={"servers": servers})
    requests_mock.get(f"{URL}/volume/v3/volumes/detail", json={"volumes": volumes})
    for host, state in (("a", "up"), ("b", "down")):
        service = {"id": f"service-{host}", "state": state, "forced_down": False}
        requests_mock.get(f"{URL}/compute/v2.1/os-services?host={host}", json={"services": [service]})
    hosts = [hypervisor("a"), hypervisor("b", "down")]
    requests_mock.get(f"{URL}/compute/v2.1/os-hypervisors/detail", json={"hypervisors": hosts})
    inventory = {
        "VCPU": {"total": 64, "reserved": 0},
        "MEMORY_MB": {"total": 1000, "reserved": 24},
        "DISK_GB": {"total": 50, "reserved": 0},
    }
    for host in "ab":
        requests_mock.get(
            f"{URL}/placement/resource_providers/rp-{host}/inventories", json={"inventories": inventory}
        )
    projects = [{"id": OWN_PROJECT, "name": "admin", "domain_id": "default", "tags": []}]
    requests_mock.get(f"{URL}/identity/v3/projects", json={"projects": projects})
    pools = [{"name": "p", "capabilities": {"volume_backend_name": "x", "total_capacity_gb": "infinite"}}]
    requests_mock.get(f"{URL}/volume/v3/scheduler-stats/get_pools", json={"pools": pools})
    kinds = [{"name": "fast", "extra_specs": {"volume_backend_name": "x"}}]
    requests_mock.get(f"{URL}/volume/v3/types", json={"volume_types": kinds})
