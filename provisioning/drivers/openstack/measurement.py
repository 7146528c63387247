"""One reading per machine: the cloud has no bulk call for diagnostics, so they are asked for a few at a time.

CPU time, what was written, network from the hypervisor's own figures (diagnostics of microversion 2.1). Memory in
use only where the guest's balloon tells what is usable: later microversions give the balloon's size for it. What
the guest has on its disks Nova does not know.
"""

import time
from collections.abc import Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from cloudctl.core.database import to_micros
from cloudctl.core.errors import Refused, Unreachable
from provisioning.drivers.openstack.endpoint import JsonMap
from provisioning.drivers.openstack.flavors import shape_of
from provisioning.drivers.openstack.marks import BOOTED, vm_id_of
from provisioning.drivers.openstack.observation import host_of
from provisioning.drivers.openstack.servers import HOST, LAUNCHED, state_of
from provisioning.drivers.openstack.site import Site
from provisioning.model import Fault, MachineState, Measurement, Reading

PARALLEL = 16
DIAGNOSTICS = "2.1"
# A balloon that has not spoken for so long says nothing of now.
FRESH_SECONDS = 300


def measure(site: Site, only: Collection[int] | None = None) -> Measurement:
    """only: these machines, by our id. A machine whose answer does not come in time is a fault of its own."""
    dead = {
        host_of(each)
        for each in site.cloud.compute.pages("/os-hypervisors/detail", "hypervisors")
        if each["state"] != "up"
    }
    servers = {
        vm_id: server
        for server in site.servers.every()
        if (vm_id := vm_id_of(server, site.facts.code)) is not None
        and server[HOST] not in dead
        and (only is None or vm_id in only)
    }
    answers, silent = _asked(site, servers)
    readings = tuple(
        _reading(site, vm_id, server, answers.get(vm_id))
        for vm_id, server in servers.items()
        if vm_id not in silent
    )
    faults = [Fault(host, None, "host_unreachable") for host in sorted(dead)]
    faults += [Fault(str(servers[vm_id][HOST]), vm_id, "machine_stuck") for vm_id in sorted(silent)]
    return Measurement(readings, tuple(faults))


def _asked(site: Site, servers: dict[int, JsonMap]) -> tuple[dict[int, JsonMap | None], set[int]]:
    """Diagnostics of those that run, and who did not answer before the deadline."""
    end = time.monotonic() + site.settings.measure_s
    running = {vm_id: server for vm_id, server in servers.items() if _has_figures(server)}
    pool = ThreadPoolExecutor(PARALLEL)
    try:
        asked: dict[Future[JsonMap | None], int] = {
            pool.submit(_diagnostics, site, server["id"]): vm_id for vm_id, server in running.items()
        }
        pending = set(asked)
        while pending and time.monotonic() < end:
            _, pending = wait(pending, max(end - time.monotonic(), 0), FIRST_COMPLETED)
        answers: dict[int, JsonMap | None] = {}
        silent = {asked[future] for future in pending}
        for future in asked.keys() - pending:
            try:
                answers[asked[future]] = future.result()
            except Unreachable:
                silent.add(asked[future])
        return answers, silent
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _has_figures(server: JsonMap) -> bool:
    return state_of(server) in (MachineState.RUNNING, MachineState.PAUSED)


def _diagnostics(site: Site, server_id: str) -> JsonMap | None:
    """None when it is gone, or not in a state to tell."""
    try:
        return site.cloud.compute.get(f"/servers/{server_id}/diagnostics", microversion=DIAGNOSTICS)
    except Refused:
        return None


def _reading(site: Site, vm_id: int, server: JsonMap, figures: JsonMap | None) -> Reading:
    vcpus, memory_mib, _ = shape_of(server["flavor"])
    state = state_of(server)
    told = figures or {}
    return Reading(
        vm_id,
        str(server[HOST] or ""),
        to_micros(site.clock.now()),
        str(MachineState.OFF if state == MachineState.SHELVED else state),
        _life(server),
        _sum(told, "cpu", "_time"),
        None,
        _memory(site, told),
        None,
        _sum(told, "", "_write"),
        _sum(told, "", "_rx", "_tx"),
        vcpus,
        memory_mib,
        None,
    )


def _life(server: JsonMap) -> str:
    """Of its counters: they begin anew on another host, after a rebuild or a resize, and when we restart it.

    When others restart it they fall, which says the same.
    """
    parts = (server["id"], server[HOST], server.get(LAUNCHED), server["metadata"].get(BOOTED))
    return "@".join(str(part) for part in parts if part)


def _sum(figures: JsonMap, begin: str, *ends: str) -> int | None:
    """All of one kind added up, whatever disks and ports there are; none, or one unknown (negative): unknown."""
    found = [value for key, value in figures.items() if key.startswith(begin) and key.endswith(ends)]
    if not found or any(not isinstance(value, int) or value < 0 for value in found):
        return None
    return int(sum(found))


def _memory(site: Site, figures: JsonMap) -> int | None:
    """Bytes the guest cannot spare, by its balloon; None unless the balloon spoke lately."""
    available, usable = figures.get("memory-available"), figures.get("memory-usable")
    spoke = figures.get("memory-last_update")
    if not isinstance(available, int) or not isinstance(usable, int) or not isinstance(spoke, int):
        return None
    is_fresh = abs(site.clock.now().timestamp() - spoke) <= FRESH_SECONDS
    return (available - usable) * 1024 if is_fresh and 0 <= usable <= available else None
