"""The steps a granted request comes to, and the machines it makes or is about, tied to it."""

from collections.abc import Iterator, Sequence

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.tables import SystemRow
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_vm import plan_retire
from cloudctl.operations.requests.request_steps import has_changed_hands, is_theirs
from metering.allocations import current_allocation, size_of
from policies.requests.model import Item, RequestKind
from policies.requests.store import items_of, machines_by_name, request_machines
from policies.requests.tables import RequestMachineRow, RequestRow
from provisioning.identity import fresh_uuid
from provisioning.model import Step
from provisioning.steps import create_step, resize_step
from provisioning.store import find_pool
from provisioning.tables import VmRow


def pools_concerned(session: Session, row: RequestRow) -> list[int]:
    """Ids of the pools whose clouds the request changes."""
    if row.kind == RequestKind.EXTEND:
        return []
    items = items_of(row)
    if row.kind == RequestKind.NEW:
        return [find_pool(session, code).id for code in dict.fromkeys(item.pool or "" for item in items)]
    machines = machines_by_name(session, [item.name for item in items])
    return list(dict.fromkeys(vm.pool_id for vm in machines.values()))


def require_theirs(session: Session, row: RequestRow) -> None:
    """Refused when the system, or a machine that the request is about, has changed hands since it was granted."""
    system = session.get_one(SystemRow, row.system_id)
    if has_changed_hands(row, system):
        raise Refused("{system} is no longer a system of this unit.", system=system.code)
    if row.kind == RequestKind.NEW:
        return
    machines = machines_by_name(session, [item.name for item in items_of(row)])
    for item in items_of(row):
        if not is_theirs(row, machines.get(item.name)):
            raise Refused("{name} is no longer a machine of this system.", name=item.name)


def retiring_steps(ctx: Context, row: RequestRow) -> list[Step]:
    """How a retirement goes depends on how each machine stands in its cloud now. Refused for one that is gone."""
    if row.kind != RequestKind.RETIRE:
        return []
    return [step for item in items_of(row) for step in plan_retire(ctx, item.name).steps]


def steps_of(session: Session, row: RequestRow) -> list[Step]:
    """Of new machines, whose rows are made here, and of resizes; what stands already needs no step."""
    if row.kind == RequestKind.NEW:
        return list(_creating_steps(session, row))
    if row.kind == RequestKind.RESIZE:
        return list(_resizing_steps(session, row))
    return []


def link_machines(session: Session, row: RequestRow) -> None:
    """Ties the machines to the request, once."""
    linked = {vm.id for vm in request_machines(session, row.id)}
    names = [name for item in items_of(row) for name in item.names]
    for vm in machines_by_name(session, names).values():
        if vm.id not in linked:
            session.add(RequestMachineRow(request_id=row.id, vm_id=vm.id))
    session.flush()


def _creating_steps(session: Session, row: RequestRow) -> Iterator[Step]:
    items = items_of(row)
    present = machines_by_name(session, [name for item in items for name in item.names])
    ours = {vm.id for vm in request_machines(session, row.id)}
    for item in items:
        assert item.size is not None
        for name in item.names:
            vm = _planned(session, row, item, name, present.get(name), ours)
            if vm is not None:
                yield create_step(vm.id, name, item.size, image=item.image, network=item.network)


def _planned(
    session: Session, row: RequestRow, item: Item, name: str, vm: VmRow | None, ours: Sequence[int] | set[int]
) -> VmRow | None:
    """The row of a machine to be made; None for one that an earlier try has made and kept. Refused for others'."""
    if vm is not None and vm.state != "planned":
        if vm.id in ours and vm.state == "active":
            return None
        raise Refused("There is a machine “{name}” already.", name=name)
    if vm is not None and vm.system_id != row.system_id:
        raise Refused("There is a machine “{name}” already.", name=name)
    pool = find_pool(session, item.pool or "")
    vm = vm or VmRow(uuid=fresh_uuid(pool, name), name=name, state="planned")
    vm.pool_id, vm.system_id, vm.image, vm.network = pool.id, row.system_id, item.image, item.network
    session.add(vm)
    session.flush()
    return vm


def _resizing_steps(session: Session, row: RequestRow) -> Iterator[Step]:
    machines = machines_by_name(session, [item.name for item in items_of(row)])
    for item in items_of(row):
        vm = machines[item.name]
        held = current_allocation(session, vm.id)
        assert held is not None and item.size is not None
        if size_of(held) != item.size:
            yield resize_step(vm.id, vm.name, size_of(held), item.size)
