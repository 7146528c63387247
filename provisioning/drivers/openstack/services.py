"""A host's compute service, as the cloud sees it: whether it answers, that its host is fenced, that it is back."""

from cloudctl.core.errors import Refused
from provisioning.driver import HostUnreachable
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.site import Site


def require_up(site: Site, host: str) -> None:
    """A dead host's machine would hang in its action; the cloud itself takes the order."""
    if any(service["state"] != "up" for service in _of(site, host)):
        raise HostUnreachable("Host {host} does not answer.", host=host)


def require_dead(site: Site, host: str | None) -> None:
    """The cloud refuses to evacuate from a host that it believes alive; one that answers is left alone."""
    for service in _of(site, host or ""):
        if service["state"] == "up":
            raise Refused("Host {host} answers: its machines are migrated, not evacuated.", host=host)
        if not service.get("forced_down"):
            site.cloud.compute.put(f"/os-services/{service['id']}", {"forced_down": True})


def readmit(site: Site, host: str) -> None:
    """The cloud may use a fenced host again; it refuses until the host has cleaned up what was started elsewhere."""
    for service in _of(site, host):
        if service.get("forced_down"):
            site.cloud.compute.put(f"/os-services/{service['id']}", {"forced_down": False})


def _of(site: Site, host: str) -> list[JsonMap]:
    listed: list[JsonMap] = site.cloud.compute.get("/os-services", binary="nova-compute", host=host)[
        "services"
    ]
    return listed
