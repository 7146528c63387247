"""Gives a machine another size: flavor first, because it can be taken back; volumes only ever grow.

A resize that is to be held stays in VERIFY_RESIZE. The same size asked for without holding confirms it; the size
it came from, which stands in the metadata, reverts it; a third size confirms and goes on from there.
"""

from collections.abc import Mapping
from datetime import datetime

from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.driver import StillAtWork
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.flavors import shape_of
from provisioning.drivers.openstack.marks import CAME_FROM, GREW
from provisioning.drivers.openstack.patience import Deadline
from provisioning.drivers.openstack.quotas import asked_by
from provisioning.drivers.openstack.servers import HOST, instant, is_steady, require_sound
from provisioning.drivers.openstack.site import Site
from provisioning.model import Applied, Step
from provisioning.steps import wanted_size

HELD = "VERIFY_RESIZE"
SETTLED = ("ACTIVE", "SHUTOFF")


def resize(site: Site, step: Step) -> Applied:
    """Refused leaves the machine as it was."""
    deadline = site.deadline(step.name)
    server = site.at_rest(step, deadline)
    require_sound(server)
    volumes = site.volumes.attached_to(server)
    before, wanted = site.size_of(server, volumes), wanted_size(step)
    _require_growth(step.name, before, wanted)
    holds = bool((step.after or {}).get("hold"))
    project = site.projects.at(server["tenant_id"])
    if server["status"] == HELD and _flavor(site, wanted) != shape_of(server["flavor"]):
        held, back = server, _text(_flavor(site, wanted))
        # The way back up takes quota like any way up.
        server = site.quotas.within(
            project, asked_by(wanted, before), lambda: _leave(site, held, back, deadline)
        )
        before = site.size_of(server, volumes)
    more = asked_by(wanted, before, volumes=len(wanted.storage_gib.keys() - before.storage_gib.keys()))
    server = site.quotas.within(
        project, more, lambda: _brought_to(site, step, server, volumes, wanted, project, deadline)
    )
    if before.storage_gib != wanted.storage_gib:
        volumes = site.volumes.attached_to({**server, **(site.servers.get(server["id"]) or {})})
    if server["status"] == HELD and not holds:
        server = confirm(site, server, deadline)
    return Applied(_since(site, server, volumes), server["id"], server[HOST])


def confirm(site: Site, server: JsonMap, deadline: Deadline) -> JsonMap:
    """Ends the way back. That an earlier try did so shows, while it lasts, in the migration alone."""
    try:
        site.servers.act(server["id"], "confirmResize")
    except Rejected:
        latest = next(iter(site.servers.migrations(server["id"])), None)
        if latest is None or latest["status"] not in ("confirming", "confirmed"):
            raise
    return site.servers.watched(server, deadline, lambda now: is_steady(now, *SETTLED))


def _leave(site: Site, server: JsonMap, wanted: str, deadline: Deadline) -> JsonMap:
    """Out of a resize that was held: back if that is what is wanted, else confirmed."""
    if server["metadata"].get(CAME_FROM) != wanted:
        return confirm(site, server, deadline)
    site.servers.act(server["id"], "revertResize")
    return site.servers.watched(server, deadline, lambda now: is_steady(now, *SETTLED))


def _brought_to(
    site: Site,
    step: Step,
    server: JsonMap,
    volumes: list[JsonMap],
    wanted: Size,
    project: Cloud,
    deadline: Deadline,
) -> JsonMap:
    if _flavor(site, wanted) != shape_of(server["flavor"]):
        server = _other_flavor(site, server, wanted, deadline)
    try:
        _grow(site, server, volumes, wanted, project, deadline)
    except Refused:
        # Nothing grew: then the flavor that this step gave, in an earlier try maybe, goes back, and nothing was done.
        origin = _text(_flavor(site, Size.from_json(step.before or {})))
        if server["status"] == HELD and server["metadata"].get(CAME_FROM) == origin:
            _leave(site, server, origin, deadline)
        raise
    return server


