"""Where the machines of a request are reached, as their clouds tell it now."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from policies.requests.store import request_machines
from provisioning.driver import addresses_of


def machine_addresses(ctx: Context, session: Session, number: int) -> dict[int, tuple[str, ...]]:
    """Machine id -> its addresses. A cloud that does not answer tells none: the sheet is made all the same."""
    machines = request_machines(session, number)
    wanted = {vm.id for vm in machines}
    found: dict[int, tuple[str, ...]] = {}
    for pool_id in dict.fromkeys(vm.pool_id for vm in machines):
        try:
            with opened_drivers(ctx, [pool_id]) as drivers:
                driver = drivers[pool_id]
                seen = [machine for machine in driver.observe().machines if machine.vm_id in wanted]
                found |= addresses_of(driver, seen)
        except (Unreachable, Refused):
            continue
    return found
