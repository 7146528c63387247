"""Migration surveys added up, and when the pools they are planned for will be full. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

# The tier of storage that nobody has chosen one for: it counts in the sum of all tiers alone.
ANY_TIER = ""


@dataclass(frozen=True, slots=True)
class Amounts:
    """vCPUs, MiB, and GiB by tier, of any number of machines; what is left may be below 0."""

    vcpus: int = 0
    memory_mib: int = 0
    storage_gib: Mapping[str, int] = field(default_factory=dict)

    @property
    def storage_total_gib(self) -> int:
        return sum(self.storage_gib.values())

    def plus(self, other: "Amounts") -> "Amounts":
        tiers = sorted({*self.storage_gib, *other.storage_gib})
        return Amounts(
            self.vcpus + other.vcpus,
            self.memory_mib + other.memory_mib,
            {tier: self.storage_gib.get(tier, 0) + other.storage_gib.get(tier, 0) for tier in tiers},
        )

    def minus(self, other: "Amounts") -> "Amounts":
        return self.plus(other.times(-1))

    def times(self, count: int) -> "Amounts":
        storage = {tier: gib * count for tier, gib in self.storage_gib.items()}
        return Amounts(self.vcpus * count, self.memory_mib * count, storage)

    def as_json(self) -> dict[str, object]:
        return {
            "vcpus": self.vcpus,
            "memory_mib": self.memory_mib,
            "storage_gib": self.storage_total_gib,
            "tiers_gib": {tier: gib for tier, gib in self.storage_gib.items() if tier != ANY_TIER},
        }


@dataclass(frozen=True, slots=True)
class SurveyLine:
    """So many alike of what a system runs on; each: one of them. bandwidth_mbps None: not known."""

    unit: str
    system: str
    pool: str
    count: int
    each: Amounts
    bandwidth_mbps: int | None
    planned_for: date

    @property
    def whole(self) -> Amounts:
        return self.each.times(self.count)


@dataclass(frozen=True, slots=True)
class SurveyTotals:
    """unknown_bandwidth: lines that do not say theirs."""

    key: str
    lines: int
    machines: int
    amounts: Amounts
    bandwidth_mbps: int
    unknown_bandwidth: int


def survey_totals(lines: Iterable[SurveyLine], by: str) -> list[SurveyTotals]:
    """by: unit, system or pool."""
    groups: dict[str, list[SurveyLine]] = {}
    for line in lines:
        groups.setdefault(getattr(line, by), []).append(line)
    return [
        SurveyTotals(
            key,
            len(group),
            sum(line.count for line in group),
            added_up(line.whole for line in group),
            sum((line.bandwidth_mbps or 0) * line.count for line in group),
            sum(line.bandwidth_mbps is None for line in group),
        )
        for key, group in sorted(groups.items())
    ]


@dataclass(frozen=True, slots=True)
class Month:
    """left: what is free at the end of it, None where nobody knows what is free at all. month: YYYY-MM."""

    month: str
    planned: Amounts
    left: Amounts | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """full_in: the first month whose plans no longer fit; meters: what there is too little of then, tiers by name."""

    pool: str
    free: Amounts | None
    planned: Amounts
    full_in: str | None
    meters: tuple[str, ...]
    months: tuple[Month, ...]


def forecast(pool: str, free: Amounts | None, lines: Sequence[SurveyLine]) -> Forecast:
    """The pool's free room against what is planned for it, month after month.

    By sums over its hosts: a machine may fit nowhere sooner, when what is free is scattered.
    """
    own = [line for line in lines if line.pool == pool]
    months, left = [], free
    for month in sorted({month_of(line) for line in own}):
        planned = added_up(line.whole for line in own if month_of(line) == month)
        left = left.minus(planned) if left is not None else None
        months.append(Month(month, planned, left))
    full = next((month for month in months if month.left is not None and short_of(month.left)), None)
    return Forecast(
        pool,
        free,
        added_up(line.whole for line in own),
        full.month if full else None,
        short_of(full.left) if full and full.left else (),
        tuple(months),
    )


def month_of(line: SurveyLine) -> str:
    return f"{line.planned_for:%Y-%m}"


def short_of(left: Amounts) -> tuple[str, ...]:
    """Of what there is less than nothing: meters, the sum of all storage, and tiers by name."""
    meters = {"vcpus": left.vcpus, "memory_mib": left.memory_mib, "storage_gib": left.storage_total_gib}
    tiers = {tier: gib for tier, gib in left.storage_gib.items() if tier != ANY_TIER}
    return tuple(name for name, amount in (*meters.items(), *tiers.items()) if amount < 0)


def added_up(amounts: Iterable[Amounts]) -> Amounts:
    result = Amounts()
    for one in amounts:
        result = result.plus(one)
    return result
