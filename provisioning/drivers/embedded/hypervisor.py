"""What the simulated cloud does with a step, by its own rules: room, names, and doing a thing once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cloudctl.core.clock import parse_instant
from cloudctl.core.database import from_micros, to_micros
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size, total
from provisioning.driver import HostUnreachable
from provisioning.drivers.embedded.store import CloudStore, HostRecord, MachineRecord
from provisioning.model import Applied, HostFacts, Step, StepKind
from provisioning.placement import HostLoad, Overcommit, why_not
from provisioning.steps import wanted_size

# Writes down the counters on some hosts before a change there, and says at which instant it happens.
Advance = Callable[[set[str], int], int]


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """Carries out one step within the store's transaction. Refused leaves everything as it was."""

    store: CloudStore
    hosts: Mapping[str, HostRecord]
    overcommit: Overcommit
    down: Collection[str]
    advance: Advance

    def apply(self, step: Step, now: int) -> Applied:
        machine = self.store.machine(step.vm_id)
        if step.kind == StepKind.CREATE:
            return self._create(step, machine, now)
        if step.kind == StepKind.DELETE:
            return self._delete(step, machine, now)
        if step.kind == StepKind.ADOPT:
            return self._adopt(step, machine, now)
        if machine is None:
            raise Refused("The cloud has no machine {name}.", name=step.name)
        if step.kind == StepKind.EVACUATE:
            return self._evacuate(step, machine, now)
        self._require_up(machine.host)
        match step.kind:
            case StepKind.SHELVE | StepKind.UNSHELVE:
                return self._shelve(step, machine, now)
            case StepKind.RESIZE:
                return self._resize(step, machine, now)
            case StepKind.MIGRATE:
                return self._migrate(step, machine, now)
            case StepKind.REBOOT:
                return self._reboot(step, machine, now)
            case _:
                return self._power(step, machine, now)

    def _create(self, step: Step, machine: MachineRecord | None, now: int) -> Applied:
        size = wanted_size(step)
        if machine is not None:
            if machine.size != size:
                raise Refused("The cloud has a machine {name} of another size.", name=step.name)
            return _applied(machine.born_us, machine)
        assert step.after is not None
        host = str(step.after.get("host"))
        self._require_up(host)
        if self.store.machines("name = ?", step.name):
            raise Refused("The cloud has another machine of the name {name}.", name=step.name)
        self._require_room(host, step.name, size)
        at = self.advance({host}, now)
        image = step.after.get("image")
        self.store.put_machine(
            MachineRecord(
                number=None,
                vm_id=step.vm_id,
                name=step.name,
                host=host,
                state="running",
                vcpus=size.vcpus,
                memory_mib=size.memory_mib,
                storage_gib=dict(size.storage_gib),
                image=str(image) if image else None,
                born_us=at,
                born_vcpus=size.vcpus,
                born_memory_mib=size.memory_mib,
                born_storage_gib=size.storage_total_gib,
                size_us=at,
                host_us=at,
                state_us=at,
                boot_us=at,
                boots=1,
                counted_us=at,
                labels=_owner(step),
            )
        )
        return self._now_is(step.vm_id, at)

    def _adopt(self, step: Step, machine: MachineRecord | None, now: int) -> Applied:
        """Writes our id on a machine that carries none; it goes on as it was."""
        if machine is None:
            unclaimed = self._unclaimed(step)
            if not unclaimed:
                raise Refused("The cloud has no machine {name} without an owner.", name=step.name)
            if unclaimed[0].size != wanted_size(step):
                raise Refused("The cloud has a machine {name} of another size.", name=step.name)
            self._require_up(unclaimed[0].host)
            machine = replace(unclaimed[0], vm_id=step.vm_id)
        if not machine.labels.items() >= _owner(step).items():
            machine = replace(machine, labels={**machine.labels, **_owner(step)})
        self.store.put_machine(machine)
        return _applied(self.store.first_noted(step.vm_id, "adopted", now), machine)

    def _unclaimed(self, step: Step) -> list[MachineRecord]:
        """The machine of that external id, else of that name, if nobody owns it."""
        wanted = (step.after or {}).get("external_id")
        nobodys = self.store.machines("vm_id IS NULL")
        return [
            machine
            for machine in nobodys
            if (machine.external_id == wanted if wanted else machine.name == step.name)
        ]

    def _delete(self, step: Step, machine: MachineRecord | None, now: int) -> Applied:
        if machine is None:
            stone = self.store.tombstone(step.vm_id)
            at = stone.at_us if stone else now
            return Applied(from_micros(at), f"sim-{stone.number}" if stone else None, None)
        self._require_up(machine.host)
        at = self.advance({machine.host}, now)
        self.store.bury(machine, at)
        return Applied(from_micros(at), machine.external_id, None)

    def _resize(self, step: Step, machine: MachineRecord, now: int) -> Applied:
        size = wanted_size(step)
        if machine.size == size:
            return _applied(machine.size_us, machine)
        for tier, gib in machine.storage_gib.items():
            if size.storage_gib.get(tier, 0) < gib:
                raise Refused("{name}: a disk cannot shrink in place.", name=step.name)
        self._require_room(machine.host, step.name, size, without=machine)
        at = self.advance({machine.host}, now)
        current = self.store.machine(step.vm_id)
        assert current is not None
        resized = replace(
            current,
            vcpus=size.vcpus,
            memory_mib=size.memory_mib,
            storage_gib=dict(size.storage_gib),
            size_us=at,
        )
        # A power cycle starts a new process; a live resize keeps it, and its counters.
        cycles = not step.is_live and current.state == "running"
        self.store.put_machine(resized.booted(at) if cycles else resized)
        return self._now_is(step.vm_id, at)

    def _migrate(self, step: Step, machine: MachineRecord, now: int) -> Applied:
        assert step.after is not None
        host = str(step.after.get("host"))
        if machine.host == host:
            return _applied(machine.host_us, machine)
        self._require_up(host)
        self._require_room(host, step.name, machine.size)
        at = self.advance({machine.host, host}, now)
        current = self.store.machine(step.vm_id)
        assert current is not None
        self.store.put_machine(replace(current, host=host, host_us=at).booted(at))
        return self._now_is(step.vm_id, at)

    def _evacuate(self, step: Step, machine: MachineRecord, now: int) -> Applied:
        """Starts it elsewhere: its disks are shared, its memory is lost. What its dead host keeps stays there."""
        assert step.before is not None and step.after is not None
        dead, host = str(step.before.get("host")), str(step.after.get("host"))
        if machine.host == host:
            if dead not in self.down:
                self.store.clear_remnant(step.vm_id, dead)
            return _applied(machine.host_us, machine)
        if machine.host != dead:
            raise Refused("{name} does not stand on {host} any more.", name=step.name, host=dead)
        if dead not in self.down:
            raise Refused("Host {host} answers: its machines are migrated, not evacuated.", host=dead)
        self._require_up(host)
        self._require_room(host, step.name, machine.size)
        at = self.advance({dead, host}, now)
        current = self.store.machine(step.vm_id)
        assert current is not None
        self.store.leave_behind(current)
        self.store.put_machine(replace(current, host=host, host_us=at).booted(at))
        return self._now_is(step.vm_id, at)

    def _shelve(self, step: Step, machine: MachineRecord, now: int) -> Applied:
        is_shelved, wanted = machine.state == "shelved", step.kind == StepKind.SHELVE
        if is_shelved == wanted:
            return _applied(machine.state_us, machine)
        at = self.advance({machine.host}, now)
        current = self.store.machine(step.vm_id)
        assert current is not None
        changed = replace(current, state="shelved" if wanted else "running", state_us=at)
        self.store.put_machine(changed if wanted else changed.booted(at))
        return self._now_is(step.vm_id, at)

    def _power(self, step: Step, machine: MachineRecord, now: int) -> Applied:
        wanted = "running" if step.kind == StepKind.START else "off"
        if machine.state == wanted:
            return _applied(machine.state_us, machine)
        if machine.state == "shelved":
            raise Refused("{name} is put aside; bring it back first.", name=step.name)
        at = self.advance({machine.host}, now)
        current = self.store.machine(step.vm_id)
        assert current is not None
        changed = replace(current, state=wanted, state_us=at)
        self.store.put_machine(changed.booted(at) if wanted == "running" else changed)
        return self._now_is(step.vm_id, at)

    def _reboot(self, step: Step, machine: MachineRecord, now: int) -> Applied:
        assert step.after is not None
        wanted: datetime = parse_instant(str(step.after["not_before"]))
        if machine.state != "running":
            raise Refused("{name} is not running.", name=step.name)
        if machine.boot_us >= to_micros(wanted):
            return _applied(machine.boot_us, machine)
        at = self.advance({machine.host}, now)
        current = self.store.machine(step.vm_id)
        assert current is not None
        self.store.put_machine(current.booted(at))
        return self._now_is(step.vm_id, at)

    def _now_is(self, vm_id: int, at: int) -> Applied:
        machine = self.store.machine(vm_id)
        assert machine is not None
        return _applied(at, machine)

    def _require_up(self, host: str) -> None:
        if host not in self.hosts:
            raise Refused("The cloud has no host {host}.", host=host)
        if host in self.down:
            raise HostUnreachable("Host {host} does not answer.", host=host)

    def _require_room(self, host: str, name: str, size: Size, without: MachineRecord | None = None) -> None:
        """The cloud keeps its own promises, whoever placed the machine."""
        others = [
            machine
            for machine in self.store.machines("host = ?", host)
            if without is None or machine.number != without.number
        ]
        record = self.hosts[host]
        facts = HostFacts(host, True, record.vcpus, record.memory_mib, record.storage_gib)
        load = HostLoad(facts, promised=total(machine.size for machine in others))
        reason = why_not(size, load, self.overcommit)
        if reason is not None:
            raise Refused("Host {host} has no room for {name}.", host=host, name=name, problems=[reason])


def _applied(at_us: int, machine: MachineRecord) -> Applied:
    return Applied(from_micros(at_us), machine.external_id, machine.host)


def _owner(step: Step) -> dict[str, str]:
    """What a create or an adoption writes into a machine's metadata."""
    after = step.after or {}
    return {key: str(after[key]) for key in ("system", "unit") if after.get(key)}
