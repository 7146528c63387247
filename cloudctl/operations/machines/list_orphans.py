"""Machines that clouds have and the ledger lacks, each with the owner that speaks for itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudctl.core.errors import CloudctlError
from cloudctl.core.estate import systems, units
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import seen_pool
from provisioning.model import Capability, Machine
from provisioning.ownership import Owners, Proposal, SiteRule, propose
from provisioning.store import find_pool, pools, vms


@dataclass(frozen=True, slots=True)
class Orphan:
    """A machine that nobody answers for: where it stands, and whose it could be."""

    pool: str
    machine: Machine
    proposal: Proposal

    def row(self) -> dict[str, Any]:
        size = self.machine.size
        return {
            "pool": self.pool,
            "vm": self.machine.name,
            "external_id": self.machine.external_id,
            "host": self.machine.host,
            "power": self.machine.state.value,
            "vcpus": size.vcpus,
            "memory_mib": size.memory_mib,
            "storage_gib": dict(size.storage_gib),
            "labels": dict(self.machine.labels),
            "carries_id": self.machine.vm_id,
            "system": self.proposal.system,
            "unit": self.proposal.unit,
            "rule": self.proposal.rule.value if self.proposal.rule else None,
        }


@dataclass(frozen=True, slots=True)
class Orphans:
    """Found, by pool and name; unreachable: pools that could not be asked, each with why."""

    found: tuple[Orphan, ...]
    unreachable: Mapping[str, CloudctlError]


def list_orphans(ctx: Context, pool_code: str | None = None, rules: Sequence[SiteRule] = ()) -> Orphans:
    """Of all pools that show their machines, or of one; rules: the site's own, of owners. Nothing is changed."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        chosen = [find_pool(session, pool_code)] if pool_code is not None else list(pools(session))
        of_unit = {row.id: row.code for row in units(session)}
        owners = Owners(
            {row.code: of_unit[row.unit_id] for row in systems(session) if row.unit_id in of_unit},
            {row.code: row.name for row in units(session)},
            rules,
        )
        ours = {row.id for row in vms(session)}
    found: list[Orphan] = []
    unreachable: dict[str, CloudctlError] = {}
    for pool in chosen:
        try:
            seen = seen_pool(ctx, pool.id)
        except CloudctlError as reason:
            unreachable[pool.code] = reason
            continue
        if Capability.ORDER in seen.capabilities:
            continue
        strangers = [machine for machine in seen.observation.machines if machine.vm_id not in ours]
        found += [Orphan(pool.code, machine, propose(machine, pool.code, owners)) for machine in strangers]
    return Orphans(tuple(sorted(found, key=lambda each: (each.pool, each.machine.name))), unreachable)
