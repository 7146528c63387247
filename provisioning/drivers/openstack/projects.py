"""A project of the cloud per unit: found by our tag or by its name, made where there is none."""

from functools import cached_property
from threading import Lock

from cloudctl.core.errors import Refused
from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.settings import Settings


class Projects:
    def __init__(self, cloud: Cloud, settings: Settings, pool: str) -> None:
        self._cloud = cloud
        self._settings = settings
        self._pool = pool
        self._lock = Lock()
        self._of_unit: dict[str, str] = {}

    def for_unit(self, unit: str | None) -> Cloud:
        """Ourselves in the unit's project; without a unit in our own."""
        if not unit:
            return self._cloud
        with self._lock:
            if unit not in self._of_unit:
                project = self._found(unit) or self._made(unit)
                self._grant(project["id"])
                self._of_unit[unit] = project["id"]
            return self._cloud.in_project(self._of_unit[unit])

    def at(self, project_id: str) -> Cloud:
        """Ourselves in the project a server stands in, if it is a unit's; else as we are."""
        if not self.is_of_unit(project_id):
            return self._cloud
        self._grant(project_id)
        return self._cloud.in_project(project_id)

    def names(self) -> dict[str, str]:
        """The name of every project, by id."""
        return {
            project["id"]: project["name"] for project in self._cloud.identity.pages("/projects", "projects")
        }

    def is_of_unit(self, project_id: str) -> bool:
        """Whether the project is one that we keep for a unit."""
        document = self._cloud.identity.find(f"/projects/{project_id}")
        tags = document["project"].get("tags", ()) if document else ()
        return any(tag.startswith("cloudctl-unit:") for tag in tags)

    def _found(self, unit: str) -> JsonMap | None:
        for asked in ({"tags": self._tag(unit)}, {"name": self._name(unit)}):
            listed = self._cloud.identity.get("/projects", domain_id=self._domain, **asked)["projects"]
            if listed:
                project: JsonMap = listed[0]
                if self._tag(unit) not in project.get("tags", ()):
                    self._cloud.identity.put(f"/projects/{project['id']}/tags/{self._tag(unit)}")
                return project
        return None

    def _made(self, unit: str) -> JsonMap:
        body = {
            "name": self._name(unit),
            "domain_id": self._domain,
            "description": f"cloudctl {self._pool}: {unit}",
            "tags": [self._tag(unit)],
        }
        try:
            made: JsonMap = self._cloud.identity.post("/projects", {"project": body})["project"]
        except Rejected as refusal:
            again = self._found(unit) if refusal.status == 409 else None
            if again is None:
                raise
            return again
        return made

    def _grant(self, project_id: str) -> None:
        """Our user works in the project itself, so that what it makes belongs to it."""
        found = self._cloud.identity.get("/roles", name=self._settings.project_role)["roles"]
        for role in found[:1]:
            user = self._cloud.user_id
            self._cloud.identity.put(f"/projects/{project_id}/users/{user}/roles/{role['id']}")

    @cached_property
    def _domain(self) -> str:
        """The id of the domain that the pool names, else of the one our own project is in."""
        named = self._settings.project_domain
        if named is None:
            own = self._cloud.identity.get(f"/projects/{self._cloud.project_id}")
            return str(own["project"]["domain_id"])
        found = self._cloud.identity.get("/domains", name=named)["domains"]
        if not found:
            raise Refused("Pool {pool}: the cloud has no domain “{name}”.", pool=self._pool, name=named)
        return str(found[0]["id"])

    def _name(self, unit: str) -> str:
        return self._settings.project_prefix + unit

    def _tag(self, unit: str) -> str:
        return f"cloudctl-unit:{unit}"
