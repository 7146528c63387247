"""Takes a machine away for good: server, our volumes, ports, outside addresses, an empty server group."""

from cloudctl.core.errors import Refused
from provisioning.driver import StillAtWork
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.marks import Mark, labels_of
from provisioning.drivers.openstack.patience import Deadline
from provisioning.drivers.openstack.servers import terminated_at
from provisioning.drivers.openstack.site import Site
from provisioning.drivers.openstack.volumes import TENANT
from provisioning.model import Applied, Step


def delete(site: Site, step: Step) -> Applied:
    """What is gone already: since when, and whatever it left behind goes too."""
    mark, deadline = site.mark(step), site.deadline(step.name)
    server = site.servers.find(mark)
    clear(site, mark, server, deadline)
    gone = site.servers.last_deleted(mark, step.name)
    at = terminated_at(gone) if gone else None
    return Applied(at or site.clock.now(), gone["id"] if gone else None, None)


def clear(
    site: Site, mark: Mark, server: JsonMap | None, deadline: Deadline, system: str | None = None
) -> None:
    """Leaves nothing of the machine, nor of its quota. Refused when the cloud keeps the server and says why;

    StillAtWork when the server is gone and something else is not: nobody may take that for a machine that stands.
    """
    if server is not None:
        system = system or labels_of(server, None).get("system")
        if server.get("locked"):
            raise Refused("{name} is locked in the cloud: unlock it first.", name=server["name"])
        site.servers.remove(server["id"])
        site.servers.watched_away(server, deadline)
    try:
        _clear_remains(site, mark, server, deadline, system)
    except Refused as refusal:
        raise StillAtWork(
            "{name}: the cloud keeps something of it: {reason}", name=deadline.name, reason=str(refusal)
        ) from None


def _clear_remains(
    site: Site, mark: Mark, server: JsonMap | None, deadline: Deadline, system: str | None
) -> None:
    site.addresses.remove(mark, server["id"] if server is not None else None)
    volumes = site.volumes.of(mark)
    # The volumes know the system of a server that somebody else deleted.
    system = system or next((labels_of(volume, None).get("system") for volume in volumes), None)
    # Before the volumes: they are the last to know it.
    site.groups.remove_empty(system)
    site.volumes.remove(volumes, deadline)
    owners = {server["tenant_id"]} if server is not None else set()
    for project_id in owners | {volume[TENANT] for volume in volumes if TENANT in volume}:
        if site.projects.is_of_unit(project_id):
            site.quotas.settle(project_id)
