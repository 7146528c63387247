"""Starts, stops, restarts a machine, puts it aside and brings it back: asked for once, watched until it is so."""

from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import Refused
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.marks import BOOTED
from provisioning.drivers.openstack.patience import Deadline
from provisioning.drivers.openstack.servers import HOST, instant, is_steady, require_sound, state_of
from provisioning.drivers.openstack.site import Site
from provisioning.model import Applied, MachineState, Step, StepKind

# Actions of the cloud that leave a machine running or off, whoever asked for them.
RUNS = ("start", "unshelve", "resume", "unpause", "create", "reboot", "rebuild", "evacuate")
RESTS = ("stop", "suspend")
PUTS_ASIDE = ("shelve", "shelveOffload")


def start(site: Site, step: Step) -> Applied:
    server, deadline = _at_rest(site, step)
    state = state_of(server)
    if state == MachineState.RUNNING:
        return _applied(site, server, *RUNS)
    _require_not_aside(step, state)
    waking = {"PAUSED": "unpause", "SUSPENDED": "resume"}.get(server["status"], "os-start")
    return _booted(site, _acted(site, server, deadline, waking, "ACTIVE", RUNS))


def stop(site: Site, step: Step) -> Applied:
    server, deadline = _at_rest(site, step)
    state = state_of(server)
    if state == MachineState.OFF:
        return _applied(site, server, *RESTS)
    _require_not_aside(step, state)
    return _acted(site, server, deadline, "os-stop", "SHUTOFF", RESTS)


def reboot(site: Site, step: Step) -> Applied:
    """Not again when one began after the instant the step names."""
    server, deadline = _at_rest(site, step)
    if state_of(server) != MachineState.RUNNING:
        raise Refused("{name} is not running.", name=step.name)
    before = site.servers.since(server["id"], "reboot")
    if before is not None and before >= parse_instant(str((step.after or {})["not_before"])):
        return Applied(before, server["id"], server[HOST])
    site.servers.act(server["id"], "reboot", {"type": "SOFT"})
    server = site.servers.watched(server, deadline, lambda now: is_steady(now, "ACTIVE"))
    return _booted(site, _applied(site, server, "reboot"))


def shelve(site: Site, step: Step) -> Applied:
    """Off, its memory and its place given back, its disks kept."""
    server, deadline = _at_rest(site, step)
    if state_of(server) == MachineState.SHELVED:
        return _applied(site, server, *PUTS_ASIDE)
    site.servers.act(server["id"], "shelve")
    server = site.servers.watched(
        server, deadline, lambda now: is_steady(now, "SHELVED", "SHELVED_OFFLOADED")
    )
    return _applied(site, server, *PUTS_ASIDE)


def unshelve(site: Site, step: Step) -> Applied:
    server, deadline = _at_rest(site, step)
    state = state_of(server)
    if state == MachineState.RUNNING:
        return _applied(site, server, *RUNS)
    if state != MachineState.SHELVED:
        raise Refused("{name} is not put aside.", name=step.name)
    return _acted(site, server, deadline, "unshelve", "ACTIVE", RUNS)


def _at_rest(site: Site, step: Step) -> tuple[JsonMap, Deadline]:
    """Refused with its fault when it is broken; only stopping it may mend that, as people do by hand."""
    deadline = site.deadline(step.name)
    server = site.at_rest(step, deadline)
    if step.kind != StepKind.STOP:
        require_sound(server)
    return server, deadline


def _require_not_aside(step: Step, state: MachineState) -> None:
    if state == MachineState.SHELVED:
        raise Refused("{name} is put aside; bring it back first.", name=step.name)


def _acted(
    site: Site, server: JsonMap, deadline: Deadline, action: str, status: str, recorded: tuple[str, ...]
) -> Applied:
    site.servers.act(server["id"], action)
    server = site.servers.watched(server, deadline, lambda now: is_steady(now, status))
    return _applied(site, server, *recorded)


def _booted(site: Site, applied: Applied) -> Applied:
    """Notes that counters began anew; nothing that the cloud lists of a server says so."""
    assert applied.external_id is not None
    site.servers.write_metadata(applied.external_id, {BOOTED: applied.at.isoformat()})
    return applied


def _applied(site: Site, server: JsonMap, *actions: str) -> Applied:
    at = site.servers.since(server["id"], *actions) or instant(server["created"])
    return Applied(at, server["id"], server[HOST])
