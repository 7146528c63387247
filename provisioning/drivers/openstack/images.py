"""Images by the inventory's codes: found in the cloud, else uploaded from the pool's folder, once.

An upload is known by a tag of its file's sum from the request that begins it, and by a second tag once it has arrived
whole: one that was cut off is found and begun anew, and never taken for an image.
"""

import hashlib
from contextlib import suppress
from threading import Lock

from cloudctl.core.errors import Refused, Unreachable
from provisioning.driver import PoolFacts, StillAtWork
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Lost, Rejected
from provisioning.drivers.openstack.image_files import ImageFile, checked_file
from provisioning.drivers.openstack.patience import Deadline, pause

BEGUN = "cloudctl-image-"
WHOLE = "cloudctl-whole"
PATCH = "application/openstack-images-v2.1-json-patch"


class Images:
    """Remembers what it found for as long as the driver is open."""

    def __init__(self, cloud: Cloud, facts: PoolFacts, deadline_s: int) -> None:
        self._service = cloud.images
        self._facts = facts
        self._deadline_s = deadline_s
        self._lock = Lock()
        self._turns: dict[str, Lock] = {}
        self._known: dict[str, str] = {}

    def id_for(self, code: object) -> str:
        """Of the image of that code; None: of the pool's only one. Refused when missing, or not the one it was."""
        chosen = str(code) if code else self._only()
        with self._lock:
            turn = self._turns.setdefault(chosen, Lock())
        with turn:
            if chosen not in self._known:
                self._known[chosen] = self._found(chosen)
            return self._known[chosen]

    def _only(self) -> str:
        if len(self._facts.images) != 1:
            raise Refused("Pool {pool} has several images or none: say which one.", pool=self._facts.code)
        return next(iter(self._facts.images))

    def _found(self, code: str) -> str:
        facts = self._facts.images.get(code, {})
        source, wanted = str(facts.get("source") or code), facts.get("sha256")
        there = self._active(source)
        fitting = [image for image in there if not wanted or sum_of(image) == wanted]
        if not fitting:
            unknown = [image for image in there if sum_of(image) is None]
            fitting = [image for image in unknown if self._learnt(image) == wanted]
        if len(fitting) == 1:
            return str(fitting[0]["id"])
        if fitting:
            raise self._miscounted(source, len(fitting))
        file = checked_file(code, source, wanted, self._facts.state_folder)
        if file is not None:
            return self._uploaded(source, file)
        if there:
            raise self._another(there[0], wanted)
        raise self._nowhere(source)

    def _active(self, source: str) -> list[JsonMap]:
        """By name, else by id; what is still being uploaded here is none yet."""
        for key in ("name", "id"):
            asked: dict[str, str] = {key: source}
            listed = self._service.get("/images", status="active", **asked)["images"]
            found = [image for image in listed if not is_begun(image) or WHOLE in image["tags"]]
            if found:
                return found
        return []

    def _learnt(self, image: JsonMap) -> str:
        """The sum of an image that others brought: read once, then kept in its property. An image never changes."""
        deadline = Deadline.after(self._deadline_s, self._facts.code, image["name"])
        digest, length = hashlib.sha256(), 0
        for block in self._service.received(f"/images/{image['id']}/file"):
            deadline.require_time()
            digest.update(block)
            length += len(block)
        if length != image["size"]:
            raise Unreachable(
                "Pool {pool}: image “{name}” did not come whole.", pool=self._facts.code, name=image["name"]
            )
        image["sha256"] = digest.hexdigest()
        with suppress(Rejected):
            change = {"op": "add", "path": "/sha256", "value": image["sha256"]}
            self._service.patch(f"/images/{image['id']}", PATCH, [change])
        return str(image["sha256"])

    def _uploaded(self, name: str, file: ImageFile) -> str:
        """The id of the image once the cloud has it whole. Unreachable: the next try goes on."""
        image, is_sent = self._begun(name, file), False
        deadline = Deadline.after(self._deadline_s, self._facts.code, name)
        try:
            for _ in deadline.looks():
                found = self._service.find(f"/images/{image['id']}")
                if found is None or (is_sent and found["status"] == "queued"):
                    raise self._cut_off(name)
                image = found
                if image["status"] == "active":
                    return self._closed(image, name, file)
                if image["status"] == "queued":
                    is_sent = self._send(image, file)
        except Unreachable:
            if image["status"] == "saving" and not is_sent:
                # Whoever sent it has had all our time, and is gone.
                self._service.delete(f"/images/{image['id']}")
            raise
        raise AssertionError("looks end by an error")

    def _begun(self, name: str, file: ImageFile) -> JsonMap:
        """The one record that this file's upload goes to, made where there is none; the oldest of several."""
        tag = BEGUN + file.sums["sha256"][:32]
        if not self._tagged(tag):
            body = {
                "name": name,
                "disk_format": file.disk_format,
                "container_format": "bare",
                "visibility": "public",
                "min_disk": file.min_disk_gib,
                "tags": [tag],
                "sha256": file.sums["sha256"],
                "cloudctl_pool": self._facts.code,
            }
            try:
                self._service.post("/images", body)
            except Lost:
                pause(2)
        records = self._tagged(tag)
        if not records:
            raise self._cut_off(name)
        for younger in records[1:]:
            self._service.delete(f"/images/{younger['id']}")
        return records[0]

    def _tagged(self, tag: str) -> list[JsonMap]:
        found: list[JsonMap] = self._service.get("/images", tag=tag)["images"]
        return sorted(found, key=lambda image: (image["created_at"], image["id"]))

    def _send(self, image: JsonMap, file: ImageFile) -> bool:
        """False: another process is sending it already. Refused leaves nothing behind."""
        try:
            self._service.send(f"/images/{image['id']}/file", file.path)
        except Rejected as refusal:
            if refusal.status == 409:
                return False
            with suppress(Rejected):
                self._service.delete(f"/images/{image['id']}")
            raise
        return True

    def _closed(self, image: JsonMap, name: str, file: ImageFile) -> str:
        """Marks as whole what arrived so; what did not is thrown away."""
        kept = file.sums.get(str(image.get("os_hash_algo")))
        if image["size"] != file.length or (kept and image.get("os_hash_value") != kept):
            self._service.delete(f"/images/{image['id']}")
            raise self._cut_off(name)
        self._service.put(f"/images/{image['id']}/tags/{WHOLE}")
        return str(image["id"])

    def _cut_off(self, name: str) -> StillAtWork:
        return StillAtWork(
            "Pool {pool}: the upload of image “{name}” was cut off.", pool=self._facts.code, name=name
        )

    def _nowhere(self, source: str) -> Refused:
        return Refused(
            "Pool {pool}: the cloud has no active image “{name}”, and {folder} no such file.",
            pool=self._facts.code,
            name=source,
            folder=str(self._facts.state_folder),
        )

    def _miscounted(self, source: str, count: int) -> Refused:
        return Refused(
            "Pool {pool}: the cloud has {count} active images “{name}”; one is wanted.",
            pool=self._facts.code,
            count=count,
            name=source,
        )

    def _another(self, image: JsonMap, wanted: object) -> Refused:
        return Refused(
            "Pool {pool}: image “{name}” is another: its SHA-256 is {found}, not {wanted}.",
            pool=self._facts.code,
            name=image["name"],
            found=sum_of(image),
            wanted=wanted,
        )


def is_begun(image: JsonMap) -> bool:
    """Whether an upload of ours made it."""
    return any(tag.startswith(BEGUN) for tag in image.get("tags", ()))


def sum_of(image: JsonMap) -> str | None:
    """Its SHA-256 where the cloud knows it: Glance keeps SHA-512 unless told otherwise."""
    found = image.get("os_hash_value") if image.get("os_hash_algo") == "sha256" else image.get("sha256")
    return str(found) if found else None
