"""Counters of simulated machines as a pure function of their history and the time.

Between two steps on a host nothing there changes but time, and use is constant within a slot of five minutes:
min(demand, vCPUs), all machines of a host cut alike where together they want more cores than it has (the rest
is steal). So a counter is its value at the last step plus whole-number slot sums. Reading it twice gives it
twice; a sweep that is skipped loses nothing; there is nothing to lose in a crash.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from provisioning.drivers.embedded.chance import Ints, machine_key
from provisioning.drivers.embedded.store import HostRecord, MachineRecord
from provisioning.drivers.embedded.traces import Traces
from provisioning.drivers.embedded.workload import GIB, MIB, SLOT_US, Workloads

# Machines times slots computed in one go: some 20 MB of work space.
BLOCK_CELLS = 120_000
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Block:
    """Rates and sums of consecutive slots from `first` on; `sums` start at the block's beginning."""

    first: int
    rates: tuple[Ints, Ints, Ints, Ints]
    sums: tuple[Ints, Ints, Ints, Ints]
    memory: Ints

    @property
    def after(self) -> int:
        return self.first + int(self.memory.shape[1])


@dataclass(frozen=True, slots=True)
class Counters:
    """At one instant, an entry per machine in the order given. cpu, steal: ns; the others: bytes."""

    cpu: list[int]
    steal: list[int]
    disk: list[int]
    network: list[int]
    memory: list[int]
    storage: list[int]


class Standing:
    """What a reading says besides counters and gauges: the same from one step to the next, a column each."""

    def __init__(self, machines: Sequence[MachineRecord]) -> None:
        self.vm_ids = [machine.vm_id for machine in machines]
        self.hosts = [machine.host for machine in machines]
        self.states = ["off" if machine.state == "shelved" else machine.state for machine in machines]
        self.counter_keys = [machine.counter_key for machine in machines]
        self.vcpus = [machine.vcpus for machine in machines]
        self.memory_mib = [machine.memory_mib for machine in machines]
        self.storage_gib = [machine.size.storage_total_gib for machine in machines]


