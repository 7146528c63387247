"""Asks a host's cloud what the host is: capacity as it counts for placement, hypervisor, storage, networks."""

from dataclasses import asdict
from typing import Any

from cloudctl.core.errors import Refused
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from provisioning.driver import Inspected
from provisioning.store import find_host


def inspect_host(ctx: Context, code: str) -> dict[str, Any]:
    """What the host is now; cells, storage_pools and networks are lists of rows, empty where the cloud keeps them.

    code: "POOL/CODE", or the host's alone where only one pool has it. Refused where the pool's driver has no hosts;
    Unreachable when the host does not answer.
    """
    with ctx.reading() as session:
        pool, host = find_host(session, code)
        pool_id, pool_code, host_code = pool.id, pool.code, host.code
    with opened_drivers(ctx, [pool_id]) as drivers:
        driver = drivers[pool_id]
        if not isinstance(driver, Inspected):
            raise Refused("Pool {pool}: its driver tells nothing of hosts.", pool=pool_code)
        found = driver.inspect(host_code)
    return {
        "pool": pool_code,
        "code": host_code,
        "is_up": found.facts.is_up,
        "hypervisor": found.hypervisor,
        "manager": found.manager,
        "processor": found.processor,
        "vcpus": found.facts.vcpus,
        "memory_mib": found.facts.memory_mib,
        "storage_gib": dict(found.facts.storage_gib),
        "cells": [asdict(cell) for cell in found.cells],
        "storage_pools": [asdict(place) for place in found.storage],
        "networks": [asdict(network) for network in found.networks],
    }
