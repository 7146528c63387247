"""What is promised on a pool's hosts, by the ledger, by its cloud, and by changes under way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from cloudctl.core.quantity import Size
from metering.allocations import current_allocations, history_of, size_of
from provisioning.model import Observation, StepKind
from provisioning.placement import Overcommit
from provisioning.promises import Promise, Promises
from provisioning.store import hosts, open_steps, vms
from provisioning.tables import PoolRow, VmRow


def promises(session: Session, pool: PoolRow, observation: Observation) -> Promises:
    """What is promised on a pool's hosts: our machines by their allocations, those the cloud has beside them,
    and what changes under way will need. What is put aside keeps its room."""
    held = kept_sizes(session, pool.id)
    ours = {row.id: row for row in vms(session, pool_id=pool.id, states=["active", "shelved"])}
    known = [
        Promise(vm_id, row.host, row.system_id, held[vm_id])
        for vm_id, row in ours.items()
        if row.host and vm_id in held
    ]
    under_way = _under_way(session, pool, ours, held)
    counted = {promise.vm_id for promise in known + under_way}
    foreign = [
        Promise(None, machine.host, 0, machine.size)
        for machine in observation.machines
        if machine.host and machine.vm_id not in counted
    ]
    draining = [host.code for host in hosts(session, pool.id) if not host.accepting]
    return Promises(
        observation.hosts, draining, Overcommit.of(pool.options), _grown(known, under_way) + foreign
    )


def kept_sizes(session: Session, pool_id: int) -> dict[int, Size]:
    """What each of a pool's machines holds or, put aside, held last and would hold again."""
    sizes = {vm_id: size_of(row) for vm_id, row in current_allocations(session, pool_id).items()}
    for row in vms(session, pool_id=pool_id, states=["shelved"]):
        if held := history_of(session, row.id):
            sizes[row.id] = size_of(held[-1])
    return sizes


def _under_way(
    session: Session, pool: PoolRow, ours: Mapping[int, VmRow], held: Mapping[int, Size]
) -> list[Promise]:
    """Room that steps not yet done have been given: a machine on its way stands on both hosts."""
    found = []
    for _, step in open_steps(session):
        row = session.get_one(VmRow, step.vm_id)
        if row.pool_id != pool.id or step.state in ("done", "undone", "failed") or step.after is None:
            continue
        host = step.after.get("host") or row.host
        if step.kind in (StepKind.CREATE, StepKind.RESIZE) and host:
            found.append(Promise(row.id, str(host), row.system_id, Size.from_json(step.after)))
        elif step.kind in (StepKind.MIGRATE, StepKind.EVACUATE) and host and row.id in held:
            found.append(Promise(row.id, str(host), row.system_id, held[row.id]))
    return found


def _grown(known: Sequence[Promise], under_way: Sequence[Promise]) -> list[Promise]:
    """Each machine once per host, in the larger of what it has and what it is to have."""
    merged: dict[tuple[int | None, str], Promise] = {}
    for promise in [*known, *under_way]:
        key = (promise.vm_id, promise.host)
        merged[key] = (
            replace(promise, size=_larger(merged[key].size, promise.size)) if key in merged else promise
        )
    return list(merged.values())


def _larger(one: Size, other: Size) -> Size:
    tiers = one.storage_gib.keys() | other.storage_gib.keys()
    storage = {tier: max(one.storage_gib.get(tier, 0), other.storage_gib.get(tier, 0)) for tier in tiers}
    return Size(max(one.vcpus, other.vcpus), max(one.memory_mib, other.memory_mib), storage)
