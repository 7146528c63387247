"""Tries how a host can run guests, by booting something tiny on it, and writes down what came of it."""

from dataclasses import asdict
from typing import Any

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from provisioning.driver import Probed
from provisioning.store import find_host


def probe_host(ctx: Context, code: str) -> list[dict[str, Any]]:
    """A row per way of running guests: whether the host offers it, whether it works, after how many seconds.

    code: "POOL/CODE", or the host's alone where only one pool has it. Refused where the pool's driver has nothing
    to try. Nothing of the probe stays on the host.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        pool, host = find_host(session, code)
        pool_id, pool_code, host_code = pool.id, pool.code, host.code
    with opened_drivers(ctx, [pool_id]) as drivers:
        driver = drivers[pool_id]
        if not isinstance(driver, Probed):
            raise Refused("Pool {pool}: its driver has nothing to try on a host.", pool=pool_code)
        rows = [asdict(result) for result in driver.probe(host_code)]
    with ctx.writing() as session:
        ctx.record(session, "host.probe", f"{pool_code}/{host_code}", results=rows)
    return rows
