"""Moves a machine to another host: live, with a power cycle, or from a dead host's shared storage."""

from cloudctl.core.errors import Refused
from provisioning.drivers.openstack import resizing
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.servers import HOST, TASK, instant, is_steady, require_sound
from provisioning.drivers.openstack.site import Site, text_of, wanted_host
from provisioning.model import Applied, Step

MOVES = ("live-migration", "migrate")
# To the cloud an evacuation is a rebuild on another host.
EVACUATING = "rebuild"


def migrate(site: Site, step: Step) -> Applied:
    """Live where the step says so and the machine runs. Refused when it did not go."""
    deadline = site.deadline(step.name)
    server = site.server_of(step)
    if server[TASK] is not None:
        server = site.servers.watched(server, deadline, lambda now: now[TASK] is None)
    require_sound(server)
    host = wanted_host(step)
    if server["status"] == resizing.HELD and server[HOST] == host:
        server = resizing.confirm(site, server, deadline)
    if server[HOST] == host:
        return _applied(site, server, MOVES)
    if step.is_live and server["status"] == "ACTIVE":
        body = {"host": host, "block_migration": "auto"}
        site.servers.act(server["id"], "os-migrateLive", body)
        server = site.servers.watched(
            server, deadline, lambda now: is_steady(now, "ACTIVE", "PAUSED") and now[HOST] == host
        )
    else:
        site.servers.act(server["id"], "migrate", {"host": host})
        moved = site.servers.watched(server, deadline, lambda now: is_steady(now, resizing.HELD))
        server = resizing.confirm(site, moved, deadline)
    return _applied(site, server, MOVES)


def evacuate(site: Site, step: Step) -> Applied:
    """The old host is dead and fenced, a person says so; the cloud is told, and starts the machine elsewhere.

    What the old host still has of it its own compute service removes when it comes back. What that host was doing
    with it when it died the cloud would wait for without end.
    """
    deadline = site.deadline(step.name)
    server = site.server_of(step)
    target, dead = wanted_host(step), text_of(step.before, "host")
    if server[TASK] is not None and (server[HOST] != dead or server[TASK].startswith(EVACUATING)):
        server = site.servers.watched(server, deadline, lambda now: now[TASK] is None)
    if server[HOST] != dead and server[HOST] is not None:
        return _applied(site, server, ("evacuate",))
    _require_dead(site, dead)
    if server[TASK] is not None:
        site.servers.act(server["id"], "os-resetState", {"state": "active"})
        server = site.servers.watched(server, deadline, lambda now: now[TASK] is None)
    was_off = server["status"] == "SHUTOFF"
    try:
        site.servers.act(server["id"], "evacuate", {"host": target} if target else {})
    except Rejected:
        # What an earlier try asked for may have reached the cloud only now.
        now = site.server_of(step)
        if now[HOST] == dead and not str(now[TASK] or "").startswith(EVACUATING):
            raise
    server = site.servers.watched(
        server, deadline, lambda now: is_steady(now, "ACTIVE", "SHUTOFF") and now[HOST] != dead
    )
    if server["status"] == "SHUTOFF" and not was_off:
        site.servers.act(server["id"], "os-start")
        server = site.servers.watched(server, deadline, lambda now: is_steady(now, "ACTIVE"))
    return _applied(site, server, ("evacuate",))


def readmit(site: Site, host: str) -> None:
    """The cloud may use a fenced host again; it refuses until the host has cleaned up what was started elsewhere."""
    for service in site.cloud.compute.get("/os-services", binary="nova-compute", host=host)["services"]:
        if service.get("forced_down"):
            site.cloud.compute.put(f"/os-services/{service['id']}", {"forced_down": False})


def _require_dead(site: Site, host: str | None) -> None:
    """The cloud refuses to evacuate from a host that it believes alive; one that answers is left alone."""
    listed = site.cloud.compute.get("/os-services", binary="nova-compute", host=host or "")["services"]
    for service in listed:
        if service["state"] == "up":
            raise Refused("Host {host} answers: its machines are migrated, not evacuated.", host=host)
        if not service.get("forced_down"):
            site.cloud.compute.put(f"/os-services/{service['id']}", {"forced_down": True})


def _applied(site: Site, server: JsonMap, actions: tuple[str, ...]) -> Applied:
    at = site.servers.since(server["id"], *actions) or instant(server["created"])
    return Applied(at, server["id"], server[HOST])
