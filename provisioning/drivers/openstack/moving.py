"""Moves a machine to another host: live, with a power cycle, or from a dead host's shared storage."""

from contextlib import suppress

from provisioning.driver import StillAtWork
from provisioning.drivers.openstack import resizing, services
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.patience import Deadline
from provisioning.drivers.openstack.servers import HOST, TASK, instant, is_steady, require_sound
from provisioning.drivers.openstack.site import Site, text_of, wanted_host
from provisioning.model import Applied, Step

MOVES = ("live-migration", "migrate")
# To the cloud an evacuation is a rebuild on another host.
EVACUATING = "rebuild"
# What it calls one that is not over; "done" stays until the old host is back and has cleaned up.
BEGUN = ("accepted", "pre-migrating", "done")
# The longest between the end of an evacuation's task and the server's new host; after it, nothing will come.
ARRIVAL_SECONDS = 60


def migrate(site: Site, step: Step) -> Applied:
    """Live where the step says so and the machine runs. Refused when it did not go."""
    deadline = site.deadline(step.name)
    server = site.at_rest(step, deadline)
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
    target, dead = wanted_host(step), text_of(step.before, "host")
    server = _taken_up(site, step, dead, deadline)
    if server[HOST] != dead and server[HOST] is not None:
        return _applied(site, server, ("evacuate",))
    services.require_dead(site, dead)
    if server[TASK] is not None:
        site.servers.act(server["id"], "os-resetState", {"state": "active"})
        server = site.servers.watched(server, deadline, lambda now: now[TASK] is None)
    was_off = server["status"] == "SHUTOFF"
    site.servers.act(server["id"], "evacuate", {"host": target} if target else {})
    server = site.servers.watched(
        server, deadline, lambda now: is_steady(now, "ACTIVE", "SHUTOFF") and now[HOST] != dead
    )
    if server["status"] == "SHUTOFF" and not was_off:
        site.servers.act(server["id"], "os-start")
        server = site.servers.watched(server, deadline, lambda now: is_steady(now, "ACTIVE"))
    return _applied(site, server, ("evacuate",))


def _taken_up(site: Site, step: Step, dead: str | None, deadline: Deadline) -> JsonMap:
    """The server once an evacuation that an earlier try began is over. A second one would break it.

    The cloud ends its task first and names the new host a moment later: in between only its migration tells.
    """
    server = site.server_of(step)
    if server[TASK] is not None and (server[HOST] != dead or server[TASK].startswith(EVACUATING)):
        server = site.servers.watched(server, deadline, lambda now: now[TASK] is None)
    if server[HOST] == dead and any(
        each["migration_type"] == "evacuation" and each["source_compute"] == dead and each["status"] in BEGUN
        for each in site.servers.migrations(server["id"])
    ):
        with suppress(StillAtWork):
            arrival = Deadline.after(ARRIVAL_SECONDS, site.facts.code, step.name)
            server = site.servers.watched(server, arrival, lambda now: now[HOST] != dead)
    return server


def _applied(site: Site, server: JsonMap, actions: tuple[str, ...]) -> Applied:
    at = site.servers.since(server["id"], *actions) or instant(server["created"])
    return Applied(at, server["id"], server[HOST])
