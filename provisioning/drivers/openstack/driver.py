"""The driver of an OpenStack cloud: observe, measure, and bring machines to the state a step wants."""

from collections.abc import Callable, Collection
from functools import cached_property

from cloudctl.core.clock import Clock
from cloudctl.core.errors import Refused
from provisioning.driver import PoolFacts
from provisioning.drivers.openstack import (
    adoption,
    creation,
    inspection,
    measurement,
    moving,
    power,
    removal,
    resizing,
    services,
)
from provisioning.drivers.openstack.failures import Rejected
from provisioning.drivers.openstack.observation import observe
from provisioning.drivers.openstack.servers import HOST, state_of
from provisioning.drivers.openstack.site import Site
from provisioning.host_details import HostDetails
from provisioning.model import (
    Applied,
    Capability,
    Console,
    MachineState,
    Measurement,
    Observation,
    Step,
    StepKind,
)

STEPS: dict[StepKind, Callable[[Site, Step], Applied]] = {
    StepKind.CREATE: creation.create,
    StepKind.RESIZE: resizing.resize,
    StepKind.START: power.start,
    StepKind.STOP: power.stop,
    StepKind.REBOOT: power.reboot,
    StepKind.SHELVE: power.shelve,
    StepKind.UNSHELVE: power.unshelve,
    StepKind.MIGRATE: moving.migrate,
    StepKind.EVACUATE: moving.evacuate,
    StepKind.DELETE: removal.delete,
    StepKind.ADOPT: adoption.adopt,
}
# What a cloud answers to a request that the state of a machine forbids.
CONFLICT = 409
# What needs the host the machine stands on to answer.
NEEDS_HOST = (
    StepKind.RESIZE,
    StepKind.START,
    StepKind.STOP,
    StepKind.REBOOT,
    StepKind.MIGRATE,
    StepKind.SHELVE,
)


class OpenStackDriver:
    """One pool's cloud, by its name in clouds.yaml; may be used by several threads at once."""

    capabilities = frozenset(Capability) - {Capability.ORDER, Capability.LIVE_RESIZE}
    is_simulated = False
    # Creates spend their time waiting for the cloud; more at once only meets its rate limits.
    max_parallel = 8
    max_per_host = 8

    def __init__(self, pool: PoolFacts, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    @cached_property
    def _site(self) -> Site:
        """Nothing is asked of the cloud before the first verb."""
        return Site.opened(self._pool, self._clock)

    def observe(self) -> Observation:
        return observe(self._site)

    def measure(self) -> Measurement:
        return measurement.measure(self._site)

    def measure_some(self, vm_ids: Collection[int]) -> Measurement:
        return measurement.measure(self._site, vm_ids)

    def apply(self, step: Step) -> Applied:
        """Asks once more where a request of an earlier try reached the cloud late: between our look and our request.

        Every verb begins with waiting for what is under way.
        """
        site, verb = self._site, STEPS[step.kind]
        if step.kind in NEEDS_HOST:
            _require_host_up(site, step)
        try:
            return verb(site, step)
        except Rejected as refusal:
            if refusal.status != CONFLICT:
                raise
        return verb(site, step)

    def console(self, vm_id: int) -> Console:
        """An address that expires."""
        site = self._site
        step = Step(StepKind.START, vm_id, str(vm_id), None, None)
        server = site.server_of(step)
        if state_of(server) != MachineState.RUNNING:
            raise Refused("{name} is not running.", name=server["name"])
        body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
        given = site.cloud.compute.post(f"/servers/{server['id']}/remote-consoles", body)
        return Console("url", url=str(given["remote_console"]["url"]))

    def inspect(self, host: str) -> HostDetails:
        return inspection.inspect(self._site, host)

    def readmit(self, host: str) -> None:
        services.readmit(self._site, host)

    def close(self) -> None:
        site = self.__dict__.pop("_site", None)
        if site is not None:
            site.cloud.close()


def _require_host_up(site: Site, step: Step) -> None:
    server = site.servers.find(site.mark(step))
    if server is not None and server[HOST] is not None:
        services.require_up(site, server[HOST])
