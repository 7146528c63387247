"""What the under-use review asks of the samples and what it is answered, as values free of any query engine."""

from dataclasses import dataclass

METERS = ("cpu", "memory", "storage")


@dataclass(frozen=True, slots=True)
class ReviewWindow:
    """[start_us, end_us) in microseconds since the epoch.

    recent_us: where its last days, judged for idleness, begin. idle_p95: a CPU p95 above which nothing is idle.
    """

    start_us: int
    end_us: int
    recent_us: int
    idle_p95: float


@dataclass(frozen=True, slots=True)
class MachineQuestion:
    """One machine asked about, and its present size.

    held_us, recent_held_us: how long it held an allocation in the window and in its last days. sized_us: since when
    it has its present size; samples from before that say nothing about the next one. sized_held_us: how long of the
    window it has had it.
    """

    vm_id: int
    held_us: int
    recent_held_us: int
    sized_us: int
    sized_held_us: int
    vcpus: int
    memory_mib: int
    storage_gib: int


@dataclass(frozen=True, slots=True)
class MeterFigures:
    """One meter over the window. held, used: time-weighted means in vCPUs or bytes; the rest are ratios."""

    held: float | None
    used: float | None
    mean: float | None
    p95: float | None
    max: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class SizingFigures:
    """One meter since the last resize: load in vCPUs (use and steal) or bytes, the p95 of the use ratio alone."""

    load_p95: float | None
    load_max: float | None
    use_p95: float | None
    coverage: float
    measured_hours: float


@dataclass(frozen=True, slots=True)
class RecentFigures:
    """The window's last days; rates are means in bytes per second.

    The rates are asked only where the CPU's p95 leaves idleness open; elsewhere they are None with a coverage of 0.
    """

    cpu_p95: float | None
    cpu_coverage: float
    network_bytes_per_s: float | None
    network_coverage: float
    disk_written_bytes_per_s: float | None
    disk_coverage: float


@dataclass(frozen=True, slots=True)
class Figures:
    """All a machine is judged by. steal_share: since the last resize; memory_coarse_share: of its measured time."""

    vm_id: int
    window: dict[str, MeterFigures]
    sizing: dict[str, SizingFigures]
    recent: RecentFigures
    steal_share: float | None
    memory_coarse_share: float


@dataclass(frozen=True, slots=True)
class Limit:
    """A size proposed for one machine, in vCPUs and bytes; None where the meter is not changed.

    is_resized: the machine had another size earlier in the window.
    """

    vm_id: int
    vcpus: int | None
    memory_bytes: int | None
    storage_bytes: int | None
    is_resized: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A machine's use in equal buckets: thousandths of a vCPU, MiB of memory and storage; None where unknown.

    over_share: share of time in which the load exceeded the limit; tight_share: in which it exceeded the wanted
    share of it. None without a limit, or where nothing is known of the limited meters.
    """

    vm_id: int
    bucket_s: int
    mean: dict[str, list[int | None]]
    max: dict[str, list[int | None]]
    over_share: float | None
    tight_share: float | None
