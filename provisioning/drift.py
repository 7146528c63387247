"""Where what a cloud shows and what the ledger has allocated differ. Pure; nothing is absorbed, people decide."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloudctl.core.quantity import Size
from provisioning.model import Fault, Machine, MachineState, Observation


class Difference(StrEnum):
    NOT_ALLOCATED = "not_allocated"
    NOT_SEEN = "not_seen"
    OTHER_SIZE = "other_size"
    OTHER_HOST = "other_host"
    SEEN_TWICE = "seen_twice"
    RUNS_SHELVED = "runs_shelved"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Allocated:
    """What the ledger says of one machine."""

    name: str
    host: str | None
    size: Size


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. expected: the ledger's; found: the cloud's; vm_id None for a machine that carries none."""

    kind: Difference
    name: str
    vm_id: int | None
    expected: Mapping[str, object] | None
    found: Mapping[str, object] | None


def compare(
    observation: Observation,
    allocated: Mapping[int, Allocated],
    in_hand: Collection[int] = (),
    shelved: Mapping[int, Allocated] | None = None,
) -> list[Finding]:
    """Findings by name. in_hand: machines of changes under way, which differ rightly for a while.

    shelved: machines put aside, which hold nothing and are kept: one that is gone, or runs, is a difference.
    A machine on a host that does not answer is not missing: nobody can say.
    """
    kept = shelved or {}
    unseen_hosts = {fault.host for fault in observation.faults if fault.vm_id is None}
    doubles = [fault for fault in observation.faults if fault.is_double]
    silent = {fault.vm_id for fault in observation.faults if not fault.is_double}
    seen: dict[int, list[Machine]] = {}
    findings: list[Finding] = []
    for machine in observation.machines:
        if machine.vm_id is not None and (machine.vm_id in allocated or machine.vm_id in kept):
            seen.setdefault(machine.vm_id, []).append(machine)
        elif machine.vm_id not in in_hand or machine.vm_id is None:
            findings.append(_finding(Difference.NOT_ALLOCATED, machine, None))
    for vm_id, expected in [*allocated.items(), *kept.items()]:
        if vm_id in in_hand:
            continue
        known_silent = vm_id in silent or expected.host in unseen_hosts
        # Where it stands twice, the one where it belongs comes first: the others are what should not be.
        there = sorted(seen.get(vm_id, []), key=lambda machine: machine.host != expected.host)
        if vm_id in allocated:
            findings += _of_machine(vm_id, expected, there, known_silent)
        else:
            findings += _of_shelved(vm_id, expected, there, known_silent)
    findings += [_double(fault, known) for fault in doubles if (known := _known(fault, allocated, kept))]
    return sorted(findings, key=lambda finding: (finding.name, finding.kind))


def _known(
    fault: Fault, allocated: Mapping[int, Allocated], kept: Mapping[int, Allocated]
) -> Allocated | None:
    return allocated.get(fault.vm_id or 0) or kept.get(fault.vm_id or 0)


def _double(fault: Fault, expected: Allocated) -> Finding:
    """A second one that the cloud tells of by word alone."""
    found = {"host": fault.host, "reason": fault.reason}
    return Finding(Difference.SEEN_TWICE, expected.name, fault.vm_id, _document(expected), found)


def _of_machine(
    vm_id: int, expected: Allocated, machines: Sequence[Machine], is_silent: bool
) -> list[Finding]:
    if not machines:
        missing = Finding(Difference.NOT_SEEN, expected.name, vm_id, _document(expected), None)
        return [] if is_silent else [missing]
    findings = [_finding(Difference.SEEN_TWICE, machine, expected) for machine in machines[1:]]
    if machines[0].size != expected.size:
        findings.append(_finding(Difference.OTHER_SIZE, machines[0], expected))
    if machines[0].host != expected.host:
        findings.append(_finding(Difference.OTHER_HOST, machines[0], expected))
    return [*findings, *_failed(machines[0], expected)]


def _of_shelved(
    vm_id: int, expected: Allocated, machines: Sequence[Machine], is_silent: bool
) -> list[Finding]:
    """Put aside it has no host that matters, and no size: it is to be there, and at rest."""
    if not machines:
        missing = Finding(Difference.NOT_SEEN, expected.name, vm_id, _document(expected), None)
        return [] if is_silent else [missing]
    findings = [_finding(Difference.SEEN_TWICE, machine, expected) for machine in machines[1:]]
    if machines[0].state in (MachineState.RUNNING, MachineState.PAUSED):
        findings.append(_finding(Difference.RUNS_SHELVED, machines[0], expected))
    return [*findings, *_failed(machines[0], expected)]


def _failed(machine: Machine, expected: Allocated) -> list[Finding]:
    """A machine that is broken in its cloud, and why."""
    if not machine.fault:
        return []
    found = {"host": machine.host, "fault": machine.fault}
    return [Finding(Difference.FAILED, expected.name, machine.vm_id, _document(expected), found)]


def _finding(kind: Difference, machine: Machine, expected: Allocated | None) -> Finding:
    found = {**machine.size.as_json(), "host": machine.host}
    return Finding(
        kind,
        expected.name if expected else machine.name,
        machine.vm_id,
        _document(expected) if expected else None,
        found,
    )


def _document(expected: Allocated) -> dict[str, object]:
    return {**expected.size.as_json(), "host": expected.host}
