"""Opens the driver of the pool that a host is in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import opened_drivers
from provisioning.driver import Driver
from provisioning.store import find_host


@dataclass(frozen=True, slots=True)
class HostDriver:
    """pool, host: codes."""

    pool: str
    host: str
    driver: Driver


@contextmanager
def host_driver(ctx: Context, code: str) -> Iterator[HostDriver]:
    """code: "POOL/CODE", or the host's alone where only one pool has it. NotFound."""
    with ctx.reading() as session:
        pool, host = find_host(session, code)
        pool_id, pool_code, host_code = pool.id, pool.code, host.code
    with opened_drivers(ctx, [pool_id]) as drivers:
        yield HostDriver(pool_code, host_code, drivers[pool_id])
