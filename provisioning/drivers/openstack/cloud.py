"""The connection to one cloud: its services in our own project and in others', microversions agreed on."""

from collections.abc import Mapping
from functools import cached_property
from threading import RLock
from typing import Any

import openstack
from keystoneauth1 import exceptions as ksa
from openstack import exceptions as sdk
from openstack.connection import Connection

from cloudctl.core.errors import Message, Refused
from provisioning.drivers.openstack.endpoint import Endpoint
from provisioning.drivers.openstack.failures import silence
from provisioning.drivers.openstack.patience import REQUEST_SECONDS

# What the driver speaks, each of release Train (2019) or older; a newer cloud is spoken to in the same.
COMPUTE = "2.79"
VOLUME = "3.59"
PLACEMENT = "1.14"
# Says why an action failed; asked for where the cloud knows it.
ACTION_DETAILS = (2, 84)


class Cloud:
    """One cloud as one user sees it in one project."""

    def __init__(self, pool: str, connection: Connection) -> None:
        self.pool = pool
        self._connection = connection
        self._lock = RLock()
        self._projects: dict[str, Cloud] = {}

    @classmethod
    def named(cls, pool: str, options: Mapping[str, Any]) -> "Cloud":
        """By its name in clouds.yaml. Refused when there is no such cloud."""
        name = options.get("cloud")
        if not name:
            raise Refused("Pool {pool}: say its cloud: the name in clouds.yaml.", pool=pool)
        try:
            connection = openstack.connect(cloud=str(name), api_timeout=REQUEST_SECONDS)
        except (sdk.ConfigException, ksa.ClientException, OSError) as error:
            raise Refused(
                "Pool {pool}: clouds.yaml has no usable cloud “{cloud}”: {reason}",
                pool=pool,
                cloud=name,
                reason=" ".join(str(error).split())[:300],
                hint=Message("OS_CLIENT_CONFIG_FILE names another clouds.yaml."),
            ) from None
        return cls(pool, connection)

    def in_project(self, project_id: str | None) -> "Cloud":
        """The same user in another project; None: in the user's own."""
        if project_id is None or project_id == self.project_id:
            return self
        with self._lock:
            if project_id not in self._projects:
                other = self._connection.connect_as(
                    project_id=project_id, project_name=None, project_domain_id=None, project_domain_name=None
                )
                self._projects[project_id] = Cloud(self.pool, other)
            return self._projects[project_id]

    @cached_property
    def project_id(self) -> str:
        return str(self._asked("current_project_id"))

    @cached_property
    def user_id(self) -> str:
        return str(self._asked("current_user_id"))

    @cached_property
    def compute(self) -> Endpoint:
        return self._endpoint("compute", COMPUTE)

    @cached_property
    def volumes(self) -> Endpoint:
        return self._endpoint("block_storage", VOLUME)

    @cached_property
    def placement(self) -> Endpoint:
        return self._endpoint("placement", PLACEMENT)

    @cached_property
    def identity(self) -> Endpoint:
        return self._endpoint("identity")

    @cached_property
    def images(self) -> Endpoint:
        return self._endpoint("image")

    @cached_property
    def networks(self) -> Endpoint:
        return self._endpoint("network")

    @cached_property
    def action_details(self) -> str | None:
        """The microversion in which an action says why it failed, where the cloud has it."""
        highest = self._highest(self.compute.adapter)
        return "{}.{}".format(*ACTION_DETAILS) if highest and highest >= ACTION_DETAILS else None

    def close(self) -> None:
        for other in self._projects.values():
            other.close()
        self._connection.close()

    def _endpoint(self, service: str, microversion: str | None = None) -> Endpoint:
        adapter = self._asked(service)
        if microversion is not None:
            self._require(service, adapter, microversion)
        return Endpoint(adapter, self.pool, service, microversion)

    def _asked(self, attribute: str) -> Any:
        """What the SDK finds out by asking the cloud: a token, the catalogue, the versions."""
        try:
            with self._lock:
                return getattr(self._connection, attribute)
        except ksa.ClientException as error:
            raise silence(self.pool, error) from None
        except sdk.SDKException as error:
            raise silence(self.pool, ksa.ClientException(str(error))) from None

    def _require(self, service: str, adapter: Any, microversion: str) -> None:
        highest = self._highest(adapter)
        wanted = tuple(map(int, microversion.split(".")))
        if highest is None or highest < wanted:
            raise Refused(
                "Pool {pool}: {service} speaks no microversion {wanted} (release Train); its highest is {highest}.",
                pool=self.pool,
                service=service,
                wanted=microversion,
                highest=".".join(map(str, highest or ())) or "–",
            )

    def _highest(self, adapter: Any) -> tuple[int, ...] | None:
        try:
            data = adapter.get_endpoint_data()
        except ksa.ClientException as error:
            raise silence(self.pool, error) from None
        return tuple(data.max_microversion) if data is not None and data.max_microversion else None
