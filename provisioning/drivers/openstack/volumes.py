"""Volumes of our machines: one per storage tier, marked with the machine's id, so none is made twice or left over."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from cloudctl.core.errors import Refused
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Lost, Rejected
from provisioning.drivers.openstack.marks import GREW, TIER, Mark
from provisioning.drivers.openstack.patience import Deadline, pause
from provisioning.drivers.openstack.servers import ATTACHED
from provisioning.drivers.openstack.settings import Settings

# The project of a volume.
TENANT = "os-vol-tenant-attr:tenant_id"
# What it is in when a server has it, or is about to.
TAKEN = ("reserved", "attaching", "in-use")
# What a volume is in for a while only, and cannot be deleted.
UNDER_WAY = ("attaching", "creating", "detaching", "downloading", "extending", "in-use")


class Volumes:
    def __init__(self, cloud: Cloud, settings: Settings) -> None:
        self._cloud = cloud
        self._service = cloud.volumes
        self._settings = settings

    def every(self) -> Iterator[JsonMap]:
        """All volumes of all projects, a thousand a call."""
        return self._service.pages("/volumes/detail", "volumes", all_tenants=1)

    def of(self, mark: Mark) -> list[JsonMap]:
        """Those that carry the mark, whatever became of their server."""
        asked = str(mark.metadata()).replace('"', "'")
        listed = self._service.pages("/volumes/detail", "volumes", all_tenants=1, metadata=asked)
        return [volume for volume in listed if mark.is_on(volume)]

    def attached_to(self, server: JsonMap) -> list[JsonMap]:
        found = (self.get(each["id"]) for each in server.get(ATTACHED, ()))
        return [volume for volume in found if volume is not None]

    def made(
        self,
        mark: Mark,
        project: Cloud,
        name: str,
        storage_gib: Mapping[str, int],
        image: str | None,
        existing: list[JsonMap],
        owner: Mapping[str, object] | None = None,
    ) -> dict[str, JsonMap]:
        """A volume per tier, those of an earlier try among them; the boot tier's made from the image.

        owner: a step's `after`, for whom the volumes are.
        """
        marks = mark.metadata(owner)
        boot = self._settings.boot_tier_of(storage_gib)
        there = {volume["metadata"].get(TIER): volume for volume in existing}
        made: dict[str, JsonMap] = {}
        for tier, gib in storage_gib.items():
            if not self._settings.is_local(tier):
                origin = image if tier == boot else None
                found = there.get(tier)
                made[tier] = found or self._make(
                    mark, project, f"{name}-{tier}", gib, origin, {**marks, TIER: tier}
                )
        return made

    def watched(self, volume: JsonMap, deadline: Deadline, *statuses: str, gib: int | None = None) -> JsonMap:
        """The volume once it has one of these statuses, and that size. Refused when it failed."""
        for _ in deadline.looks():
            now = self.get(volume["id"])
            if now is None:
                raise Refused("Volume {name} was deleted in the cloud meanwhile.", name=volume["name"])
            if now["status"] in statuses and (gib is None or now["size"] >= gib):
                return now
            if now["status"].startswith("error"):
                raise Refused(
                    "Volume {name} failed in the cloud: {status}.", name=now["name"], status=now["status"]
                )
        raise AssertionError("looks end by an error")

    def get(self, volume_id: str) -> JsonMap | None:
        document = self._service.find(f"/volumes/{volume_id}")
        return document["volume"] if document else None

    def grow(self, volume: JsonMap, gib: int, deadline: Deadline) -> None:
        """In use or not; a volume never shrinks. What an earlier try began is waited for."""
        try:
            self._service.post(f"/volumes/{volume['id']}/action", {"os-extend": {"new_size": gib}})
        except Rejected:
            now = self.get(volume["id"])
            if now is None or (now["status"] != "extending" and now["size"] < gib):
                raise
        self.watched(volume, deadline, "available", "in-use", gib=gib)

    def write_mark(self, volume: JsonMap, mark: Mark) -> None:
        """On a volume of a machine we take over; what stands on it stays."""
        tier = self._settings.tier_of(volume.get("volume_type"))
        body = {"metadata": {**mark.metadata(), TIER: tier}}
        self._service.post(f"/volumes/{volume['id']}/metadata", body, is_repeatable=True)

    def note_growth(self, volume: JsonMap, at: datetime) -> None:
        """A server in VERIFY_RESIZE takes no metadata; its volumes do."""
        body = {"metadata": {GREW: at.isoformat()}}
        self._service.post(f"/volumes/{volume['id']}/metadata", body, is_repeatable=True)

    def remove(self, volumes: list[JsonMap], deadline: Deadline) -> None:
        """Deletes volumes that are attached to nothing, and waits until they are gone."""
        for volume in volumes:
            self.watched_free(volume, deadline)
            now = self.get(volume["id"])
            if now is not None and now["status"] == "reserved":
                self._release(volume)
            self._delete(volume)
        for volume in volumes:
            for _ in deadline.looks():
                now = self.get(volume["id"])
                if now is None:
                    break
                if now["status"] == "error_deleting":
                    raise Refused(
                        "Volume {name} failed in the cloud: {status}.", name=now["name"], status=now["status"]
                    )

    def _delete(self, volume: JsonMap) -> None:
        """One that an earlier try deletes already is taken for deleted."""
        try:
            self._service.delete(f"/volumes/{volume['id']}")
        except Rejected:
            now = self.get(volume["id"])
            if now is not None and now["status"] != "deleting":
                raise

    def _release(self, volume: JsonMap) -> None:
        """Ends attachments to a server that is gone: an evacuation or a create that failed leaves them reserved."""
        asked = {"all_tenants": 1, "volume_id": volume["id"]}
        for attachment in self._service.get("/attachments", **asked)["attachments"]:
            self._service.delete(f"/attachments/{attachment['id']}")

    def watched_free(self, volume: JsonMap, deadline: Deadline) -> None:
        """A server that is gone may hold its volumes for a moment longer."""
        for _ in deadline.looks():
            now = self.get(volume["id"])
            if now is None or now["status"] not in UNDER_WAY:
                return

    def _make(
        self, mark: Mark, project: Cloud, name: str, gib: int, image: str | None, marks: Mapping[str, str]
    ) -> JsonMap:
        body = {
            "name": name,
            "size": gib,
            "volume_type": self._settings.volume_type(marks[TIER]),
            "metadata": dict(marks),
            **({"imageRef": image} if image else {}),
        }
        try:
            made: JsonMap = project.volumes.post("/volumes", {"volume": body})["volume"]
        except Lost:
            pause(2)
            found = [volume for volume in self.of(mark) if volume["metadata"].get(TIER) == marks[TIER]]
            if not found:
                raise
            return found[0]
        return made
