"""The driver of a pool of libvirt hosts: asks them all at once, and carries a step out on the one it concerns."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from cloudctl.core.clock import Clock
from cloudctl.core.errors import CloudctlError, Problem, Refused, Unreachable
from provisioning.driver import PoolFacts
from provisioning.drivers.libvirt import (
    adoption,
    creation,
    inspection,
    movement,
    power,
    probing,
    removal,
    resize,
)
from provisioning.drivers.libvirt.addresses import LISTENING_SECONDS, listen_to_guests
from provisioning.drivers.libvirt.archive import Archive
from provisioning.drivers.libvirt.definition import Found
from provisioning.drivers.libvirt.failures import HostSilent
from provisioning.drivers.libvirt.host import Answers, Host, answers, turns
from provisioning.drivers.libvirt.interrupted import is_leaving
from provisioning.drivers.libvirt.options import HostSettings, Image, Nic, Settings
from provisioning.drivers.libvirt.readings import read_host
from provisioning.drivers.libvirt.sdk import require_sdk
from provisioning.drivers.libvirt.sight import measurement, observation
from provisioning.drivers.libvirt.survey import look
from provisioning.drivers.libvirt.whereabouts import Standing, Whereabouts
from provisioning.drivers.libvirt.workplace import Workplace
from provisioning.host_details import HostDetails
from provisioning.model import (
    Applied,
    Capability,
    Console,
    Measurement,
    Observation,
    Probe,
    Step,
    StepKind,
)

T = TypeVar("T")
Verb = Callable[[Workplace, Found, Step], Applied]
VERBS: dict[StepKind, Verb] = {
    StepKind.START: power.start,
    StepKind.STOP: power.stop,
    StepKind.REBOOT: power.reboot,
    StepKind.SHELVE: power.shelve,
    StepKind.UNSHELVE: power.unshelve,
    StepKind.RESIZE: resize.resize,
}


class LibvirtDriver:
    """One pool's hosts; may be used by several threads at once. Nothing connects before the first verb."""

    capabilities = frozenset(Capability) - {Capability.ORDER, Capability.HOLD}
    is_simulated = False
    max_per_host = 1

    def __init__(self, pool: PoolFacts, clock: Clock) -> None:
        require_sdk(pool.code)
        self._pool = pool
        self._clock = clock
        self._settings = Settings.of(pool.options)
        self._archive = Archive(pool.state_folder)
        self._hosts = {
            code: Host(code, HostSettings.of(options)) for code, options in sorted(pool.hosts.items())
        }
        self.max_parallel = max(len(self._hosts), 1)

    def observe(self) -> Observation:
        tiers, is_shared = self._settings.tiers, self._settings.shared_storage
        told = self._ask_all(lambda host: partial(look, code=host.code, pools=tiers, is_shared=is_shared))
        return observation(told.answered, told.silent, self._archive.remnants())

    def measure(self) -> Measurement:
        return self._measure(None)

    def measure_some(self, vm_ids: Collection[int]) -> Measurement:
        return self._measure(vm_ids)

    def apply(self, step: Step) -> Applied:
        match step.kind:
            case StepKind.CREATE:
                return self._create(step)
            case StepKind.DELETE:
                return self._delete(step)
            case StepKind.ADOPT:
                return self._adopt(step)
            case StepKind.MIGRATE:
                return self._migrate(step)
            case StepKind.EVACUATE:
                return self._evacuate(step)
        there = self._whereabouts(step).require()
        verb = VERBS[step.kind]
        return self._on(there.host, lambda place: verb(place, place.again(there.found), step))

    def console(self, vm_id: int) -> Console:
        step = Step(StepKind.START, vm_id, f"#{vm_id}", None, None)
        there = self._whereabouts(step).require()
        name = there.found.definition.name
        host = self._hosts[there.host]
        if not host.ask(lambda _: bool(there.found.domain.isActive()), self._settings.answer_seconds):
            raise Refused("{name} is not running.", name=name)
        return Console("command", ("virsh", "-c", host.settings.uri, "console", name))

    def addresses(self, vm_ids: Collection[int]) -> Mapping[int, tuple[str, ...]]:
        """As their guests say, else as the hosts overheard; of one that hangs, what was told until then."""
        told = dict[int, tuple[str, ...]]()
        ask = partial(listen_to_guests, vm_ids=vm_ids, told=told)
        answers(list(self._hosts.values()), lambda host: partial(ask, host=host.code), LISTENING_SECONDS)
        return dict(told)

    def probe(self, host: str) -> tuple[Probe, ...]:
        """Which domain types really run guests on a host."""
        self._require_host(host)
        return self._on(host, probing.probe)

    def inspect(self, host: str) -> HostDetails:
        self._require_host(host)
        settings = self._settings
        look_closely = partial(
            inspection.inspect, code=host, tiers=settings.tiers, is_shared=settings.shared_storage
        )
        return self._hosts[host].ask(look_closely, settings.answer_seconds)

    def close(self) -> None:
        for host in self._hosts.values():
            host.close()

    def _measure(self, only: Collection[int] | None) -> Measurement:
        told = self._ask_all(lambda host: partial(read_host, code=host.code, clock=self._clock, only=only))
        found = measurement(told.answered, told.silent, self._archive.remnants())
        if only is None:
            return found
        faults = (fault for fault in found.faults if fault.vm_id is None or fault.vm_id in only)
        return Measurement(found.readings, tuple(faults))

    def _create(self, step: Step) -> Applied:
        after = step.after or {}
        host = str(after.get("host"))
        self._require_host(host)
        wanted = creation.wanted_machine(
            step,
            self._settings.boot,
            self._image(after.get("image")),
            self._nic(after.get("network")),
            self._pool.state_folder,
        )
        self._require_name_free(step, host)
        applied = self._on(host, lambda place: creation.create(place, wanted))
        self._archive.dig_up(step.vm_id)
        return applied

    def _delete(self, step: Step) -> Applied:
        seen = self._whereabouts(step)
        places = (*([seen.newest] if seen.newest else []), *seen.others)
        if seen.newest is None:
            seen.require_answer(str((step.before or {}).get("host")), self._hosts)
        if not places:
            stone = self._archive.stone(step.vm_id)
            at = stone.at if stone else self._clock.now()
            return Applied(at, stone.external_id if stone else None, None)
        there, *others = places
        # First, for one that runs elsewhere too is refused before anything is deleted.
        for other in others:
            self._clear_away(step.vm_id, other.host, other.found)
        applied = self._on(there.host, lambda place: removal.delete(place, place.again(there.found)))
        self._archive.clear_remnant(step.vm_id, there.host)
        return applied

    def _adopt(self, step: Step) -> Applied:
        told = self._each(lambda place: adoption.candidate(place, step))
        found = [(host, there) for host, there in told.answered.items() if there is not None]
        if not found:
            for reason in told.silent.values():
                raise reason
            raise Refused("The cloud has no machine {name} without an owner.", name=step.name)
        # Two hosts may have a definition of the same machine: the one that was seen there is meant.
        host, there = min(found, key=lambda each: each[0] != (step.after or {}).get("host"))
        return self._on(host, lambda place: adoption.adopt(place, place.again(there), step))

    def _migrate(self, step: Step) -> Applied:
        target = str((step.after or {}).get("host"))
        self._require_host(target)
        seen = self._whereabouts(step)
        there = seen.require()
        if there.host == target:
            for other in seen.others:
                self._clear_away(step.vm_id, other.host, other.found, even_halted=there.is_running)
            return self._on(target, lambda place: movement.arrived(place, place.again(there.found)))
        with turns(self._hosts[there.host], self._hosts[target]):
            goal = self._on(target, lambda place: movement.made_ready(place, there.found))
            self._on(there.host, lambda place: movement.migrate(place, goal, place.again(there.found), step))
            return self._on(target, lambda place: movement.arrived(place, place.again(there.found)))

    def _evacuate(self, step: Step) -> Applied:
        assert step.before is not None and step.after is not None
        dead, target = str(step.before.get("host")), str(step.after.get("host"))
        self._require_host(target)
        seen = self._whereabouts(step)
        if target in seen.silent:
            raise seen.silent[target]
        there = seen.newest
        if there is not None and there.host == target:
            for other in seen.others:
                self._clear_away(step.vm_id, other.host, other.found)
            return self._take_over(step, lambda place: movement.taken_over(place, place.again(there.found)))
        if there is None and any(place.host == dead for place in seen.others):
            # An evacuation was cut off before anything of it stood elsewhere, and the host is back.
            seen.require_answer(dead, ())
            self._archive.clear_remnant(step.vm_id, dead)
            raise Refused("Host {host} answers: its machines are migrated, not evacuated.", host=dead)
        if there is not None and there.host == dead:
            raise Refused("Host {host} answers: its machines are migrated, not evacuated.", host=dead)
        if there is not None or (dead in self._hosts and dead not in seen.silent):
            raise Refused("{name} does not stand on {host} any more.", name=step.name, host=dead)
        # First, so that a kill after the start cannot let the old host's definition pass for the machine.
        self._archive.leave_behind(step.vm_id, dead)
        return self._take_over(step, lambda place: movement.evacuate(place, step))

    def _take_over(self, step: Step, work: Callable[[Workplace], Applied]) -> Applied:
        """Refused: it stands nowhere else, so that the dead host's definition is the machine when that is back."""
        assert step.before is not None and step.after is not None
        try:
            return self._on(str(step.after.get("host")), work)
        except Refused:
            self._archive.clear_remnant(step.vm_id, str(step.before.get("host")))
            raise

    def _clear_away(self, vm_id: int, host: str, there: Found, *, even_halted: bool = False) -> None:
        """What is left of a machine on a host that it has left: the definition, never the disks.

        even_halted: a guest too that a move has halted, for it runs elsewhere since.
        """

        def clear(place: Workplace) -> None:
            stale = place.again(there).domain
            if even_halted and is_leaving(stale):
                power.cut(stale)
            if stale.isActive():
                raise Refused(
                    "{name} runs on host {host} too: power one of the two off by hand.",
                    name=there.definition.name,
                    host=host,
                )
            removal.forget(stale)

        self._on(host, clear)
        self._archive.clear_remnant(vm_id, host)

    def _require_name_free(self, step: Step, host: str) -> None:
        """On the other hosts that answer; the one concerned has to."""
        told = self._each(lambda place: place.named(step.name) is not None)
        if host in told.silent:
            raise told.silent[host]
        if any(is_taken for code, is_taken in told.answered.items() if code != host):
            raise Refused("The cloud has another machine of the name {name}.", name=step.name)

    def _whereabouts(self, step: Step) -> Whereabouts:
        told = self._each(lambda place: Standing.of(place.find_named(step.vm_id, step.name)))
        if not any(told.answered.values()):
            told = self._each(lambda place: Standing.of(place.find_renamed(step.vm_id)))
        return Whereabouts.of(step, told.answered, told.silent, self._archive.remnants())

    def _require_host(self, code: str) -> None:
        if code not in self._hosts:
            raise Refused("The cloud has no host {host}.", host=code)

    def _image(self, code: object) -> Image | None:
        if code is None:
            return None
        if code not in self._pool.images:
            raise Refused("Pool {pool} has no image “{code}”.", pool=self._pool.code, code=code)
        return Image.of(str(code), self._pool.images[str(code)])

    def _nic(self, code: object) -> Nic | None:
        if code is None:
            return None
        if code not in self._pool.networks:
            raise Refused("Pool {pool} has no network “{code}”.", pool=self._pool.code, code=code)
        return Nic.of(self._pool.networks[str(code)])

    def _on(self, code: str, work: Callable[[Workplace], T]) -> T:
        """Carries something out on one host when its turn comes; it may take its time."""
        host = self._hosts[code]
        return host.carry_out(
            lambda connection: work(self._place(host, connection)), self._settings.step_seconds
        )

    def _each(self, work: Callable[[Workplace], T]) -> Answers[T]:
        return self._ask_all(lambda host: lambda connection: work(self._place(host, connection)))

    def _place(self, host: Host, connection: Any) -> Workplace:
        return Workplace(connection, host.code, host.settings, self._settings, self._clock, self._archive)

    def _ask_all(self, job: Callable[[Host], Callable[[Any], T]]) -> Answers[T]:
        """All hosts at once. One that is late is asked again on a fresh connection: one stuck machine holds up a
        host's bulk answer, but only the first. Unreachable when there are hosts and none answers.
        """
        seconds, hosts = self._settings.answer_seconds, list(self._hosts.values())
        first = answers(hosts, job, seconds)
        late = [host for host in hosts if _is_late(first.silent.get(host.code))]
        again = answers(late, job, seconds)
        retried = {host.code for host in late}
        told = Answers(
            {**first.answered, **again.answered},
            {code: reason for code, reason in first.silent.items() if code not in retried}
            | dict(again.silent),
        )
        if hosts and not told.answered:
            reasons = [_problem(code, reason) for code, reason in sorted(told.silent.items())]
            raise Unreachable("Pool {pool} does not answer.", pool=self._pool.code, problems=reasons)
        return told


def _is_late(reason: CloudctlError | None) -> bool:
    return isinstance(reason, HostSilent) and reason.is_late


def _problem(code: str, reason: CloudctlError) -> Problem:
    return Problem(code, reason.message)
