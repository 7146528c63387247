"""A server group per system, which keeps its machines on different hosts where it can."""

from threading import Lock

from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.endpoint import PAGE, JsonMap


class Groups:
    """One at a time: two threads must not make the same group twice."""

    def __init__(self, cloud: Cloud, pool: str, is_strict: bool) -> None:
        self._cloud = cloud
        self._pool = pool
        self._policy = "anti-affinity" if is_strict else "soft-anti-affinity"
        self._lock = Lock()
        self._known: dict[tuple[str, str], str] = {}

    def id_for(self, system: str, project: Cloud) -> str:
        """The group of that system in that project, made where there is none."""
        key = (system, project.project_id)
        with self._lock:
            if key not in self._known:
                self._known[key] = self._found(system, project) or self._made(system, project)
            return self._known[key]

    def forget(self, system: str, project: Cloud) -> None:
        """After the cloud said that the group is gone."""
        with self._lock:
            self._known.pop((system, project.project_id), None)

    def remove_empty(self, system: str | None) -> None:
        """Deletes the system's groups that hold no machine any more."""
        if system is None:
            return
        with self._lock:
            for group in self._listed(self._cloud, all_projects="True"):
                if group["name"] == self._name(system) and not group["members"]:
                    self._cloud.compute.delete(f"/os-server-groups/{group['id']}")
                    self._known = {key: known for key, known in self._known.items() if known != group["id"]}

    def _name(self, system: str) -> str:
        return f"cloudctl.{self._pool}.{system}"

    def _found(self, system: str, project: Cloud) -> str | None:
        named = (group for group in self._listed(project) if group["name"] == self._name(system))
        return next((str(group["id"]) for group in named), None)

    def _made(self, system: str, project: Cloud) -> str:
        body = {"server_group": {"name": self._name(system), "policy": self._policy}}
        return str(project.compute.post("/os-server-groups", body)["server_group"]["id"])

    def _listed(self, cloud: Cloud, **asked: str) -> list[JsonMap]:
        """Page by page: this list alone has no links."""
        groups: list[JsonMap] = []
        while True:
            page = cloud.compute.get("/os-server-groups", limit=PAGE, offset=len(groups), **asked)[
                "server_groups"
            ]
            groups += page
            if len(page) < PAGE:
                return groups
