"""What a cloud is to us: hosts, machines, readings and steps, as frozen values free of any SDK."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from cloudctl.core.quantity import Size


class MachineState(StrEnum):
    """SHELVED: off and put aside, to be deleted or brought back; a reading of it says off."""

    RUNNING = "running"
    PAUSED = "paused"
    OFF = "off"
    SHELVED = "shelved"
    UNKNOWN = "unknown"


class StepKind(StrEnum):
    CREATE = "create"
    RESIZE = "resize"
    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    MIGRATE = "migrate"
    EVACUATE = "evacuate"
    SHELVE = "shelve"
    UNSHELVE = "unshelve"
    DELETE = "delete"
    ADOPT = "adopt"


class Capability(StrEnum):
    """What a driver can do; a step that needs one its pool lacks is refused before anything is done."""

    CREATE = "create"
    RESIZE = "resize"
    LIVE_RESIZE = "live_resize"
    POWER = "power"
    MIGRATE = "migrate"
    # Start a machine of a dead host on another one, from shared storage.
    EVACUATE = "evacuate"
    SHELVE = "shelve"
    DELETE = "delete"
    MEASURE = "measure"
    ADOPT = "adopt"
    # Keep the way back from a resize open until it is confirmed.
    HOLD = "hold"
    # Somebody else carries changes out: a step becomes a work order.
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """A host as its cloud reports it: physical capacity before overcommit.

    shared_tiers: those of which every host of the pool has the same storage, all of it.
    """

    code: str
    is_up: bool
    vcpus: int
    memory_mib: int
    storage_gib: Mapping[str, int] = field(default_factory=dict)
    shared_tiers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class LiveRange:
    """Sizes that a machine can take without a power cycle."""

    least_vcpus: int
    most_vcpus: int
    most_memory_mib: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as its cloud reports it; vm_id is our id from its metadata, None when it carries none.

    labels: what the cloud knows that helps to find an owner: "system" and "unit" (codes) where we wrote them,
    "project", "title", and a person's own metadata under its keys. addresses: of its network ports, as far as known.
    live: what it can be resized to while it runs, where its cloud can resize so; None: any size.
    fault: why it is broken, in its cloud's own words; empty: it is not.
    """

    external_id: str
    name: str
    vm_id: int | None
    host: str | None
    state: MachineState
    size: Size
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    live: LiveRange | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Console:
    """Where a machine's console is had: a command to run here (argv), or an address to open, which may expire."""

    kind: Literal["command", "url"]
    command: tuple[str, ...] = ()
    url: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether guests of one kind really run on a host. is_offered: the host says so. reason: why it does not work."""

    kind: str
    is_offered: bool
    works: bool
    seconds: float | None = None
    reason: Literal["", "never_got_there", "refused"] = ""
    detail: str = ""


# Words of faults that speak of a second one of a machine: a definition on a host that it has left, or one that runs.
LEFT_BEHIND, RUNS_TWICE = "left_behind", "runs_twice"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something could not be seen: a host, or one machine of it. reason: a word of the catalogue."""

    host: str
    vm_id: int | None
    reason: str

    @property
    def is_double(self) -> bool:
        """Whether it tells of a second one of the machine there."""
        return self.reason in (LEFT_BEHIND, RUNS_TWICE)


@dataclass(frozen=True, slots=True)
class Observation:
    hosts: tuple[HostFacts, ...]
    machines: tuple[Machine, ...]
    faults: tuple[Fault, ...] = ()


class Reading(NamedTuple):
    """Counters and gauges of one machine at one instant; None is unknown. A tuple: a sweep makes thousands.

    at_us: microseconds since the epoch. counter_key: names the life of the CPU counters (host and process
    start); when it changes, or a counter falls, they began anew. cpu_ns, steal_ns, disk_written_bytes,
    network_bytes (both ways): since that life began.
    Reported sizes serve drift detection alone.
    """

    vm_id: int
    host: str
    at_us: int
    state: str
    counter_key: str
    cpu_ns: int | None
    steal_ns: int | None
    memory_used_bytes: int | None
    storage_used_bytes: int | None
    disk_written_bytes: int | None
    network_bytes: int | None
    vcpus: int | None
    memory_mib: int | None
    storage_gib: int | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One sweep over a pool: a reading per machine that answered, and why the others did not."""

    readings: tuple[Reading, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan. before/after: what it changes, as JSON values; provisioning/steps.py says which.

    A step says the state wanted, so applying it twice is applying it once.
    """

    kind: StepKind
    vm_id: int
    name: str
    before: Mapping[str, object] | None
    after: Mapping[str, object] | None
    is_live: bool = True


@dataclass(frozen=True, slots=True)
class Applied:
    """What a step came to: when it took effect by the cloud's own record, and where the machine is."""

    at: datetime
    external_id: str | None
    host: str | None
