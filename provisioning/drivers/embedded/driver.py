"""The driver of a simulated cloud: observe, measure, and bring machines to the state a step wants."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import repeat
from pathlib import Path

from cloudctl.core.clock import Clock
from cloudctl.core.database import to_micros
from cloudctl.core.errors import Refused, Unreachable
from provisioning.driver import HostUnreachable, PoolFacts
from provisioning.drivers.embedded.addresses import address_of
from provisioning.drivers.embedded.counters import Counters, Meter
from provisioning.drivers.embedded.faults import Faults, StepFault, read_faults
from provisioning.drivers.embedded.hypervisor import Hypervisor
from provisioning.drivers.embedded.store import CloudStore, HostRecord, MachineRecord, Remnant
from provisioning.drivers.embedded.traces import Traces
from provisioning.drivers.embedded.workload import SLOT_US
from provisioning.host_details import HostDetails
from provisioning.model import (
    Applied,
    Capability,
    Console,
    Fault,
    HostFacts,
    Machine,
    MachineState,
    Measurement,
    Observation,
    Reading,
    Step,
)
from provisioning.placement import Overcommit
from provisioning.series import Series

# Counters are carried forward on disk this often, so that no reading has to start at the cloud's beginning;
# but not into the last day: a collector that was killed may ask for that again.
CARRY_US = 30 * 3_600_000_000
KEPT_US = 86_400_000_000


class EmbeddedDriver:
    """One pool's simulated cloud; its state lies in the pool's state folder and is the cloud's own."""

    capabilities = frozenset(Capability) - {Capability.ORDER, Capability.HOLD}
    is_simulated = True

    def __init__(self, pool: PoolFacts, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._store = CloudStore(pool.state_folder)
        traces = pool.options.get("traces")
        self._traces = Traces(pool.state_folder / Path(str(traces)) if traces else None)
        self._seed = int(pool.options.get("seed", 0))
        self._hosts: dict[str, HostRecord] | None = None
        self._meter: Meter | None = None
        self._version = -1

    def observe(self) -> Observation:
        faults = self._reachable()
        hosts = self._known_hosts()
        down = faults.hosts_down
        seen = [self._shown(machine) for machine in self._store.machines() if machine.host not in down]
        seen += [_left_behind(remnant) for remnant in self._store.remnants() if remnant.host not in down]
        return Observation(
            tuple(_host_facts(host, host.code not in faults.hosts_down) for host in hosts.values()),
            tuple(seen),
            tuple(Fault(code, None, "host_unreachable") for code in faults.hosts_down if code in hosts),
        )

    def measure(self) -> Measurement:
        faults = self._reachable()
        meter, now = self._current_meter(), to_micros(self._clock.now())
        readings = _readings(meter, meter.at(now), now)
        self._carry(now)
        return _measurement(readings, meter.machines, faults)

    def measure_some(self, vm_ids: Collection[int]) -> Measurement:
        """What `measure` would say of these machines; only their hosts are worked out, for the others play no part."""
        faults = self._reachable()
        self._known_hosts()
        now = to_micros(self._clock.now())
        wanted = [machine for vm_id in vm_ids if (machine := self._store.machine(vm_id))]
        machines = self._store.machines_on({machine.host for machine in wanted})
        meter = Meter(self._seed, machines, self._store.hosts(), self._traces)
        found = _measurement(_readings(meter, meter.at(now), now), machines, faults)
        return Measurement(
            tuple(reading for reading in found.readings if reading.vm_id in vm_ids),
            tuple(fault for fault in found.faults if fault.vm_id is None or fault.vm_id in vm_ids),
        )

    def measure_ahead(self, instants: Sequence[datetime]) -> Series:
        """Many sweeps at once; the counters are pure functions of the time, so they can be had in advance."""
        faults = self._reachable()
        meter, at_us = self._current_meter(), [to_micros(instant) for instant in instants]
        columns = meter.ahead(at_us)
        counters = Counters(*(column[:, 0].tolist() for column in columns))
        first = _measurement(_readings(meter, counters, at_us[0]), meter.machines, faults)
        seen = {reading.vm_id for reading in first.readings}
        rows = [row for row, machine in enumerate(meter.machines) if machine.vm_id in seen]
        cpu, steal, disk, network, memory, storage = (column[rows].data for column in columns)
        self._carry(at_us[0])
        return Series(at_us, first, cpu, steal, memory, storage, disk, network)

    def apply(self, step: Step) -> Applied:
        faults = self._reachable()
        hosts = self._known_hosts()
        fault = faults.of_step(step.name, step.kind)
        if fault is not None:
            self._hinder(step, fault)
        with self._store.writing():
            hypervisor = Hypervisor(
                self._store, hosts, Overcommit.of(self._pool.options), faults.hosts_down, self._advance
            )
            applied = hypervisor.apply(step, to_micros(self._clock.now()))
            self._meter = None
        if fault is not None and fault.does == "drop":
            raise Unreachable(
                "Pool {pool}: the answer to a step on {name} was lost.", pool=self._pool.code, name=step.name
            )
        return applied

    def replace_storage(self, vm_id: int, storage_gib: Mapping[str, int]) -> None:
        """As a person with a screwdriver would: also by smaller disks. Of a machine that is gone: nothing."""
        self._reachable()
        now = to_micros(self._clock.now())
        with self._store.writing():
            machine = self._store.machine(vm_id)
            if machine is None or machine.storage_gib == dict(storage_gib):
                return
            self._advance({machine.host}, now)
            current = self._store.machine(vm_id)
            assert current is not None
            self._store.put_machine(replace(current, storage_gib=dict(storage_gib), size_us=now))
            self._meter = None

    def profiles(self) -> Mapping[str, str]:
        """What kind of workload each machine was given, by name; for those who look behind the scenes."""
        meter = self._current_meter()
        return dict(zip((machine.name for machine in meter.machines), meter.profiles(), strict=True))

    def console(self, vm_id: int) -> Console:
        """There is nobody inside a simulated machine: its console shows what the cloud knows of it."""
        faults = self._reachable()
        machine = self._store.machine(vm_id)
        if machine is None or machine.host in faults.hosts_down or machine.state != "running":
            raise Refused("The machine does not run where it could be seen: it has no console.")
        line = f"{machine.name} ({machine.external_id}) on {machine.host}, boot {machine.boots}"
        return Console("command", ("printf", "%s\n", line))

    def inspect(self, host: str) -> HostDetails:
        known = self._known_hosts()
        if host not in known:
            raise Refused("The cloud has no host {host}.", host=host)
        if host in self._reachable().hosts_down:
            raise HostUnreachable("Host {host} does not answer.", host=host)
        return HostDetails(_host_facts(known[host], is_up=True), hypervisor="simulated", manager="cloudctl")

    def close(self) -> None:
        self._store.close()

    def _shown(self, record: MachineRecord) -> Machine:
        assert record.number is not None
        return Machine(
            record.external_id,
            record.name,
            record.vm_id,
            record.host,
            MachineState(record.state),
            record.size,
            record.labels,
            (address_of(self._pool.code, record.number),),
        )

    def _reachable(self) -> Faults:
        faults = read_faults(self._pool.state_folder)
        if faults.pool_down:
            raise Unreachable("Pool {pool} does not answer.", pool=self._pool.code)
        return faults

    def _hinder(self, step: Step, fault: StepFault) -> None:
        if fault.does == "refuse":
            raise Refused("Pool {pool} refused a step on {name}.", pool=self._pool.code, name=step.name)
        if fault.does == "late":
            now = to_micros(self._clock.now())
            asked = self._store.first_asked(step.vm_id, step.kind, now)
            if now < asked + timedelta(seconds=fault.seconds) // timedelta(microseconds=1):
                raise Unreachable(
                    "Pool {pool} is still at work on {name}.", pool=self._pool.code, name=step.name
                )

    def _known_hosts(self) -> dict[str, HostRecord]:
        """The inventory's hosts; a new or a larger one counts from the moment it is first seen here."""
        if self._hosts is None:
            wanted = {code: _host_record(code, options) for code, options in sorted(self._pool.hosts.items())}
            known = self._store.hosts()
            occupied = {machine.host for machine in self._store.machines()}
            kept = {code: host for code, host in known.items() if code in occupied and code not in wanted}
            if known != wanted | kept:
                with self._store.writing():
                    self._advance(set(known), to_micros(self._clock.now()))
                    self._store.put_hosts(list((wanted | kept).values()))
                self._meter = None
            self._hosts = wanted | kept
        return self._hosts

    def _current_meter(self) -> Meter:
        self._known_hosts()
        version = self._store.version()
        if self._meter is None or version != self._version:
            self._meter = Meter(self._seed, self._store.machines(), self._store.hosts(), self._traces)
            self._version = version
        return self._meter

    def _advance(self, hosts: set[str], at_us: int) -> int:
        """Writes down the counters of the hosts' machines as of now, before something changes there.

        Returns the instant: now, or the last step's where a clock went back. Within a transaction.
        """
        touched = self._store.machines_on(hosts)
        at_us = max([at_us, *(machine.counted_us for machine in touched)])
        if any(machine.counted_us != at_us for machine in touched):
            self._count(touched, at_us)
        return at_us

    def _count(self, machines: list[MachineRecord], at_us: int) -> None:
        """All machines of some hosts; those of other hosts play no part in what these get."""
        counted = Meter(self._seed, machines, self._store.hosts(), self._traces).at(at_us)
        values = zip(machines, counted.cpu, counted.steal, counted.disk, counted.network, strict=True)
        self._store.put_counters(
            at_us,
            [(machine.number, *counters) for machine, *counters in values if machine.counted_us != at_us],
        )

    def _carry(self, now: int) -> None:
        """Moves old counters forward to the beginning of a slot a day ago: the same sums, split there."""
        boundary = (now - KEPT_US) // SLOT_US * SLOT_US
        assert self._meter is not None
        oldest = min((machine.counted_us for machine in self._meter.machines), default=now)
        if now - oldest > CARRY_US:
            with self._store.writing():
                machines = self._store.machines()
                changed_since = {machine.host for machine in machines if machine.counted_us > boundary}
                self._advance({machine.host for machine in machines} - changed_since, boundary)
            self._meter = None


def _host_record(code: str, options: Mapping[str, object]) -> HostRecord:
    storage = options.get("storage_gib") or {}
    assert isinstance(storage, Mapping)
    tiers = {str(tier): int(gib) for tier, gib in sorted(storage.items())}
    return HostRecord(code, int(str(options.get("vcpus", 0))), int(str(options.get("memory_mib", 0))), tiers)


def _host_facts(host: HostRecord, is_up: bool) -> HostFacts:
    return HostFacts(host.code, is_up, host.vcpus, host.memory_mib, host.storage_gib)


def _left_behind(remnant: Remnant) -> Machine:
    number = f"sim-{remnant.number}"
    return Machine(number, remnant.name, remnant.vm_id, remnant.host, MachineState.OFF, remnant.size)


def _readings(meter: Meter, counters: Counters, now: int) -> list[Reading]:
    known = meter.standing
    return list(
        map(
            Reading,
            known.vm_ids,
            known.hosts,
            repeat(now),
            known.states,
            known.counter_keys,
            counters.cpu,
            counters.steal,
            counters.memory,
            counters.storage,
            counters.disk,
            counters.network,
            known.vcpus,
            known.memory_mib,
            known.storage_gib,
        )
    )


def _measurement(readings: list[Reading], machines: Sequence[MachineRecord], faults: Faults) -> Measurement:
    if not faults.hosts_down and not faults.stuck:
        return Measurement(tuple(reading for reading in readings if reading.vm_id is not None))
    return _without(readings, machines, faults)


def _without(readings: list[Reading], machines: Sequence[MachineRecord], faults: Faults) -> Measurement:
    """The sweep less what does not answer."""
    seen, missing = [], [Fault(host, None, "host_unreachable") for host in faults.hosts_down]
    for reading, machine in zip(readings, machines, strict=True):
        if machine.vm_id is None or machine.host in faults.hosts_down:
            continue
        if machine.name in faults.stuck:
            missing.append(Fault(machine.host, machine.vm_id, "machine_stuck"))
        else:
            seen.append(reading)
    return Measurement(tuple(seen), tuple(missing))
