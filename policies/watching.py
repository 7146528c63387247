"""What the samples after a change say: too little now, fine so far, or not enough evidence."""

from collections.abc import Sequence
from enum import StrEnum

from cloudctl.core.quantity import Size
from metering.samples.review_model import Figures
from policies.rule import Rule, as_float
from policies.sizing import CPU, MEMORY, STORAGE, amount_of


class WatchVerdict(StrEnum):
    """ROLL_BACK: too little. FINE: watched to the end. SO_FAR: nothing wrong yet. THIN: its time is up, on too little
    evidence."""

    ROLL_BACK = "roll_back"
    FINE = "fine"
    SO_FAR = "so_far"
    THIN = "thin"


def watched_meters(before: Size, after: Size) -> tuple[str, ...]:
    """What a cut can have made too little: what was cut, and the CPU, on which every shortage tells. A growth can
    have made nothing too little; whether it sufficed is the next review's question."""
    cut = [meter for meter in (CPU, MEMORY, STORAGE) if amount_of(after, meter) < amount_of(before, meter)]
    return tuple(dict.fromkeys([CPU, *cut])) if cut else ()


def watch(
    figures: Figures | None, meters: Sequence[str], hours: float, rule: Rule, *, time_is_up: bool
) -> WatchVerdict:
    """`hours`: since the change. Before the rule's first hours nothing is judged: a start is not a load."""
    if figures is not None and hours >= rule.watch.after_hours and _has_too_little(figures, meters, rule):
        return WatchVerdict.ROLL_BACK
    if not time_is_up:
        return WatchVerdict.SO_FAR
    return WatchVerdict.FINE if figures is not None and _is_measured(figures, rule) else WatchVerdict.THIN


def _has_too_little(figures: Figures, meters: Sequence[str], rule: Rule) -> bool:
    """p95 of use over the limit on a watched meter, or the steal over its own."""
    limit = as_float(rule.watch.p95_above)
    if CPU in meters and (figures.steal_share or 0.0) > as_float(rule.watch.steal_above):
        return True
    return any((figures.sizing[meter].use_p95 or 0.0) > limit for meter in meters)


def _is_measured(figures: Figures, rule: Rule) -> bool:
    """The CPU at least, on as much evidence as a mark needs."""
    return figures.sizing["cpu"].coverage >= as_float(rule.mark.coverage_at_least)
