"""What one sweep over a pool came to: samples, the readings to count on from, and why machines are missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from metering.collector import Held, Taken, take
from metering.store import Gap, ReportedSize
from provisioning.model import Measurement, Reading

# An interval longer than this many grid steps means that a sweep was missed.
LONGEST = 1.5

# Why a machine, a pool or everything was not measured (labels of the catalogue, kind gap_reason). Drivers name more.
DAEMON_DOWN = "daemon_down"
OVERRUN = "overrun"
DEADLINE = "deadline"
POOL_UNREACHABLE = "pool_unreachable"
DISK_FULL = "disk_full"
NOT_SEEN = "not_seen"
FIRST_READING = "first_reading"
NOT_REPORTED = "not_reported"
BALLOON_SILENT = "balloon_silent"
NO_SAMPLE = "no_sample"


@dataclass(frozen=True, slots=True)
class PoolState:
    """Where the last sweep of a pool left off, and how long it took."""

    pool_id: int
    swept_at: datetime | None
    readings: Mapping[int, Reading]
    duration_us: int = 0


@dataclass(frozen=True, slots=True)
class PoolSwept:
    """One pool's part of a sweep. machines: seen; missing: held but not measured."""

    state: PoolState
    taken: Taken
    gaps: tuple[Gap, ...]
    reported: Mapping[int, ReportedSize]
    machines: int
    missing: int


def sweep_pool(
    before: PoolState, measurement: Measurement, held: Mapping[int, Held], at: datetime, interval_us: int
) -> PoolSwept:
    """The part of a pool that answered. `at`: the sweep's own time, which bounds the gaps it finds."""
    taken = take(before.readings, measurement.readings, held, int(interval_us * LONGEST))
    fresh = {reading.vm_id: reading for reading in measurement.readings}
    missing = sorted(held.keys() - fresh.keys())
    gaps = [
        *_downtime(before, at, interval_us),
        *(
            Gap(before.pool_id, vm_id, before.swept_at or at, at, reason)
            for vm_id, reason in _reasons(before, measurement, missing).items()
            if (before.swept_at or at) < at
        ),
    ]
    kept = {vm_id: reading for vm_id, reading in before.readings.items() if vm_id in held} | fresh
    return PoolSwept(
        PoolState(before.pool_id, at, kept),
        taken,
        tuple(gaps),
        _changed_sizes(before.readings, fresh, at),
        len(fresh),
        len(missing),
    )


def miss_pool(
    before: PoolState, held: Mapping[int, Held], at: datetime, interval_us: int, reason: str
) -> PoolSwept:
    """A pool that gave no reading at all: a gap of the whole pool, its readings kept for when it is back."""
    gaps = list(_downtime(before, at, interval_us))
    if before.swept_at is not None and not gaps:
        gaps.append(Gap(before.pool_id, None, before.swept_at, at, reason))
    return PoolSwept(
        PoolState(before.pool_id, at, before.readings),
        Taken(),
        tuple(gaps),
        {},
        machines=0,
        missing=len(held),
    )


def _downtime(before: PoolState, at: datetime, interval_us: int) -> tuple[Gap, ...]:
    """The time in which no sweep was even tried: nobody was there to, or the last one was not over in time."""
    if before.swept_at is None or (at - before.swept_at).total_seconds() * 1_000_000 <= interval_us * LONGEST:
        return ()
    reason = OVERRUN if before.duration_us > interval_us else DAEMON_DOWN
    return (Gap(before.pool_id, None, before.swept_at, at, reason),)


def _reasons(before: PoolState, measurement: Measurement, missing: list[int]) -> dict[int, str]:
    """Why each missing machine is missing: its own fault, its last host's, or that nobody saw it."""
    of_machine = {fault.vm_id: fault.reason for fault in measurement.faults if fault.vm_id is not None}
    of_host = {fault.host: fault.reason for fault in measurement.faults if fault.vm_id is None}

    def reason(vm_id: int) -> str:
        last = before.readings.get(vm_id)
        return of_machine.get(vm_id) or of_host.get(last.host if last else "") or NOT_SEEN

    return {vm_id: reason(vm_id) for vm_id in missing}


def _changed_sizes(
    before: Mapping[int, Reading], fresh: Mapping[int, Reading], at: datetime
) -> dict[int, ReportedSize]:
    changed = {}
    for vm_id, reading in fresh.items():
        last = before.get(vm_id)
        size = (reading.vcpus, reading.memory_mib, reading.storage_gib)
        if last is None or size != (last.vcpus, last.memory_mib, last.storage_gib):
            changed[vm_id] = ReportedSize(at, *size)
    return changed
