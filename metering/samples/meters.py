"""The meters as the store's columns have them, and the exact sums that questions about them come to."""

from dataclasses import dataclass, field
from fractions import Fraction

from metering.samples.model import BYTES_PER_GIB, BYTES_PER_MIB

SPAN = "(end_us - start_us)"
P95 = 0.95


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter's columns. used: its sum over an interval; per_held: what one unit held for 1 µs comes to in that unit.

    CPU is summed in ns of core time, memory and storage in byte·µs.
    """

    name: str
    used: str
    held: str
    weight: str
    per_held: int

    @property
    def ratio(self) -> str:
        """An interval's use over what was held in it, as SQL."""
        span = f"{SPAN}::DOUBLE" if self.weight == "1" else "1.0"
        return f"{self.used} / nullif({self.held} * {span} * {self.per_held}, 0)"


METERS = (
    Meter("cpu", "cpu_ns", "vcpus", "1", 1000),
    Meter("memory", "memory_used_bytes", "memory_mib", SPAN, BYTES_PER_MIB),
    Meter("storage", "storage_used_bytes", "storage_gib", SPAN, BYTES_PER_GIB),
)


@dataclass(slots=True)
class MeterSums:
    """One meter of one group. used: exact, in its unit; held_us (size × µs), measured_us: where it is known."""

    used: Fraction = Fraction(0)
    held_us: int = 0
    measured_us: int = 0
    intervals: int = 0
    over: int = 0
    p95: float | None = None
    maximum: float | None = None


@dataclass(slots=True)
class GroupSums:
    """All meters of one group, by the meter's name."""

    meters: dict[str, MeterSums] = field(
        default_factory=lambda: {meter.name: MeterSums() for meter in METERS}
    )
