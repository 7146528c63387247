"""The cloud's servers: found by our mark, asked to act, watched until they have."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cloudctl.core.clock import as_utc
from cloudctl.core.errors import Refused
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.marks import Mark
from provisioning.drivers.openstack.patience import Deadline
from provisioning.model import MachineState

HOST = "OS-EXT-SRV-ATTR:host"
TASK = "OS-EXT-STS:task_state"
POWER = "OS-EXT-STS:power_state"
LAUNCHED = "OS-SRV-USG:launched_at"
TERMINATED = "OS-SRV-USG:terminated_at"
ATTACHED = "os-extended-volumes:volumes_attached"

_BY_STATUS = {
    "ACTIVE": MachineState.RUNNING,
    "PAUSED": MachineState.PAUSED,
    "SUSPENDED": MachineState.PAUSED,
    "SHUTOFF": MachineState.OFF,
    "STOPPED": MachineState.OFF,
    "SHELVED": MachineState.SHELVED,
    "SHELVED_OFFLOADED": MachineState.SHELVED,
    "ERROR": MachineState.UNKNOWN,
    "BUILD": MachineState.UNKNOWN,
}
_BY_POWER = {1: MachineState.RUNNING, 3: MachineState.PAUSED, 4: MachineState.OFF}

Judge = Callable[[JsonMap], bool]


class Servers:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._compute = cloud.compute

    def every(self) -> Iterator[JsonMap]:
        """All servers of all projects, in detail, a thousand a call."""
        return self._compute.pages("/servers/detail", "servers", all_tenants=1)

    def find(self, mark: Mark) -> JsonMap | None:
        """The server that carries the mark. Refused when several do."""
        tagged = self._compute.pages("/servers/detail", "servers", all_tenants=1, tags=mark.tag)
        found = [server for server in tagged if mark.is_on(server)]
        if len(found) > 1:
            raise Refused(
                "The cloud has {count} servers of one machine: {ids}.",
                count=len(found),
                ids=", ".join(server["id"] for server in found),
            )
        return found[0] if found else None

    def named(self, name: str) -> list[JsonMap]:
        """Servers of that very name, in all projects."""
        listed = self._compute.pages("/servers/detail", "servers", all_tenants=1, name=_exactly(name))
        return [server for server in listed if server["name"] == name]

    def get(self, server_id: str) -> JsonMap | None:
        document = self._compute.find(f"/servers/{server_id}")
        return document["server"] if document else None

    def last_deleted(self, mark: Mark, name: str) -> JsonMap | None:
        """What the cloud still knows of the machine after its server is gone."""
        listed = self._compute.get(
            "/servers/detail", all_tenants=1, deleted="true", name=_exactly(name), limit=100
        )["servers"]
        ours = [
            server
            for server in listed
            if server["name"] == name and server.get("description") in (mark.description, None)
        ]
        return max(ours, key=lambda server: str(server.get(TERMINATED) or ""), default=None)

    def migrations(self, server_id: str) -> list[JsonMap]:
        """Every resize, migration and evacuation of it that the cloud knows of, the latest first."""
        found = self._compute.get("/os-migrations", instance_uuid=server_id)["migrations"]
        return sorted(found, key=lambda each: int(each["id"]), reverse=True)

    def act(self, server_id: str, action: str, body: Mapping[str, Any] | None = None) -> None:
        """Asks for an action; the cloud says 409 where the server's state forbids it."""
        self._compute.post(f"/servers/{server_id}/action", {action: body})

    def write_metadata(self, server_id: str, metadata: Mapping[str, str]) -> None:
        """Beside what stands there."""
        self._compute.post(f"/servers/{server_id}/metadata", {"metadata": dict(metadata)}, is_repeatable=True)

    def write_tag(self, server_id: str, tag: str) -> None:
        self._compute.put(f"/servers/{server_id}/tags/{tag}")

    def attach(self, server_id: str, volume_id: str) -> None:
        body = {"volumeAttachment": {"volumeId": volume_id}}
        self._compute.post(f"/servers/{server_id}/os-volume_attachments", body)

    def remove(self, server_id: str) -> None:
        self._compute.delete(f"/servers/{server_id}")

    def watched(self, server: JsonMap, deadline: Deadline, is_done: Judge) -> JsonMap:
        """The server once it is as wanted. Refused with the cloud's reason when it will not be."""
        for _ in deadline.looks():
            now = self.get(server["id"])
            if now is None:
                raise Refused("{name} was deleted in the cloud meanwhile.", name=server["name"])
            if is_done(now):
                return now
            if now["status"] == "ERROR":
                raise Refused(
                    "{name} failed in the cloud: {reason}", name=server["name"], reason=fault_of(now)
                )
            if now[TASK] is None and now["status"] != "BUILD":
                self._require_no_failure(now)
        raise AssertionError("looks end by an error")

    def watched_away(self, server: JsonMap, deadline: Deadline) -> None:
        for _ in deadline.looks():
            now = self.get(server["id"])
            if now is None:
                return
            if now["status"] == "SOFT_DELETED" and now[TASK] is None:
                # A cloud that keeps deleted servers for a while (reclaim_instance_interval).
                self.act(server["id"], "forceDelete")
            if now["status"] == "ERROR" and now[TASK] is None:
                raise Refused(
                    "{name} failed in the cloud: {reason}", name=server["name"], reason=fault_of(now)
                )

    def since(self, server_id: str, *actions: str) -> datetime | None:
        """When the last of these actions that went well began; None: the cloud knows of none.

        The cloud keeps whole seconds, so it is the next one: never before we asked. Its end is written only after the
        server has its new state, so that who looks twice may read two.
        """
        for action in self._actions(server_id):
            if action["action"] in actions and action.get("message") != "Error":
                return _second_after(action["start_time"])
        return None

    def _actions(self, server_id: str) -> list[JsonMap]:
        """The latest first."""
        found = self._compute.find(f"/servers/{server_id}/os-instance-actions") or {}
        return sorted(
            found.get("instanceActions", ()), key=lambda each: str(each["start_time"]), reverse=True
        )

    def _require_no_failure(self, server: JsonMap) -> None:
        """A resize or a migration that failed leaves the server as it was: only its action says so."""
        latest = next(iter(self._actions(server["id"])), None)
        if latest is None or latest.get("message") != "Error":
            return
        again = self.get(server["id"])
        if again is not None and again[TASK] is not None:
            return
        told = self._compute.get(
            f"/servers/{server['id']}/os-instance-actions/{latest['request_id']}",
            microversion=self._cloud.action_details,
        )["instanceAction"]
        raise Refused("{name} failed in the cloud: {reason}", name=server["name"], reason=_reason(told))


