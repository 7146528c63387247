"""Tries how a host can run guests, by booting something tiny on it, and writes down what came of it."""

from dataclasses import asdict
from typing import Any

from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.host_driver import host_driver
from provisioning.driver import Probed


def probe_host(ctx: Context, code: str) -> list[dict[str, Any]]:
    """A row per way of running guests: whether the host offers it, whether it works, after how many seconds.

    Errors as for `host_driver`; Refused where the pool's driver has nothing
    to try. Nothing of the probe stays on the host.
    """
    ctx.actor.require(Role.OPERATOR)
    with host_driver(ctx, code) as at:
        if not isinstance(at.driver, Probed):
            raise Refused("Pool {pool}: its driver has nothing to try on a host.", pool=at.pool)
        rows = [asdict(result) for result in at.driver.probe(at.host)]
    with ctx.writing() as session:
        ctx.record(session, "host.probe", f"{at.pool}/{at.host}", results=rows)
    return rows
