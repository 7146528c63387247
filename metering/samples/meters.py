"""The meters as the store's columns have them, and the exact sums that questions about them come to."""

from dataclasses import dataclass, field
from fractions import Fraction

from metering.samples.model import BYTES_PER_GIB, BYTES_PER_MIB

SPAN = "(end_us - start_us)"
P95 = 0.95


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter's columns. per_held: what one unit held for 1 µs comes to in the unit that use is summed in.

    is_sum: the column is the use of the whole interval (ns of core time), not a level (bytes) that stood for it.
    """

    name: str
    used: str
    held: str
    per_held: int
    is_sum: bool = False

    @property
    def amount(self) -> str:
        """An interval's use as SQL, exact: ns of core time, or byte·µs."""
        return self.used if self.is_sum else f"{self.used}::HUGEINT * {SPAN}"

    @property
    def ratio(self) -> str:
        """An interval's use over what was held in it, as SQL."""
        span = f"{SPAN}::DOUBLE" if self.is_sum else "1.0"
        return f"{self.used} / nullif({self.held} * {span} * {self.per_held}, 0)"


METERS = (
    Meter("cpu", "cpu_ns", "vcpus", 1000, is_sum=True),
    Meter("memory", "memory_used_bytes", "memory_mib", BYTES_PER_MIB),
    Meter("storage", "storage_used_bytes", "storage_gib", BYTES_PER_GIB),
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
