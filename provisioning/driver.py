"""The few verbs every cloud answers to, and the register of drivers by name."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cloudctl.core.clock import Clock
from cloudctl.core.errors import Message, Refused, Unreachable
from provisioning.host_details import HostDetails
from provisioning.model import (
    Applied,
    Capability,
    Console,
    Machine,
    MachineState,
    Measurement,
    Observation,
    Probe,
    Step,
)

# name -> dotted path of the class; loaded when a pool of that kind is opened.
DRIVERS = {
    "embedded": "provisioning.drivers.embedded:EmbeddedDriver",
    "external": "provisioning.drivers.external:ExternalDriver",
    "libvirt": "provisioning.drivers.libvirt:LibvirtDriver",
    "openstack": "provisioning.drivers.openstack:OpenStackDriver",
}


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What a driver is told of its pool. hosts: code -> its options; state_folder: for its own state.

    images: code -> `source`, `sha256` and further options; networks: code -> `bridge`, `vlan` and further options.
    """

    code: str
    options: Mapping[str, Any]
    hosts: Mapping[str, Mapping[str, Any]]
    state_folder: Path
    images: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class HostUnreachable(Unreachable):
    """One host does not answer; its cloud's others may."""

    def __init__(self, template: str, *, host: str, **values: Any) -> None:
        self.host = host
        super().__init__(template, host=host, **values)


class StillAtWork(Unreachable):
    """The cloud answers, but did not get done in time what was asked of it for one machine."""


class Driver(Protocol):
    """One pool's cloud.

    Errors of every verb: Unreachable when it does not answer (what was asked may have been done or not; of one host
    HostUnreachable, of one machine StillAtWork), Refused for what it cannot or will not do (nothing was done).
    """

    capabilities: frozenset[Capability]
    is_simulated: bool

    def __init__(self, pool: PoolFacts, clock: Clock) -> None: ...

    def observe(self) -> Observation:
        """All hosts and machines there are."""
        ...

    def measure(self) -> Measurement:
        """One reading per machine, the whole pool in one sweep."""
        ...

    def apply(self, step: Step) -> Applied:
        """Brings one machine to the state the step wants; done before: the first time's instant.

        A machine is known by its vm_id, kept in the cloud's own metadata. What stands already is answered with
        the instant since when it does; deleting what is gone with when it went, or now.
        """
        ...

    def close(self) -> None: ...


@runtime_checkable
class Selective(Protocol):
    """A cloud that measures a few of its machines for less than it measures all."""

    def measure_some(self, vm_ids: Collection[int]) -> Measurement:
        """What `measure` would say of these machines."""
        ...


@runtime_checkable
class Concurrent(Protocol):
    """A cloud whose `apply` may be asked by several threads at once, on one driver; others are asked in turn.

    max_parallel, max_per_host: how many steps it bears at once, in all and on one host.
    """

    max_parallel: int
    max_per_host: int


@runtime_checkable
class Consoled(Protocol):
    """A cloud that gives access to its machines' consoles."""

    def console(self, vm_id: int) -> Console:
        """How to reach the machine's console now. Refused when it has none or does not run."""
        ...


@runtime_checkable
class Addressed(Protocol):
    """A cloud that can ask its guests for addresses that it does not know by itself."""

    def addresses(self, vm_ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
        """Of those of these machines that tell any. It may take seconds; hosts and guests that are silent tell none."""
        ...


@runtime_checkable
class Probed(Protocol):
    """A cloud whose hosts can be tried."""

    def probe(self, host: str) -> tuple[Probe, ...]:
        """Boots something tiny on the host in every way there may be; nothing of it stays."""
        ...


@runtime_checkable
class Inspected(Protocol):
    """A cloud that tells of its hosts more than placement needs."""

    def inspect(self, host: str) -> HostDetails:
        """The host as it is now. Unreachable when it does not answer."""
        ...


@runtime_checkable
class Readmitting(Protocol):
    """A cloud that keeps by itself that a host was fenced, and must be told when it may use it again."""

    def readmit(self, host: str) -> None:
        """Told before: nothing. Refused while the host has not cleaned up what was started elsewhere."""
        ...


@runtime_checkable
class Attended(Protocol):
    """A simulated cloud: nobody has hands there, so what people report to have done at its consoles it does itself."""

    def replace_storage(self, vm_id: int, storage_gib: Mapping[str, int]) -> None:
        """Puts other disks, which may be smaller, in the place of a machine's own. Done before: nothing."""
        ...


def open_driver(name: str, pool: PoolFacts, clock: Clock) -> Driver:
    """The driver of a pool. Refused when this install does not carry it."""
    if name not in DRIVERS:
        raise Refused(
            "Pool {pool}: this version has no driver “{driver}”.",
            pool=pool.code,
            driver=name,
            hint=Message("It carries: {names}.", {"names": ", ".join(DRIVERS)}),
        )
    module, attribute = DRIVERS[name].split(":")
    driver: Driver = getattr(import_module(module), attribute)(pool, clock)
    return driver


def addresses_of(driver: Driver, machines: Sequence[Machine]) -> dict[int, tuple[str, ...]]:
    """Where machines of ours are reached, as their cloud knows; else, of those that run, as their guests say."""
    known = {each.vm_id: each.addresses for each in machines if each.vm_id is not None and each.addresses}
    silent = [
        each.vm_id
        for each in machines
        if each.vm_id is not None and each.vm_id not in known and each.state == MachineState.RUNNING
    ]
    if silent and isinstance(driver, Addressed):
        known |= driver.addresses(silent)
    return known
