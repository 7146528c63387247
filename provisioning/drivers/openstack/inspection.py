"""Looks closely at one host: what its hypervisor is, and whether the cloud gives it machines."""

from cloudctl.core.errors import Refused
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.observation import host_of, hosts_of
from provisioning.drivers.openstack.site import Site
from provisioning.host_details import HostDetails


def inspect(site: Site, host: str) -> HostDetails:
    """Refused when the cloud has no such host. Storage and networks are the cloud's, not a host's."""
    listed = site.cloud.compute.pages("/os-hypervisors/detail", "hypervisors")
    found = next((hypervisor for hypervisor in listed if host_of(hypervisor) == host), None)
    if found is None:
        raise Refused("The cloud has no host {host}.", host=host)
    (facts,) = hosts_of(site, [found])
    return HostDetails(
        facts,
        hypervisor=f"{found['hypervisor_type']} {_version(int(found['hypervisor_version']))}",
        manager=_manager(found),
    )


def _version(number: int) -> str:
    """Nova writes 7.2.1 as 7002001."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


def _manager(hypervisor: JsonMap) -> str:
    reason = hypervisor["service"].get("disabled_reason")
    return f"nova ({hypervisor['state']}, {hypervisor['status']}{f': {reason}' if reason else ''})"
