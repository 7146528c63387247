"""Takes over a machine that the cloud has: writes our mark on it and its volumes, and changes nothing else."""

from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import Refused
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.marks import ADOPTED, VM, Mark
from provisioning.drivers.openstack.servers import HOST
from provisioning.drivers.openstack.site import Site, text_of
from provisioning.model import Applied, Step
from provisioning.steps import wanted_size


def adopt(site: Site, step: Step) -> Applied:
    """Ours already: since the first time, its owner written anew. Refused when it is another's or of another size."""
    mark = site.mark(step)
    server = site.servers.find(mark) or _unclaimed(site, step, mark)
    volumes = site.volumes.attached_to(server)
    if site.size_of(server, volumes) != wanted_size(step):
        raise Refused("The cloud has a machine {name} of another size.", name=step.name)
    adopted = server["metadata"].get(ADOPTED) or site.clock.now().isoformat()
    for volume in volumes:
        if not mark.is_on(volume):
            site.volumes.write_mark(volume, mark)
    site.servers.write_metadata(server["id"], {**mark.metadata(step.after), ADOPTED: adopted})
    site.servers.write_tag(server["id"], mark.tag)
    return Applied(parse_instant(adopted), server["id"], server[HOST])


def _unclaimed(site: Site, step: Step, mark: Mark) -> JsonMap:
    """By its own id, else by its name; one that another ledger's mark is on is not ours to take."""
    asked = text_of(step.after, "external_id")
    by_id = site.servers.get(asked) if asked else None
    found = [by_id] if by_id is not None else [] if asked else site.servers.named(step.name)
    free = [server for server in found if VM not in server["metadata"] or mark.is_on(server)]
    if len(free) != 1:
        raise Refused("The cloud has no machine {name} without an owner.", name=step.name)
    return free[0]