def _other_flavor(site: Site, server: JsonMap, wanted: Size, deadline: Deadline) -> JsonMap:
    """The server in VERIFY_RESIZE with the flavor of that size."""
    came_from = {CAME_FROM: _text(shape_of(server["flavor"]))}
    site.servers.write_metadata(server["id"], came_from)
    for is_last in (False, True):
        try:
            site.servers.act(server["id"], "resize", {"flavorRef": site.flavors.id_for(wanted)})
            break
        except Rejected as refusal:
            if is_last or refusal.status not in (400, 404):
                raise
            site.flavors.forget()
    resized = site.servers.watched(server, deadline, lambda now: is_steady(now, HELD))
    return {**resized, "metadata": {**resized["metadata"], **came_from}}


def _grow(
    site: Site, server: JsonMap, volumes: list[JsonMap], wanted: Size, project: Cloud, deadline: Deadline
) -> None:
    held = site.size_of(server, volumes).storage_gib
    grown = {
        tier: gib
        for tier, gib in wanted.storage_gib.items()
        if gib > held.get(tier, 0) and not site.settings.is_local(tier)
    }
    if not grown:
        return
    done: list[str] = []
    by_tier = {site.settings.tier_of(volume.get("volume_type")): volume for volume in volumes}
    for tier in sorted(grown, key=lambda each: each not in by_tier):
        try:
            if tier in by_tier:
                gib = grown[tier] - held[tier] + int(by_tier[tier]["size"])
                # Before it is asked for: who takes it up after a kill finds it grown, and must know since when.
                site.volumes.note_growth(by_tier[tier], site.clock.now())
                site.volumes.grow(by_tier[tier], gib, deadline)
            else:
                _attach(site, server, tier, grown[tier], project, deadline)
        except Refused as refusal:
            if done:
                raise _half_grown(server["name"], done, refusal) from None
            raise
        done.append(tier)


def _attach(site: Site, server: JsonMap, tier: str, gib: int, project: Cloud, deadline: Deadline) -> None:
    """A volume of a tier the machine had nothing in; one that an earlier try made is taken."""
    mark = site.mark_of(server)
    made = site.volumes.made(mark, project, server["name"], {tier: gib}, None, site.volumes.of(mark))
    volume = site.volumes.watched(made[tier], deadline, "available", "in-use")
    if volume["status"] == "available":
        site.volumes.note_growth(volume, site.clock.now())
        try:
            site.servers.attach(server["id"], volume["id"])
        except Rejected:
            # Unless what an earlier try asked for came first.
            now = site.volumes.get(volume["id"])
            if now is None or now["status"] == "available":
                raise
        site.volumes.watched(volume, deadline, "in-use")


def _require_growth(name: str, before: Size, wanted: Size) -> None:
    storage: Mapping[str, int] = wanted.storage_gib
    if any(storage.get(tier, 0) < gib for tier, gib in before.storage_gib.items()):
        raise Refused("{name}: a disk cannot shrink in place.", name=name)


def _flavor(site: Site, size: Size) -> tuple[int, int, int]:
    return size.vcpus, size.memory_mib, site.flavors.disk_of(size)


def _text(shape: tuple[int, int, int]) -> str:
    return "{}c{}m{}d".format(*shape)


def _half_grown(name: str, done: list[str], refusal: Refused) -> StillAtWork:
    """What grew cannot shrink again, so nobody may take this for a refusal that left all as it was."""
    return StillAtWork(
        "{name}: its {tiers} grew, then the cloud refused: {reason}",
        name=name,
        tiers=", ".join(done),
        reason=refusal.reason if isinstance(refusal, Rejected) else str(refusal),
    )


def _since(site: Site, server: JsonMap, volumes: list[JsonMap]) -> datetime:
    """When it last got another size: by the cloud's record of flavors, by ours of volumes."""
    grown = (volume["metadata"].get(GREW) for volume in volumes)
    found = [parse_instant(at) for at in grown if at]
    flavored = site.servers.since(server["id"], "resize", "revertResize")
    found += [flavored] if flavored else []
    return max(found, default=instant(server["created"]))
