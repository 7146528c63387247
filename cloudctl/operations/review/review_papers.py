"""What a case is opened with: its row, and the evidence document that is frozen beside it."""

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from cloudctl.core.database import from_micros
from cloudctl.core.errors import Refused
from cloudctl.core.money import round_half_up, yuan_text
from cloudctl.core.quantity import Size
from metering.rating import monthly_price
from metering.samples.model import BYTES_PER_GIB, BYTES_PER_MIB
from metering.samples.review_model import METERS, Figures, Limit, RecentFigures, ReviewWindow, Series
from metering.tariffs import PriceBook
from policies.panel import CaseState, Decision
from policies.sizing import Flavor
from policies.subjects import Holding
from policies.tables import CaseRow, RuleRow
from policies.underuse import CaseKind, Finding, Outcome, Remedy, Subject, remedy_of

# The units of `usage show`: vCPUs, MiB, GiB.
UNIT = {"cpu": 1, "memory": BYTES_PER_MIB, "storage": BYTES_PER_GIB}


@dataclass(frozen=True, slots=True)
class Names:
    """What the machine, its system, unit and pool are called."""

    vm: str
    system: str
    unit: str
    pool: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A machine before the rule. is_ordered: changes in its pool are work orders."""

    names: Names
    size: Size
    holding: Holding
    figures: Figures
    flavors: tuple[Flavor, ...]
    is_ordered: bool

    def as_subject(self) -> Subject:
        return Subject(self.size, self.holding.is_young, self.holding.is_resized_since, self.flavors)


@dataclass(frozen=True, slots=True)
class Draft:
    """One finding on its way to being a case. exemption: why the machine is left out, or None."""

    candidate: Candidate
    finding: Finding
    exemption: str | None

    @property
    def vm_id(self) -> int:
        return self.candidate.holding.question.vm_id

    @property
    def state(self) -> CaseState:
        if self.finding.kind is CaseKind.INSUFFICIENT:
            return CaseState.LISTED
        if self.exemption is not None:
            return CaseState.EXEMPT
        return CaseState.MARKED if self.finding.outcome is Outcome.PROPOSED else CaseState.DECIDED

    @property
    def decision(self) -> Decision | None:
        """Where nothing is proposed, the rule itself keeps the machine: there is nothing to decide."""
        return Decision.KEEP if self.state is CaseState.DECIDED else None

    @property
    def remedy(self) -> Remedy | None:
        target = self.finding.target
        if target is None:
            return None
        return remedy_of(self.candidate.size, target, is_ordered=self.candidate.is_ordered)

    @property
    def limit(self) -> Limit:
        """The proposed size of the meters it shrinks. Growth and retirement have no risk of this kind."""
        size, target = self.candidate.size, self.finding.target
        if target is None or self.finding.kind is not CaseKind.DOWNSIZE:
            target = size
        storage = target.storage_total_gib
        return Limit(
            self.vm_id,
            vcpus=target.vcpus if target.vcpus < size.vcpus else None,
            memory_bytes=target.memory_mib * BYTES_PER_MIB if target.memory_mib < size.memory_mib else None,
            storage_bytes=storage * BYTES_PER_GIB if storage < size.storage_total_gib else None,
            is_resized=self.candidate.holding.is_resized_within,
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """Monthly prices at one instant; each pool and size is asked once."""

    book: PriceBook
    at: datetime
    currency: str
    _known: dict[tuple[str, str], Fraction | None] = field(default_factory=dict)

    def monthly(self, pool: str, size: Size) -> Fraction | None:
        """In yuan; None where no tariff governs the pool."""
        key = (pool, repr(size))
        if key not in self._known:
            try:
                self._known[key] = monthly_price(self.book, pool, size, self.at)
            except Refused:
                self._known[key] = None
        return self._known[key]

    def saving_fen(self, pool: str, before: Size, after: Size | None) -> int | None:
        """What a month costs less, rounded once; negative for growth. None without a price or a proposal."""
        if after is None:
            return None
        dear = self.monthly(pool, before)
        # A retired machine costs nothing, not even a fee per machine.
        cheap = self.monthly(pool, after) if after.vcpus else Fraction(0)
        return None if dear is None or cheap is None else round_half_up((dear - cheap) * 100)


def evidence_of(
    draft: Draft, window: ReviewWindow, rule: RuleRow, series: Series | None, prices: Prices
) -> dict[str, Any]:
    """Every figure the case rests on. Units as in `usage show`; the chart in thousandths of a vCPU and in MiB."""
    candidate, finding = draft.candidate, draft.finding
    size, figures, pool = candidate.size, candidate.figures, candidate.names.pool
    sized_us = candidate.holding.question.sized_us
    return {
        **_fields(candidate.names),
        "window": {"start": _instant(window.start_us), "end": _instant(window.end_us)},
        "rule": {"version": rule.version, "hash": rule.hash},
        "size": size.as_json(),
        "resized_at": _instant(sized_us) if sized_us > window.start_us else None,
        "meters": {meter: _meter(meter, figures) for meter in METERS},
        "load_since_resize": {meter: _load(meter, figures) for meter in METERS},
        "steal_share": figures.steal_share,
        "memory_coarse_share": figures.memory_coarse_share,
        "recent": _recent(window, figures.recent),
        "kind": finding.kind,
        "marked": list(finding.meters),
        "verdicts": {meter: str(verdict) for meter, verdict in sorted(finding.verdicts.items())},
        "outcome": finding.outcome,
        "lack": finding.lack,
        "exemption": draft.exemption,
        "target": finding.target.as_json() if finding.target else None,
        "remedy": draft.remedy,
        "price": _price(prices, pool, size, finding.target),
        "risk": _risk(draft, series),
        "chart": _chart(series, window) if series else None,
    }


def case_row(
    draft: Draft, window: ReviewWindow, rule: RuleRow, evidence: dict[str, Any], fen: int | None
) -> CaseRow:
    """The row, but for who opened it and when. Its columns are all set: rows of one kind are inserted together."""
    candidate, finding, present = draft.candidate, draft.finding, draft.candidate.holding.present
    over_share = (evidence["risk"] or {}).get("over_share")
    return CaseRow(
        vm_id=present.vm_id,
        system_id=present.system_id,
        unit_id=present.unit_id,
        pool_id=present.pool_id,
        window_start=from_micros(window.start_us),
        window_end=from_micros(window.end_us),
        rule_version=rule.version,
        kind=finding.kind,
        meters=list(finding.meters),
        state=draft.state,
        outcome=finding.outcome,
        reason=draft.exemption or finding.lack,
        from_size=candidate.size.as_json(),
        to_size=finding.target.as_json() if finding.target else None,
        remedy=draft.remedy,
        monthly_saving_fen=fen,
        risk_ppm=None if over_share is None else round(over_share * 1_000_000),
        decision=draft.decision,
    )


def _instant(micros: int) -> str:
    return from_micros(micros).isoformat()


def _meter(meter: str, figures: Figures) -> dict[str, float | None]:
    values = _fields(figures.window[meter])
    for name in ("held", "used"):
        values[name] = None if values[name] is None else values[name] / UNIT[meter]
    return values


def _recent(window: ReviewWindow, recent: RecentFigures) -> dict[str, Any]:
    return {"start": _instant(window.recent_us), **_fields(recent)}


def _fields(value: Any) -> dict[str, Any]:
    """A flat dataclass as a dictionary: asdict looks for depths that are not there, a thousand times over."""
    return {name: getattr(value, name) for name in value.__slots__}


def _load(meter: str, figures: Figures) -> dict[str, float | None]:
    load = figures.sizing[meter]
    p95, peak = load.load_p95, load.load_max
    return {
        "p95": None if p95 is None else p95 / UNIT[meter],
        "max": None if peak is None else peak / UNIT[meter],
        "use_p95": load.use_p95,
        "coverage": load.coverage,
        "measured_hours": load.measured_hours,
    }


def _price(prices: Prices, pool: str, before: Size, after: Size | None) -> dict[str, str | None]:
    present, fen = prices.monthly(pool, before), prices.saving_fen(pool, before, after)
    return {
        "monthly": None if present is None else yuan_text(round_half_up(present * 100)),
        "monthly_saving": None if fen is None else yuan_text(fen),
        "currency": prices.currency,
    }


def _risk(draft: Draft, series: Series | None) -> dict[str, float | None] | None:
    """How long the old load would exceed the new size, and the share of it that the target wants to stay under."""
    if series is None or draft.finding.kind is not CaseKind.DOWNSIZE:
        return None
    return {"over_share": series.over_share, "tight_share": series.tight_share}


def _chart(series: Series, window: ReviewWindow) -> dict[str, Any]:
    return {
        "start": _instant(window.start_us),
        "bucket_s": series.bucket_s,
        "units": {"cpu": "millivcpu", "memory": "mib", "storage": "mib"},
        "mean": series.mean,
        "max": series.max,
    }
