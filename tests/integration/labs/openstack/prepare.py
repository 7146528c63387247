"""What the lab's cloud is asked while it comes up: its catalogue, whether its hosts are there, its first estate.

prepare.py catalogue REGION SERVICE=URL…    services and their addresses
prepare.py reported COMPUTE…                waits until every service has reported in
prepare.py hypervisors COMPUTE…             waits until every host is known to Nova and Placement
prepare.py estate                           volume types, an image, a shared network, an outside network
"""

import sys
import time
from collections.abc import Callable

import openstack
from openstack.connection import Connection

WAIT_SECONDS = 300


def main(verb: str, *arguments: str) -> None:
    cloud = openstack.connect(cloud="fake")
    if verb == "catalogue":
        fill_catalogue(cloud, arguments[0], dict(each.split("=", 1) for each in arguments[1:]))
    elif verb == "reported":
        wait_until(lambda: has_reported(cloud, set(arguments)))
    elif verb == "hypervisors":
        wait_until(lambda: has_hosts(cloud, len(arguments)))
    else:
        make_estate(cloud)


def fill_catalogue(cloud: Connection, region: str, services: dict[str, str]) -> None:
    identity = cloud.identity
    for kind, url in services.items():
        service = identity.create_service(name=kind, type=kind)
        for interface in ("public", "internal", "admin"):
            identity.create_endpoint(service_id=service.id, interface=interface, url=url, region_id=region)
    project, user = next(identity.projects(name="admin")), next(identity.users(name="admin"))
    role = identity.find_role("service") or identity.create_role(name="service")
    identity.assign_project_role_to_user(project, user, role)


def has_reported(cloud: Connection, computes: set[str]) -> bool:
    up = [service for service in cloud.compute.services() if service.state == "up"]
    hosts = {service.host for service in up if service.binary == "nova-compute"}
    # What its scheduler has not heard of yet makes no volume, however alive it is.
    volumes = bool(list(cloud.block_storage.backend_pools()))
    return computes <= hosts and volumes and {"nova-conductor", "nova-scheduler"} <= {s.binary for s in up}


def has_hosts(cloud: Connection, count: int) -> bool:
    hypervisors = len(list(cloud.compute.hypervisors()))
    return hypervisors == count == len(list(cloud.placement.resource_providers()))


def make_estate(cloud: Connection) -> None:
    for name in ("fake", "bulk"):
        kind = cloud.block_storage.create_type(name=name)
        cloud.block_storage.update_type_extra_specs(kind, volume_backend_name="fake1")
    cloud.image.create_image(
        name="tiny",
        disk_format="raw",
        container_format="bare",
        visibility="public",
        data=b"\0" * 4096,
        validate_checksum=False,
    )
    office = cloud.network.create_network(name="office", shared=True)
    subnet = cloud.network.create_subnet(network_id=office.id, ip_version=4, cidr="10.9.0.0/20")
    outside = cloud.network.create_network(
        name="outside",
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="outside",
    )
    cloud.network.create_subnet(network_id=outside.id, ip_version=4, cidr="203.0.113.0/24", enable_dhcp=False)
    gateway = {"network_id": outside.id}
    router = cloud.network.create_router(name="office", external_gateway_info=gateway)
    cloud.network.add_interface_to_router(router, subnet_id=subnet.id)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Services that are still starting answer with errors of every kind."""
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            if is_so():
                return
        except Exception as error:
            print(repr(error)[:200])
        if time.monotonic() > end:
            sys.exit("the hosts did not come up")
        time.sleep(0.5)


if __name__ == "__main__":
    main(*sys.argv[1:])
