"""Counters and gauges of a host's machines, from one bulk question and a small one per domain.

What each figure is, and which ones lie, stands in docs/libvirt.md.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from cloudctl.core.clock import Clock
from cloudctl.core.database import to_micros
from provisioning.drivers.libvirt.definition import Found
from provisioning.drivers.libvirt.marks import Marks
from provisioning.drivers.libvirt.sdk import sdk
from provisioning.drivers.libvirt.storage import GIB
from provisioning.drivers.libvirt.survey import Stats, bulk_stats, described, extents, is_active
from provisioning.model import MachineState, Reading

# What libvirt says where it knows nothing: -1, as whatever type it counts in.
UNKNOWN_VALUES = (-1, 2**64 - 1)
# Memory the guest told of longer ago than this (in seconds) is no measurement of now.
STALE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class HostReadings:
    """stuck: machines that run, of which the host had nothing to tell. moved_at_us: by machine, of its marks."""

    readings: tuple[Reading, ...]
    stuck: tuple[int, ...]
    moved_at_us: dict[int, int]


def read_host(connection: Any, code: str, clock: Clock, only: Collection[int] | None) -> HostReadings:
    """only: of these machines; None: of all that are ours."""
    libvirt = sdk()
    groups = (
        libvirt.VIR_DOMAIN_STATS_STATE
        | libvirt.VIR_DOMAIN_STATS_VCPU
        | libvirt.VIR_DOMAIN_STATS_BALLOON
        | libvirt.VIR_DOMAIN_STATS_BLOCK
        | libvirt.VIR_DOMAIN_STATS_INTERFACE
    )
    told = bulk_stats(connection, groups)
    now_us = to_micros(clock.now())
    readings, stuck, moved = [], [], {}
    for there, stats in described(told):
        marks = there.marks
        if marks is None or (only is not None and marks.vm_id not in only):
            continue
        if is_stuck(stats):
            stuck.append(marks.vm_id)
        else:
            readings.append(reading(connection, there, marks, stats, code, now_us))
        moved[marks.vm_id] = to_micros(marks.moved_at) if marks.moved_at else 0
    return HostReadings(tuple(readings), tuple(stuck), moved)


def is_stuck(stats: Stats) -> bool:
    """Its QEMU still owes an earlier answer: libvirt then tells what it knows itself, nothing of the guest's."""
    return is_active(stats) and "vcpu.current" in stats and "balloon.rss" not in stats


def reading(connection: Any, there: Found, marks: Marks, stats: Stats, code: str, now_us: int) -> Reading:
    active = is_active(stats)
    disks = list(extents(connection, there.definition, stats))
    return Reading(
        vm_id=marks.vm_id,
        host=code,
        at_us=now_us,
        state=_state(stats, active),
        counter_key=_life(there.domain, marks, code) if active else f"{code}/off",
        cpu_ns=_vcpu_sum(stats, "time") if active else None,
        steal_ns=_vcpu_sum(stats, "delay") if active else None,
        memory_used_bytes=_memory(stats, now_us) if active else None,
        storage_used_bytes=_sum_known(disk.used for disk in disks),
        disk_written_bytes=sum(disk.written for disk in disks) if active else None,
        network_bytes=_network(stats) if active else None,
        vcpus=int(stats["vcpu.current"]) if active and "vcpu.current" in stats else None,
        memory_mib=int(stats["balloon.current"]) // 1024 if "balloon.current" in stats else None,
        storage_gib=_gib(_sum_known(disk.capacity for disk in disks)),
    )


def _sum_known(values: Iterable[int | None]) -> int | None:
    """None as soon as one of them is unknown, or when there are none."""
    known = list(values)
    return sum(value or 0 for value in known) if known and None not in known else None


def _gib(size: int | None) -> int | None:
    return None if size is None else -(-size // GIB)


def _state(stats: Stats, active: bool) -> str:
    libvirt = sdk()
    if not active:
        return str(MachineState.OFF)
    if stats.get("state.state") in (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PMSUSPENDED):
        return str(MachineState.PAUSED)
    return str(MachineState.RUNNING)


def _life(domain: Any, marks: Marks, code: str) -> str:
    """One QEMU process: its counters began with it. libvirt numbers them anew per host, and we note each start."""
    started = marks.booted_at.isoformat() if marks.booted_at else ""
    return f"{code}/{domain.UUIDString()}/{domain.ID()}/{started}"


def _vcpu_sum(stats: Stats, key: str) -> int | None:
    """Over the vCPUs there are: their numbers have holes. The emulator's own threads are nobody's use."""
    values = [
        value
        for name, value in stats.items()
        if name.startswith("vcpu.") and name.endswith(f".{key}") and value not in UNKNOWN_VALUES
    ]
    return sum(values) if values else None


def _memory(stats: Stats, now_us: int) -> int | None:
    """What the guest has less what it could give without swapping; None unless it said so lately."""
    available, usable = stats.get("balloon.available"), stats.get("balloon.usable")
    told_at = stats.get("balloon.last-update")
    if available is None or usable is None or told_at is None:
        return None
    if available in UNKNOWN_VALUES or usable in UNKNOWN_VALUES or usable > available:
        return None
    if int(told_at) + STALE_SECONDS < now_us // 1_000_000:
        return None
    return int(available - usable) * 1024


def _network(stats: Stats) -> int | None:
    values = [
        value
        for name, value in stats.items()
        if name.startswith("net.") and name.endswith((".rx.bytes", ".tx.bytes"))
    ]
    return sum(values) if values else None
