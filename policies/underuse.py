"""The under-use rule applied to one machine's figures: what is found, on which meters, and what is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cloudctl.core.quantity import Size
from metering.samples.review_model import Figures
from policies.idle import is_idle, is_in_use
from policies.rule import Rule, as_float
from policies.sizing import (
    BYTES_PER,
    CPU,
    MEMORY,
    STORAGE,
    Flavor,
    Need,
    Proposal,
    Verdict,
    amount_of,
    propose_cut,
    propose_growth,
)

NOTHING = Size(0, 0, {})


class CaseKind(StrEnum):
    DOWNSIZE = "downsize"
    IDLE = "idle"
    STARVED = "starved"
    INSUFFICIENT = "insufficient"


class Outcome(StrEnum):
    """What the rule itself concludes, before anybody decides. Only what is proposed can be decided on."""

    PROPOSED = "proposed"
    BURSTY_KEEP = "bursty_keep"
    NOTHING_LARGER = "nothing_larger"


class Lack(StrEnum):
    """Why evidence does not suffice. RESIZED: too recently, or after the window."""

    YOUNG = "young"
    RESIZED = "resized"
    COVERAGE = "coverage"


class Remedy(StrEnum):
    """How a proposal would be carried out. Storage cannot shrink in place: its disk is replaced and copied, or the
    quota of a thin one is cut, by hand; so are changes in pools that somebody else runs."""

    RESIZE = "resize"
    RESIZE_AND_REPLACE = "resize_and_replace"
    REPLACE_AND_COPY = "replace_and_copy"
    RETIRE = "retire"
    WORK_ORDER = "work_order"


def remedy_of(before: Size, after: Size, *, is_ordered: bool) -> Remedy | None:
    """None when nothing changes. is_ordered: the pool's changes are work orders."""
    if before == after:
        return None
    if is_ordered:
        return Remedy.WORK_ORDER
    if after == NOTHING:
        return Remedy.RETIRE
    shrinks = after.storage_total_gib < before.storage_total_gib
    if not shrinks:
        return Remedy.RESIZE
    computes = (before.vcpus, before.memory_mib) != (after.vcpus, after.memory_mib)
    return Remedy.RESIZE_AND_REPLACE if computes else Remedy.REPLACE_AND_COPY


