"""Asks a host's cloud what the host is: capacity as it counts for placement, hypervisor, storage, networks."""

from dataclasses import asdict
from typing import Any

from cloudctl.core.errors import Refused
from cloudctl.operations.context import Context
from cloudctl.operations.machines.host_driver import host_driver
from provisioning.driver import Inspected


def inspect_host(ctx: Context, code: str) -> dict[str, Any]:
    """What the host is now; cells, storage_pools and networks are lists of rows, empty where the cloud keeps them.

    Errors as for `host_driver`; Refused where the pool's driver has no hosts;
    Unreachable when the host does not answer.
    """
    with host_driver(ctx, code) as at:
        if not isinstance(at.driver, Inspected):
            raise Refused("Pool {pool}: its driver tells nothing of hosts.", pool=at.pool)
        found = at.driver.inspect(at.host)
    return {
        "pool": at.pool,
        "code": at.host,
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
