"""Compares what the clouds show with what the ledger has allocated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudctl.core.errors import CloudctlError
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from metering.allocations import current_allocations, size_of
from metering.store import ReportedSize, reported_sizes
from metering.tables import AllocationRow
from provisioning.drift import Allocated, Difference, Finding, compare
from provisioning.model import Capability, Observation
from provisioning.store import find_pool, open_steps, pools, vms
from provisioning.tables import PoolRow, VmRow


@dataclass(frozen=True, slots=True)
class Drift:
    """Findings as rows ready for output, and the pools that could not be asked, each with why."""

    rows: list[dict[str, Any]]
    unreachable: dict[str, CloudctlError]


def find_drift(ctx: Context, pool_code: str | None = None) -> Drift:
    """Every difference in all pools, or in one. Nothing is changed."""
    with ctx.reading() as session:
        chosen = [find_pool(session, pool_code)] if pool_code is not None else list(pools(session))
    rows: list[dict[str, Any]] = []
    unreachable: dict[str, CloudctlError] = {}
    for pool in chosen:
        try:
            rows += [_row(pool, finding) for finding in _findings(ctx, pool)]
        except CloudctlError as reason:
            # Silent, or this install lacks its driver or the way to it.
            unreachable[pool.code] = reason
    return Drift(rows, unreachable)


def _findings(ctx: Context, pool: PoolRow) -> list[Finding]:
    with opened_drivers(ctx, [pool.id]) as drivers:
        driver = drivers[pool.id]
        is_ours = Capability.ORDER not in driver.capabilities
        observation = driver.observe() if is_ours else Observation((), ())
    with ctx.reading() as session:
        held = current_allocations(session, pool.id)
        machines = {row.id: row for row in vms(session, pool_id=pool.id)}
        if not is_ours:
            return _reported_otherwise(machines, held, reported_sizes(session))
        in_hand = {step.vm_id for _, step in open_steps(session)}
    allocated = {
        vm_id: Allocated(machines[vm_id].name, machines[vm_id].host, size_of(row))
        for vm_id, row in held.items()
    }
    shelved = {
        row.id: Allocated(row.name, row.host, Size(0, 0))
        for row in machines.values()
        if row.state == "shelved"
    }
    return compare(observation, allocated, in_hand, shelved)


def _reported_otherwise(
    machines: Mapping[int, VmRow], held: Mapping[int, AllocationRow], reported: Mapping[int, ReportedSize]
) -> list[Finding]:
    """In a pool that others run: what its usage files last said of the size, where they said anything."""
    findings = []
    for vm_id, row in held.items():
        size = reported.get(vm_id)
        if size is None or size.at <= row.start:
            continue
        said = {"vcpus": size.vcpus, "memory_mib": size.memory_mib, "storage_gib": size.storage_gib}
        expected = {
            "vcpus": row.vcpus,
            "memory_mib": row.memory_mib,
            "storage_gib": sum(row.storage_gib.values()),
        }
        if any(value is not None and value != expected[key] for key, value in said.items()):
            findings.append(Finding(Difference.OTHER_SIZE, machines[vm_id].name, vm_id, expected, said))
    return findings


def _row(pool: PoolRow, finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind.value,
        "vm": finding.name,
        "pool": pool.code,
        "expected": dict(finding.expected) if finding.expected else None,
        "found": dict(finding.found) if finding.found else None,
    }
