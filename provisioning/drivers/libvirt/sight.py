"""What several hosts' answers come to together: one machine stands once, and silence is told by host."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from cloudctl.core.errors import CloudctlError
from provisioning.drivers.libvirt.failures import UNREACHABLE, HostSilent
from provisioning.drivers.libvirt.readings import HostReadings
from provisioning.drivers.libvirt.survey import HostView, Sighting
from provisioning.model import (
    LEFT_BEHIND,
    RUNS_TWICE,
    Fault,
    HostFacts,
    Machine,
    MachineState,
    Measurement,
    Observation,
    Reading,
)

STUCK = "machine_stuck"
_EVER = datetime(1, 1, 1, tzinfo=UTC)
Remnants = frozenset[tuple[int, str]]


def observation(
    views: Mapping[str, HostView], silent: Mapping[str, CloudctlError], remnants: Remnants
) -> Observation:
    sightings = [each for view in views.values() for each in view.sightings if not each.is_arriving]
    machines, faults = _once_each(sightings, remnants)
    hosts = [view.facts for view in views.values()] + [HostFacts(code, False, 0, 0) for code in silent]
    return Observation(
        tuple(sorted(hosts, key=lambda host: host.code)),
        tuple(sorted(machines, key=lambda machine: (machine.name, machine.host or ""))),
        (*silences(silent), *faults),
    )


def silences(silent: Mapping[str, CloudctlError]) -> tuple[Fault, ...]:
    """A fault per host, with the word for why."""
    return tuple(
        Fault(code, None, reason.word if isinstance(reason, HostSilent) else UNREACHABLE)
        for code, reason in sorted(silent.items())
    )


def _once_each(sightings: Iterable[Sighting], remnants: Remnants) -> tuple[list[Machine], list[Fault]]:
    kept: list[Machine] = []
    groups: dict[int, list[Sighting]] = {}
    for sighting in sightings:
        if sighting.machine.vm_id is None:
            kept.append(sighting.machine)
        else:
            groups.setdefault(sighting.machine.vm_id, []).append(sighting)
    faults: list[Fault] = []
    for vm_id, group in groups.items():
        group.sort(key=lambda each: _standing(each, remnants), reverse=True)
        first = group[0].machine
        is_machine = (vm_id, first.host) not in remnants or first.state == MachineState.RUNNING
        if is_machine:
            kept.append(first)
        for other in group[1:] if is_machine else group:
            runs = other.machine.state == MachineState.RUNNING
            faults.append(Fault(str(other.machine.host), vm_id, RUNS_TWICE if runs else LEFT_BEHIND))
    return kept, faults


def _standing(sighting: Sighting, remnants: Remnants) -> tuple[bool, datetime, bool]:
    """What was left behind comes last, then the older place, then what is off."""
    machine = sighting.machine
    is_remnant = (machine.vm_id, machine.host) in remnants
    return (not is_remnant, sighting.moved_at or _EVER, machine.state == MachineState.RUNNING)


def measurement(
    told: Mapping[str, HostReadings], silent: Mapping[str, CloudctlError], remnants: Remnants
) -> Measurement:
    """The latest place of each machine counts, and where it runs; what was left behind is not read."""
    best: dict[int, tuple[tuple[int, bool], Reading]] = {}
    faults = list(silences(silent))
    for code, answer in told.items():
        faults += [Fault(code, vm_id, STUCK) for vm_id in answer.stuck]
        for reading in answer.readings:
            if (reading.vm_id, code) in remnants:
                continue
            claim = answer.moved_at_us.get(reading.vm_id, 0), reading.state == MachineState.RUNNING
            if reading.vm_id not in best or best[reading.vm_id][0] < claim:
                best[reading.vm_id] = (claim, reading)
    return Measurement(tuple(reading for _, reading in best.values()), tuple(faults))