@dataclass(frozen=True, slots=True)
class Subject:
    """The machine judged: what it holds now, whether it is younger than the window, what its pool offers."""

    size: Size
    is_young: bool
    is_resized_since: bool = False
    flavors: Sequence[Flavor] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. proposal None: nothing is proposed (no evidence). lack: why, for insufficient evidence."""

    kind: CaseKind
    meters: tuple[str, ...]
    outcome: Outcome | None = None
    target: Size | None = None
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    lack: Lack | None = None


def findings(subject: Subject, figures: Figures, rule: Rule) -> tuple[Finding, ...]:
    """Everything the rule finds on one machine; empty when it is well used and well measured.

    A machine younger than the window, or resized after it, is insufficient evidence whatever the figures say. Idle
    comes before anything else. A machine can be too large on one meter and starved on another: those are two
    findings on different meters, since a starved meter is never cut. Thin evidence on some meter is listed when
    nothing else is found; beside a finding, the evidence shows it.
    """
    meters = tuple(meter for meter in rule.mark.meters if _is_held(meter, subject.size))
    if subject.is_young:
        return (Finding(CaseKind.INSUFFICIENT, meters, lack=Lack.YOUNG),)
    if subject.is_resized_since:
        return (Finding(CaseKind.INSUFFICIENT, meters, lack=Lack.RESIZED),)
    evident = tuple(meter for meter in meters if is_evident(meter, figures, rule))
    low = tuple(meter for meter in evident if _mean(meter, figures) < as_float(rule.mark.mean_below))
    if CPU in evident and is_idle(figures.recent, rule):
        return (Finding(CaseKind.IDLE, low or (CPU,), Outcome.PROPOSED, NOTHING),)
    starved = tuple(meter for meter in evident if is_starved(meter, figures, rule))
    found = []
    if any(is_sizable(meter, figures, rule) for meter in low):
        found.append(_downsize(subject, figures, rule, low, starved))
    elif low:
        found.append(Finding(CaseKind.INSUFFICIENT, low, lack=Lack.RESIZED))
    if starved:
        found.append(_starved(subject, figures, rule, starved))
    thin = tuple(meter for meter in meters if meter not in evident)
    if thin and not found:
        found.append(Finding(CaseKind.INSUFFICIENT, thin, lack=Lack.COVERAGE))
    return tuple(found)


def is_evident(meter: str, figures: Figures, rule: Rule) -> bool:
    """True with enough coverage of the window."""
    window = figures.window[meter]
    return window.mean is not None and window.coverage >= as_float(rule.mark.coverage_at_least)


def is_sizable(meter: str, figures: Figures, rule: Rule) -> bool:
    """True with enough hours measured since the last resize."""
    sizing = figures.sizing[meter]
    return sizing.load_p95 is not None and sizing.measured_hours >= rule.target.evidence_hours


def is_starved(meter: str, figures: Figures, rule: Rule) -> bool:
    """p95 of use since the last resize, or for the CPU the steal. Memory that counts page cache proves no hunger."""
    p95 = figures.sizing[meter].use_p95
    if not is_sizable(meter, figures, rule) or (meter == MEMORY and figures.memory_coarse_share > 0):
        return False
    if meter == CPU and (figures.steal_share or 0.0) > as_float(rule.starved.steal_above):
        return True
    return p95 is not None and p95 > as_float(rule.starved.p95_above)


def is_outdated(kind: CaseKind, meters: Sequence[str], figures: Figures, rule: Rule) -> bool:
    """True when use has risen above the rule since: on evidence, every reason for the case is gone."""
    if not all(is_evident(meter, figures, rule) for meter in meters):
        return False
    if kind is CaseKind.IDLE:
        return is_in_use(figures.recent, rule)
    if kind is CaseKind.STARVED:
        return not any(is_starved(meter, figures, rule) for meter in meters)
    return all(_mean(meter, figures) >= as_float(rule.mark.mean_below) for meter in meters)


def needs_of(figures: Figures, meters: Sequence[str]) -> dict[str, Need]:
    """The load since the last resize in vCPUs, MiB and GiB."""
    needs = {}
    for meter in meters:
        load = figures.sizing[meter]
        if load.load_p95 is not None and load.load_max is not None:
            needs[meter] = Need(load.load_p95 / BYTES_PER[meter], load.load_max / BYTES_PER[meter])
    return needs


def _downsize(
    subject: Subject, figures: Figures, rule: Rule, low: tuple[str, ...], starved: tuple[str, ...]
) -> Finding:
    cuttable = tuple(meter for meter in low if meter not in starved)
    sizable = [meter for meter in cuttable if is_sizable(meter, figures, rule)]
    proposal = propose_cut(subject.size, needs_of(figures, sizable), cuttable, rule, subject.flavors)
    verdicts = dict.fromkeys(rule.mark.meters, Verdict.NOT_MARKED) | _unmarked(figures, rule)
    verdicts |= {meter: Verdict.STARVED for meter in low if meter in starved}
    verdicts.update(proposal.verdicts)
    outcome = Outcome.PROPOSED if proposal.size != subject.size else Outcome.BURSTY_KEEP
    return Finding(CaseKind.DOWNSIZE, low, outcome, proposal.size, verdicts)


def _starved(subject: Subject, figures: Figures, rule: Rule, starved: tuple[str, ...]) -> Finding:
    proposal: Proposal = propose_growth(
        subject.size, needs_of(figures, starved), starved, rule, subject.flavors
    )
    outcome = Outcome.PROPOSED if proposal.size != subject.size else Outcome.NOTHING_LARGER
    return Finding(CaseKind.STARVED, starved, outcome, proposal.size, proposal.verdicts)


def _unmarked(figures: Figures, rule: Rule) -> dict[str, Verdict]:
    return {meter: Verdict.UNKNOWN for meter in rule.mark.meters if not is_evident(meter, figures, rule)}


def _mean(meter: str, figures: Figures) -> float:
    mean = figures.window[meter].mean
    assert mean is not None
    return mean


def _is_held(meter: str, size: Size) -> bool:
    """A machine without storage of its own has no storage to judge."""
    return meter != STORAGE or amount_of(size, STORAGE) > 0
