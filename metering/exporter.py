"""What Prometheus reads of a home: the last sweeps, what units hold and use, and the health of the jobs."""

import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy.orm import Session

from cloudctl import __version__
from cloudctl.core.database import to_micros
from cloudctl.core.estate import unit_codes
from cloudctl.core.job_store import DONE, FAILED, job_names, last_finished, last_run
from cloudctl.core.quantity import Size
from metering.allocations import current_allocations, size_of
from metering.samples.segment_model import METERS, Span, Use
from metering.samples.segment_use import segment_use
from metering.samples.store import SampleStore
from metering.store import last_sweeps
from metering.tables import AllocationRow, SweepRow
from provisioning.store import pools

MIB, GIB = 1 << 20, 1 << 30
NS, US = 1_000_000_000, 1_000_000
# The name of each meter's metrics, in the base unit that Prometheus asks for.
QUANTITIES = {"cpu": "vcpus", "memory": "memory_bytes", "storage": "storage_bytes"}


@dataclass(slots=True)
class Load:
    """What one unit holds and uses in one pool now; used None: nothing of it was measured."""

    unit: str
    pool: str
    machines: int
    held: dict[str, int]
    used: dict[str, float | None]


def families(session: Session, store: SampleStore, now: datetime, interval: timedelta) -> Iterator[Metric]:
    """Every metric of a home."""
    yield InfoMetricFamily(
        "cloudctl_build", "This version", {"version": __version__, "python": platform.python_version()}
    )
    yield from _sweep_families(session, now)
    yield from _load_families(loads(session, store, interval))
    yield from _job_families(session)


def loads(session: Session, store: SampleStore, interval: timedelta) -> list[Load]:
    """Held now, and used in the interval before the pool's last sweep, by unit and pool."""
    codes, units = {pool.id: pool.code for pool in pools(session)}, unit_codes(session)
    swept = {row.pool_id: row.started_at for row in last_sweeps(session)}
    by_holder: dict[tuple[int, int], list[AllocationRow]] = defaultdict(list)
    for row in current_allocations(session).values():
        if row.pool_id in codes:
            by_holder[row.unit_id, row.pool_id].append(row)
    use = _use(session, store, [row for rows in by_holder.values() for row in rows], swept, interval)
    return [
        Load(units[unit_id], codes[pool_id], len(rows), _held(map(size_of, rows)), _used(rows, use))
        for (unit_id, pool_id), rows in sorted(by_holder.items())
    ]


def _use(
    session: Session,
    store: SampleStore,
    rows: Sequence[AllocationRow],
    swept: dict[int, datetime],
    interval: timedelta,
) -> dict[int, Use]:
    """By allocation. Pools are swept at times of their own, so each is asked by itself."""
    answers: dict[int, Use] = {}
    for pool_id, at in swept.items():
        spans = [
            Span(row.id, to_micros(max(row.start, at - interval)), to_micros(at))
            for row in rows
            if row.pool_id == pool_id and row.start < at
        ]
        used = segment_use(store, session, spans, [at - interval, at])
        answers |= {span.allocation: answer for span, answer in used.items()}
    return answers


def _held(sizes: Iterable[Size]) -> dict[str, int]:
    total = dict.fromkeys(METERS, 0)
    for size in sizes:
        total["cpu"] += size.vcpus
        total["memory"] += size.memory_mib * MIB
        total["storage"] += size.storage_total_gib * GIB
    return total


def _used(rows: Sequence[AllocationRow], use: dict[int, Use]) -> dict[str, float | None]:
    """Vcpus and bytes, averaged over the time that was measured."""
    total: dict[str, float | None] = dict.fromkeys(METERS)
    for row in rows:
        answer = use.get(row.id)
        for meter in METERS:
            if answer and answer.measured_us[meter]:
                # CPU comes in vCPU-nanoseconds, which are a thousand to the microsecond.
                scale = NS // US if meter == "cpu" else 1
                mean = float(answer.used[meter] / (answer.measured_us[meter] * scale))
                total[meter] = (total[meter] or 0.0) + mean
    return total


def _sweep_families(session: Session, now: datetime) -> Iterator[Metric]:
    rows, codes = last_sweeps(session), {pool.id: pool.code for pool in pools(session)}
    figures: dict[str, tuple[str, Callable[[SweepRow], float]]] = {
        "age_seconds": (
            "Time since the pool's last sweep began",
            lambda row: (now - row.started_at).total_seconds(),
        ),
        "duration_seconds": ("How long the pool's last sweep took", lambda row: row.duration_us / US),
        "coverage_ratio": (
            "Machines measured, of those that hold something in the pool",
            lambda row: row.samples / (row.samples + row.missing) if row.samples + row.missing else 1.0,
        ),
        "machines": ("Machines the pool's last sweep saw", lambda row: row.machines),
        "missing_machines": ("Machines that hold something and were not measured", lambda row: row.missing),
    }
    for name, (text, value) in figures.items():
        family = GaugeMetricFamily(f"cloudctl_sweep_{name}", text, labels=["pool"])
        for row in rows:
            if row.pool_id in codes:
                family.add_metric([codes[row.pool_id]], value(row))
        yield family


def _load_families(rows: Sequence[Load]) -> Iterator[Metric]:
    machines = GaugeMetricFamily("cloudctl_machines", "Machines that hold something", labels=["unit", "pool"])
    for row in rows:
        machines.add_metric([row.unit, row.pool], row.machines)
    yield machines
    for meter, quantity in QUANTITIES.items():
        held = GaugeMetricFamily(f"cloudctl_held_{quantity}", f"Held now: {meter}", labels=["unit", "pool"])
        used = GaugeMetricFamily(
            f"cloudctl_used_{quantity}", f"Used at the last sweep: {meter}", labels=["unit", "pool"]
        )
        for row in rows:
            held.add_metric([row.unit, row.pool], row.held[meter])
            value = row.used[meter]
            if value is not None:
                used.add_metric([row.unit, row.pool], value)
        yield held
        yield used


def _job_families(session: Session) -> Iterator[Metric]:
    def family(name: str, text: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"cloudctl_job_{name}", text, labels=["job"])

    success = family("last_success_timestamp_seconds", "When the job last ended well")
    failure = family("last_failure_timestamp_seconds", "When the job last failed")
    duration = family("duration_seconds", "How long the job's last successful run took")
    failing = family("failing", "1 when the job's latest period failed")
    for job in job_names(session):
        done, failed = last_finished(session, job, DONE), last_finished(session, job, FAILED)
        last = last_run(session, job)
        if done and done.finished_at:
            success.add_metric([job], done.finished_at.timestamp())
            duration.add_metric([job], (done.finished_at - done.started_at).total_seconds())
        if failed and failed.finished_at:
            failure.add_metric([job], failed.finished_at.timestamp())
        failing.add_metric([job], 1.0 if last and last.state == FAILED else 0.0)
    yield from (success, failure, duration, failing)
