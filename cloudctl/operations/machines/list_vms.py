"""Machines as people and programs read them: what they hold, for whom, where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import CloudctlError
from cloudctl.core.estate import find_system, find_unit, systems, units
from cloudctl.core.tables import SystemRow
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import seen_machine
from metering.allocations import current_allocations, history_of
from metering.tables import AllocationRow
from policies.requests.store import machine_requests, term_of
from provisioning.model import Machine
from provisioning.store import every, find_pool, find_vm, open_steps, vms
from provisioning.tables import PoolRow, VmRow


@dataclass(frozen=True, slots=True)
class VmFilter:
    """Codes that narrow a list of machines; retired ones only when asked for."""

    pool: str | None = None
    system: str | None = None
    unit: str | None = None
    with_retired: bool = False


def list_vms(ctx: Context, chosen: VmFilter | None = None) -> list[dict[str, Any]]:
    """Machines by name. NotFound for a code of the filter that does not exist."""
    chosen = chosen or VmFilter()
    with ctx.reading() as session:
        pool_id = find_pool(session, chosen.pool).id if chosen.pool is not None else None
        states = None if chosen.with_retired else ["planned", "active", "shelved"]
        rows = vms(session, pool_id=pool_id, system_ids=_systems(session, chosen), states=states)
        held = current_allocations(session, pool_id)
        names = _Names.read(session)
        return [_vm_row(row, held.get(row.id), names) for row in rows]


def show_vm(ctx: Context, name: str) -> dict[str, Any]:
    """One machine; power (None: unknown) and addresses as its cloud shows them; its change in hand, its history."""
    with ctx.reading() as session:
        row = find_vm(session, name)
        held = current_allocations(session).get(row.id)
        shown = _vm_row(row, held, _Names.read(session))
        in_hand = next((change.id for change, _ in open_steps(session, [row.id])), None)
        shown |= {
            "uuid": row.uuid,
            "external_id": row.external_id,
            "image": row.image,
            "network": row.network,
            "request_numbers": list(machine_requests(session, row.id)),
            "granted_until": term.until.isoformat() if (term := term_of(session, row.id)) else None,
        }
        history = _history(session, row, _Names.read(session))
    if row.shelved_at is not None and row.state == "shelved":
        shown["kept_until"] = row.shelved_at + timedelta(days=ctx.settings.machines.keep_days)
    machine = _seen(ctx, row)
    return {
        **shown,
        "power": machine.state.value if machine else None,
        "addresses": list(machine.addresses) if machine else [],
        "change_in_hand": in_hand,
        "history": history,
    }


def _seen(ctx: Context, row: VmRow) -> Machine | None:
    """None when the cloud does not show it, or cannot be asked: looking at a machine never fails for that."""
    if row.state != "active":
        return None
    try:
        return seen_machine(ctx, row)
    except CloudctlError:
        return None


def _systems(session: Session, chosen: VmFilter) -> Sequence[int] | None:
    unit = find_unit(session, chosen.unit) if chosen.unit is not None else None
    if chosen.system is not None:
        system = find_system(session, chosen.system)
        return [system.id] if unit is None or system.unit_id == unit.id else []
    return [row.id for row in systems(session, unit_id=unit.id, removed=True)] if unit else None


@dataclass(frozen=True, slots=True)
class _Names:
    systems: Mapping[int, SystemRow]
    units: Mapping[int, str]
    pools: Mapping[int, str]

    @classmethod
    def read(cls, session: Session) -> "_Names":
        return cls(
            {row.id: row for row in systems(session, removed=True)},
            {row.id: row.code for row in units(session, removed=True)},
            {row.id: row.code for row in every(session, PoolRow)},
        )


def _vm_row(row: VmRow, held: AllocationRow | None, names: _Names) -> dict[str, Any]:
    system = names.systems[row.system_id]
    return {
        "vm": row.name,
        "system": system.code,
        "unit": names.units[system.unit_id],
        "pool": names.pools[row.pool_id],
        "host": row.host,
        "state": row.state,
        "vcpus": held.vcpus if held else None,
        "memory_mib": held.memory_mib if held else None,
        "storage_gib": dict(held.storage_gib) if held else None,
        "held_since": held.start if held else None,
        "created_at": row.created_at,
        "shelved_at": row.shelved_at,
        "retired_at": row.retired_at,
    }


def _history(session: Session, row: VmRow, names: _Names) -> list[dict[str, Any]]:
    """What it held, interval by interval."""
    return [
        {
            "start": held.start,
            "end": held.end,
            "vcpus": held.vcpus,
            "memory_mib": held.memory_mib,
            "storage_gib": dict(held.storage_gib),
            "system": names.systems[held.system_id].code,
            "unit": names.units[held.unit_id],
            "pool": names.pools[held.pool_id],
        }
        for held in history_of(session, row.id)
    ]
