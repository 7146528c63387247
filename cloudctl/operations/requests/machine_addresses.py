"""Where the machines of a request are reached, as their clouds tell it now."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from policies.requests.store import request_machines


def machine_addresses(ctx: Context, session: Session, number: int) -> dict[int, tuple[str, ...]]:
    """Machine id -> its addresses. A cloud that does not answer tells none: the sheet is made all the same."""
    machines = request_machines(session, number)
    wanted = {vm.id for vm in machines}
    found: dict[int, tuple[str, ...]] = {}
    for pool_id in dict.fromkeys(vm.pool_id for vm in machines):
        try:
            with opened_drivers(ctx, [pool_id]) as drivers:
                seen = drivers[pool_id].observe().machines
        except (Unreachable, Refused):
            continue
        found |= {m.vm_id: m.addresses for m in seen if m.vm_id is not None and m.vm_id in wanted}
    return found