def _exactly(name: str) -> str:
    """The pattern that the cloud filters names by."""
    return "^" + name.replace(".", r"\.") + "$"


def state_of(server: JsonMap) -> MachineState:
    status = str(server["status"])
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return _BY_POWER.get(int(server.get(POWER) or 0), MachineState.UNKNOWN)


def is_steady(server: JsonMap, *statuses: str) -> bool:
    """Whether it has one of these statuses and nothing under way."""
    return server["status"] in statuses and server[TASK] is None


def fault_of(server: JsonMap) -> str:
    """Why a server is in ERROR, in the cloud's words."""
    fault = server.get("fault") or {}
    return " ".join(str(fault.get("message") or "ERROR").split())[:500]


def require_sound(server: JsonMap) -> None:
    """Refused with its fault when it is broken."""
    if server["status"] == "ERROR":
        raise Refused("{name} failed in the cloud: {reason}", name=server["name"], reason=fault_of(server))


def instant(text: str) -> datetime:
    """Of the cloud's times, which are UTC with or without saying so."""
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return as_utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))


def _second_after(text: str) -> datetime:
    return instant(text).replace(microsecond=0) + timedelta(seconds=1)


def terminated_at(server: JsonMap) -> datetime | None:
    text = server.get(TERMINATED)
    return _second_after(str(text)) if text else None


def _reason(action: JsonMap) -> str:
    """The words of the event that failed: its details, else the last line of its traceback."""
    for event in action.get("events", ()):
        if event.get("result") == "Error":
            words = event.get("details") or (event.get("traceback") or "").strip().rpartition("\n")[2]
            if words:
                return " ".join(str(words).split())[:500]
    return str(action.get("message") or "Error")
