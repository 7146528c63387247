"""Makes a machine: volumes, then the server on them; what an earlier try left is found by its mark and used."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import Refused
from provisioning.drivers.openstack import removal
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Lost, Rejected
from provisioning.drivers.openstack.keys import ensured_keypair, user_data
from provisioning.drivers.openstack.marks import ASKED, Mark
from provisioning.drivers.openstack.patience import Deadline, pause
from provisioning.drivers.openstack.quotas import asked_by
from provisioning.drivers.openstack.servers import HOST, LAUNCHED, instant, is_steady
from provisioning.drivers.openstack.site import Site, text_of, wanted_host
from provisioning.drivers.openstack.volumes import TAKEN
from provisioning.model import Applied, Step
from provisioning.steps import keys_let_in, wanted_size


def create(site: Site, step: Step) -> Applied:
    """Refused leaves nothing behind; Unreachable leaves what the next try finds."""
    mark, deadline = site.mark(step), site.deadline(step.name)
    server = site.servers.find(mark)
    if server is not None and server["status"] == "ERROR" and server[LAUNCHED] is None:
        removal.clear(site, mark, server, deadline)
        server = None
    if server is None:
        return _applied(_created(site, step, mark, deadline))
    there, project = server, site.cloud.in_project(server["tenant_id"])
    if server["status"] == "BUILD":
        server = _finished(site, step, mark, project, lambda: there, deadline)
    volumes = site.volumes.attached_to(server)
    if site.size_of(server, volumes) != wanted_size(step):
        raise Refused("The cloud has a machine {name} of another size.", name=step.name)
    site.addresses.give(mark, project, server["id"])
    return _applied(server)


def _created(site: Site, step: Step, mark: Mark, deadline: Deadline) -> JsonMap:
    if site.servers.named(step.name):
        raise Refused("The cloud has another machine of the name {name}.", name=step.name)
    asked_at = site.clock.now()
    recipe = _recipe(site, step)
    project = site.projects.for_unit(text_of(step.after, "unit"))
    asked = asked_by(wanted_size(step), volumes=len(wanted_size(step).storage_gib))

    def ask() -> JsonMap:
        return _asked(site, step, mark, project, recipe, asked_at, deadline)

    # To the end: the cloud counts a server only some time after it accepted it, and checks again then.
    return site.quotas.within(project, asked, lambda: _finished(site, step, mark, project, ask, deadline))


def _finished(
    site: Site, step: Step, mark: Mark, project: Cloud, ask: Callable[[], JsonMap], deadline: Deadline
) -> JsonMap:
    """The server that was asked for, running and reached. Refused leaves nothing: no volume, no group of its own."""
    server = None
    try:
        server = ask()
        server = site.servers.watched(server, deadline, lambda now: is_steady(now, "ACTIVE"))
        site.addresses.give(mark, project, server["id"])
    except Refused:
        removal.clear(site, mark, server, deadline, text_of(step.after, "system"))
        raise
    return server


def _recipe(site: Site, step: Step) -> dict[str, Any]:
    """What the server is made of: looked up, or made, before anything of the machine itself."""
    after = step.after or {}
    image = site.images.id_for(after.get("image"))
    network = site.networks.id_for(after.get("network"))
    return {
        "imageRef": image,
        "networks": [{"uuid": network}] if network else "none",
        "flavorRef": site.flavors.id_for(wanted_size(step)),
    }


def _asked(
    site: Site,
    step: Step,
    mark: Mark,
    project: Cloud,
    recipe: dict[str, Any],
    asked_at: datetime,
    deadline: Deadline,
) -> JsonMap:
    """The server as the cloud accepted it; asked for once, however often this is called."""
    storage = wanted_size(step).storage_gib
    there = site.volumes.of(mark)
    made = site.volumes.made(mark, project, step.name, storage, recipe["imageRef"], there, step.after)
    # A volume that is taken, is so by a server whose request came late: the cloud refuses ours, and we find that one.
    ready = {
        tier: site.volumes.watched(volume, deadline, "available", *TAKEN) for tier, volume in made.items()
    }
    boot = site.settings.boot_tier_of(storage)
    body = {
        "name": step.name,
        "flavorRef": recipe["flavorRef"],
        "networks": recipe["networks"],
        "metadata": {**mark.metadata(step.after), ASKED: asked_at.isoformat()},
        "tags": [mark.tag],
        "description": mark.description,
        "block_device_mapping_v2": [
            _device(volume, 0 if tier == boot else -1) for tier, volume in ready.items()
        ],
        **_first_login(site, step, project),
    }
    if boot not in ready:
        body["imageRef"] = recipe["imageRef"]
        if body["block_device_mapping_v2"]:
            body["block_device_mapping_v2"].insert(0, _image_device(recipe["imageRef"]))
    host = wanted_host(step)
    if host is not None:
        body["host"] = host
    return _posted(site, step, mark, project, body)


def _posted(site: Site, step: Step, mark: Mark, project: Cloud, body: dict[str, Any]) -> JsonMap:
    system = text_of(step.after, "system")
    for is_last in (False, True):
        document: dict[str, Any] = {"server": body}
        if system:
            document["os:scheduler_hints"] = {"group": site.groups.id_for(system, project)}
        try:
            accepted = project.compute.post("/servers", document)["server"]
        except (Lost, Rejected) as failure:
            if isinstance(failure, Lost):
                pause(3)
            # It was done all the same; or what an earlier try asked for came first.
            found = site.servers.find(mark)
            if found is not None:
                return found
            if isinstance(failure, Lost) or is_last or failure.status in (403, 413):
                raise
            # A flavor or a group that we remembered may be gone by now.
            site.flavors.forget()
            body["flavorRef"] = site.flavors.id_for(wanted_size(step))
            if system:
                site.groups.forget(system, project)
        else:
            return {**accepted, "name": step.name, "tenant_id": project.project_id}
    raise AssertionError("the last try returns or raises")


def _device(volume: JsonMap, boot_index: int) -> dict[str, Any]:
    """We delete a machine's volumes ourselves: a server deleted behind our back must not take the data along."""
    return {
        "uuid": volume["id"],
        "source_type": "volume",
        "destination_type": "volume",
        "boot_index": boot_index,
        "delete_on_termination": False,
    }


def _image_device(image: str) -> dict[str, Any]:
    return {"uuid": image, "source_type": "image", "destination_type": "local", "boot_index": 0}


def _first_login(site: Site, step: Step, project: Cloud) -> dict[str, Any]:
    keys = keys_let_in(step, site.settings.ssh_keys)
    found = {
        "key_name": ensured_keypair(project, keys),
        "user_data": user_data(keys),
        "security_groups": [{"name": name} for name in site.settings.security_groups],
    }
    return {key: value for key, value in found.items() if value}


def _applied(server: JsonMap) -> Applied:
    """Since the cloud took it in hand; its second may have begun before we asked."""
    at = instant(server["created"])
    asked = server["metadata"].get(ASKED)
    if asked:
        at = max(at, parse_instant(asked))
    return Applied(at, server["id"], server[HOST])
