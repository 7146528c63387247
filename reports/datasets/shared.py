"""Values that several reports say: whose report it is, who is meant, what was held and used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Imprint:
    """Whose report, made when and by whom. simulated_pools: names of the pools in it whose cloud is simulated."""

    site: str
    currency: str
    generated_at: datetime
    generated_by: str
    simulated_pools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Named:
    """A code of the inventory with the name people know."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class MeterUse:
    """One meter over a window: held and used are time-weighted means (vCPUs, MiB, GiB), the rest are fractions.

    None is unknown, never 0.
    """

    held: float | None = None
    used: float | None = None
    mean: float | None = None
    p95: float | None = None
    max: float | None = None
    coverage: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    cpu: MeterUse = field(default_factory=MeterUse)
    memory: MeterUse = field(default_factory=MeterUse)
    storage: MeterUse = field(default_factory=MeterUse)


@dataclass(frozen=True, slots=True)
class Curve:
    """Mean (and highest) fraction over time in equal buckets that begin at `times`; None where nothing is known."""

    times: tuple[datetime, ...] = ()
    mean: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


def change(now: float, before: float | None) -> float | None:
    """By what share a figure moved; None without a figure to compare with."""
    return (now - before) / before if before else None


def ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def add_use(uses: Sequence[Use]) -> Use:
    """Σ held and Σ used of several; their mean is Σ used / Σ held over those that are measured."""
    return Use(*(_add([getattr(use, meter) for use in uses]) for meter in ("cpu", "memory", "storage")))


def _add(meters: Sequence[MeterUse]) -> MeterUse:
    held = [meter.held for meter in meters if meter.held is not None]
    measured = [meter for meter in meters if meter.used is not None and meter.held is not None]
    used = [meter.used for meter in measured if meter.used is not None]
    base = sum(meter.held for meter in measured if meter.held is not None)
    covered = [(meter.coverage, meter.held) for meter in meters if meter.coverage is not None and meter.held]
    return MeterUse(
        held=sum(held) if held else None,
        used=sum(used) if used else None,
        mean=ratio(sum(used), base) if used else None,
        coverage=ratio(sum(c * h for c, h in covered), sum(h for _, h in covered)) if covered else None,
    )
