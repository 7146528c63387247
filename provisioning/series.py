"""Many sweeps in one answer: what a cloud that can look ahead says of a run of instants, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from provisioning.model import Measurement


@dataclass(frozen=True, slots=True)
class Series:
    """Readings at ascending instants. first: the whole measurement at the first of them.

    The columns are buffers of int64 of shape (machines, instants); row i belongs to first.readings[i]. Between
    the first instant and the last nothing changes but counters and gauges: not a host, a size, a state or a fault.
    """

    at_us: Sequence[int]
    first: Measurement
    cpu_ns: memoryview
    steal_ns: memoryview
    memory_used_bytes: memoryview
    storage_used_bytes: memoryview
    disk_written_bytes: memoryview
    network_bytes: memoryview


@runtime_checkable
class Foresighted(Protocol):
    """A cloud whose readings of a time to come can be had at once: a simulated one."""

    def measure_ahead(self, instants: Sequence[datetime]) -> Series:
        """What `measure` would answer at each instant, none of them in the past, if nothing is changed meanwhile."""
        ...
