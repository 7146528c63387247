"""What settlement asks of the samples and what it is answered, as values free of any query engine."""

from dataclasses import dataclass, field
from fractions import Fraction

METERS = ("cpu", "memory", "storage")


@dataclass(frozen=True, slots=True)
class Span:
    """A question: an allocation, and a part [start_us, end_us) of its time that lies between two cuts."""

    allocation: int
    start_us: int
    end_us: int


@dataclass(slots=True)
class Use:
    """What was seen in a span. seen_us: time in which the machine's state was known.

    measured_us: by meter. used: by meter, cpu in vCPU-nanoseconds, memory and storage in byte-microseconds.
    """

    seen_us: int = 0
    measured_us: dict[str, int] = field(default_factory=lambda: dict.fromkeys(METERS, 0))
    used: dict[str, Fraction] = field(default_factory=lambda: dict.fromkeys(METERS, Fraction(0)))

    def add(self, other: "Use", sign: int = 1) -> None:
        """Counts another's time and use too; with sign -1 takes them away."""
        self.seen_us += sign * other.seen_us
        for meter in METERS:
            self.measured_us[meter] += sign * other.measured_us[meter]
            self.used[meter] += sign * other.used[meter]