class Meter:
    """The machines of a cloud (sorted by host) between two steps; keeps one block, going forward in time."""

    def __init__(
        self, seed: int, machines: Sequence[MachineRecord], hosts: Mapping[str, HostRecord], traces: Traces
    ) -> None:
        self.machines = machines
        self.standing = Standing(machines)
        self._traces = traces
        self._counted = _column([machine.counted_us for machine in machines])
        self._bases = self._counted_values()
        self._ceiling = _column([machine.vcpus * MILLION for machine in machines]).reshape(-1, 1)
        self._memory = _column([machine.memory_mib * MIB for machine in machines])
        self._storage = _column([machine.size.storage_total_gib * GIB for machine in machines])
        self._runs = _column([machine.state == "running" for machine in machines]).reshape(-1, 1)
        self._starts, self._host, self._capacity = _by_host(machines, hosts)
        self._workloads = workloads_of(seed, machines)
        self._block: Block | None = None
        self._length = 1

    def at(self, at_us: int) -> Counters:
        """Counters and gauges at that instant; before the last step they are as of that step."""
        return Counters(*(column.ravel().tolist() for column in self.ahead([at_us])))

    def ahead(self, instants: Sequence[int]) -> tuple[Ints, ...]:
        """The same at every one of ascending instants: arrays (machines, instants), in the order of Counters."""
        if not self.machines:
            return (np.zeros((0, len(instants)), np.int64),) * 6
        parts, position = [], 0
        while position < len(instants):
            block = self._block_of(instants[position] // SLOT_US)
            upto = bisect_left(instants, block.after * SLOT_US)
            parts.append(self._values(block, _column(instants[position:upto])))
            position = upto
        return tuple(np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True))

    def _values(self, block: Block, at_us: Ints) -> tuple[Ints, ...]:
        """Counters and gauges at instants that lie in one block, or before all there is to know."""
        at_us = np.maximum(at_us, block.first * SLOT_US)
        slots = at_us // SLOT_US
        columns = slots - block.first
        elapsed = np.maximum(at_us - np.maximum(slots * SLOT_US, self._counted.reshape(-1, 1)), 0)
        counters = [
            base.reshape(-1, 1) + sums[:, columns] + rates[:, columns] * elapsed // unit
            for base, sums, rates, unit in zip(self._bases, block.sums, block.rates, _UNITS, strict=True)
        ]
        most_memory = (self._memory * 97 // 100).reshape(-1, 1)
        memory = np.minimum(block.memory[:, columns], most_memory) * self._runs
        storage = np.minimum(self._workloads.storage_used(slots), (self._storage * 98 // 100).reshape(-1, 1))
        return (*counters, memory, storage)

    def profiles(self) -> list[str]:
        return self._workloads.names() if self.machines else []

    def _block_of(self, slot: int) -> Block:
        """The block that holds a slot; earlier blocks are added up on the way."""
        first = int(self._counted.min()) // SLOT_US
        if self._block is not None and slot < self._block.first:
            self._block, self._bases = None, self._counted_values()
        while self._block is None or slot >= self._block.after:
            start = first if self._block is None else self._block.after
            if self._block is not None:
                self._bases = tuple(
                    base + sums[:, -1] for base, sums in zip(self._bases, self._block.sums, strict=True)
                )
            limit = max(BLOCK_CELLS // len(self.machines), 1)
            # A single reading needs few slots, a driven month many: each block is twice the one before.
            self._length = min(max(slot - start + 1, 2 * self._length), limit)
            self._block = self._compute(start, self._length)
        return self._block

    def _counted_values(self) -> tuple[Ints, ...]:
        """The counters as of the last step, machine by machine."""
        return tuple(_column([getattr(machine, name) for machine in self.machines]) for name in _COUNTERS)

    def _compute(self, first: int, length: int) -> Block:
        slots = np.arange(first, first + length, dtype=np.int64)
        demand = self._traces.replayed(self._workloads.demand(slots), slots, self.machines)
        wanted = np.minimum(demand.cpu, self._ceiling) * self._runs
        granted = self._shared(wanted)
        rates = (granted, wanted - granted, demand.disk * self._runs, demand.network * self._runs)
        begun = np.maximum(slots * SLOT_US, self._counted.reshape(-1, 1))
        overlap = np.maximum((slots + 1) * SLOT_US - begun, 0)
        sums = tuple(_running(rate * overlap // unit) for rate, unit in zip(rates, _UNITS, strict=True))
        return Block(first, rates, sums, demand.memory)  # type: ignore[arg-type]

    def _shared(self, wanted: Ints) -> Ints:
        """Cores granted: where a host's machines want more than it has, each gets the same share."""
        load = np.add.reduceat(wanted, self._starts, axis=0)[self._host]
        cut = wanted * self._capacity // np.maximum(load, 1)
        return np.where(load > self._capacity, cut, wanted)


_COUNTERS = ("cpu_ns", "steal_ns", "disk_bytes", "network_bytes")
# A rate times microseconds, divided by this: millionths of a core give ns; bytes a second give bytes.
_UNITS = (1000, 1000, MILLION, MILLION)


def workloads_of(seed: int, machines: Sequence[MachineRecord]) -> Workloads:
    return Workloads.of(
        np.array([machine_key(seed, machine.name) for machine in machines], np.uint64),
        _column([machine.born_vcpus * MILLION for machine in machines]),
        _column([machine.born_memory_mib * MIB for machine in machines]),
        _column([machine.born_storage_gib * GIB for machine in machines]),
        _column([machine.born_us // SLOT_US for machine in machines]),
    )


def _by_host(
    machines: Sequence[MachineRecord], hosts: Mapping[str, HostRecord]
) -> tuple[list[int], Ints, Ints]:
    """Where each host's machines begin, each machine's host by index, and its cores in millionths (n, 1)."""
    starts, index, capacity = [], [], []
    position = 0
    for number, (code, group) in enumerate(groupby(machines, key=lambda machine: machine.host)):
        size = sum(1 for _ in group)
        starts.append(position)
        index += [number] * size
        capacity += [hosts[code].vcpus * MILLION if code in hosts else 0] * size
        position += size
    return starts, _column(index), _column(capacity).reshape(-1, 1)


def _running(amounts: Ints) -> Ints:
    """Sums up to the beginning of each slot, and one more for the end of the last."""
    sums: Ints = np.zeros((amounts.shape[0], amounts.shape[1] + 1), np.int64)
    np.cumsum(amounts, axis=1, out=sums[:, 1:])
    return sums


def _column(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
