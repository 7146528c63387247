"""Where what a cloud shows and what the ledger has allocated differ. Pure; nothing is absorbed, people decide."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloudctl.core.quantity import Size
from provisioning.model import Machine, Observation


class Difference(StrEnum):
    NOT_ALLOCATED = "not_allocated"
    NOT_SEEN = "not_seen"
    OTHER_SIZE = "other_size"
    OTHER_HOST = "other_host"
    SEEN_TWICE = "seen_twice"


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
    observation: Observation, allocated: Mapping[int, Allocated], in_hand: Collection[int] = ()
) -> list[Finding]:
    """Findings by name. in_hand: machines of changes under way, which differ rightly for a while.

    A machine on a host that does not answer is not missing: nobody can say.
    """
    unseen_hosts = {fault.host for fault in observation.faults if fault.vm_id is None}
    silent = {fault.vm_id for fault in observation.faults if fault.vm_id is not None}
    seen: dict[int, list[Machine]] = {}
    findings: list[Finding] = []
    for machine in observation.machines:
        if machine.vm_id is None or machine.vm_id not in allocated:
            if machine.vm_id not in in_hand or machine.vm_id is None:
                findings.append(_finding(Difference.NOT_ALLOCATED, machine, None))
        else:
            seen.setdefault(machine.vm_id, []).append(machine)
    for vm_id, expected in allocated.items():
        if vm_id not in in_hand:
            known_silent = vm_id in silent or expected.host in unseen_hosts
            findings += _of_machine(vm_id, expected, seen.get(vm_id, []), known_silent)
    return sorted(findings, key=lambda finding: (finding.name, finding.kind))


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
    return findings


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
