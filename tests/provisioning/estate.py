"""A small estate for tests of what runs where: two units, two systems, a simulated pool and an external one."""

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from metering.allocations import Holder, hold
from provisioning.tables import HostRow, PoolRow, VmRow

SMALL = Size(4, 8192, {"ssd": 100})
HALF = Size(2, 4096, {"ssd": 100})


@dataclass(frozen=True, slots=True)
class Estate:
    """Ids of what `build_estate` made."""

    tax: int
    land: int
    lab: int
    pub: int


def build_estate(ctx: Context, hosts: int = 3) -> Estate:
    with ctx.writing() as session:
        fin = _added(session, UnitRow(code="fin", name="Finance", contact=None))
        nat = _added(session, UnitRow(code="nat", name="Natural resources", contact=None))
        tax = _added(session, SystemRow(code="tax", name="Tax", unit_id=fin, status="live"))
        land = _added(session, SystemRow(code="land", name="Land", unit_id=nat, status="live"))
        options = {"seed": 7, "overcommit": {"cpu": 4, "memory": 1}}
        lab = _added(
            session, PoolRow(code="lab", name="Lab", driver="embedded", provider="", options=options)
        )
        pub = _added(
            session, PoolRow(code="pub", name="Public", driver="external", provider="A vendor", options={})
        )
        for number in range(1, hosts + 1):
            capacity = {"vcpus": 32, "memory_mib": 65536, "storage_gib": {"ssd": 4000}}
            _added(session, HostRow(pool_id=lab, code=f"n{number}", accepting=True, options=capacity))
    return Estate(tax, land, lab, pub)


def planned_vm(ctx: Context, name: str, pool_id: int, system_id: int) -> int:
    with ctx.writing() as session:
        row = VmRow(uuid=str(uuid.uuid4()), name=name, pool_id=pool_id, system_id=system_id, state="planned")
        return _added(session, row)


def declared_vm(ctx: Context, name: str, estate: Estate, size: Size = SMALL) -> int:
    """A machine of the external pool, held since a week ago."""
    from datetime import timedelta

    vm_id = planned_vm(ctx, name, estate.pub, estate.tax)
    with ctx.writing() as session:
        vm = session.get_one(VmRow, vm_id)
        vm.state, vm.created_at = "active", ctx.clock.now() - timedelta(days=7)
        unit = session.get_one(SystemRow, estate.tax).unit_id
        hold(session, vm_id, Holder(estate.tax, unit, estate.pub), size, vm.created_at, "declared")
    return vm_id


def _added(session: Session, row: object) -> int:
    session.add(row)
    session.flush()
    return int(row.id)  # type: ignore[attr-defined]
