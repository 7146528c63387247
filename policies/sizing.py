"""The target size: the smallest allowed one that holds the load a machine really had."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cloudctl.core.quantity import Size
from policies.rule import Rule, Target, as_float

# Figures agree with an independent computation to 1e-9; a p95 of exactly the limit must pass by either.
TOLERANCE = 1e-9
CPU, MEMORY, STORAGE = "cpu", "memory", "storage"
BYTES_PER = {CPU: 1, MEMORY: 1 << 20, STORAGE: 1 << 30}


class Verdict(StrEnum):
    """What becomes of one meter, and why."""

    CUT = "cut"
    GROW = "grow"
    BURSTY_P95 = "bursty_p95"
    BURSTY_MAX = "bursty_max"
    FLOOR = "floor"
    FLAVOR = "flavor"
    STARVED = "starved"
    NOT_MARKED = "not_marked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Need:
    """The load since the last resize, in the meter's own unit (vCPUs, MiB, GiB): use and steal together."""

    p95: float
    max: float


@dataclass(frozen=True, slots=True)
class Flavor:
    """A size that a pool offers."""

    name: str
    vcpus: int
    memory_mib: int

    def amount(self, meter: str) -> int:
        return self.vcpus if meter == CPU else self.memory_mib


@dataclass(frozen=True, slots=True)
class Proposal:
    """The proposed size (the present one when nothing can change), and the verdict on every meter."""

    size: Size
    verdicts: Mapping[str, Verdict]


def fits(amount: int, need: Need, target: Target) -> bool:
    """True when p95 stays at or under the wanted share of `amount`, and the maximum under its limit."""
    within = need.p95 / amount <= as_float(target.p95_at_most) + TOLERANCE
    return within and need.max / amount < as_float(target.max_below)


def smallest(need: Need, step: int, floor: int, target: Target) -> int:
    """The smallest multiple of `step`, at least `floor`, that fits."""
    wanted = max(need.p95 / as_float(target.p95_at_most), need.max / as_float(target.max_below), floor)
    # One step below the quotient: rounding of floats must not cost a whole step.
    amount = max(math.ceil(wanted / step) - 1, math.ceil(floor / step), 1) * step
    while not fits(amount, need, target):
        amount += step
    return amount


def propose_cut(
    size: Size, needs: Mapping[str, Need], marked: Sequence[str], rule: Rule, flavors: Sequence[Flavor] = ()
) -> Proposal:
    """The size to shrink to in the marked meters. A marked meter without a need keeps what it holds."""
    verdicts, amounts = {}, {}
    for meter in marked:
        if meter not in needs:
            verdicts[meter] = Verdict.UNKNOWN
            continue
        if flavors and meter != STORAGE:
            continue
        amounts[meter] = smallest(needs[meter], *_step_and_floor(meter, rule), rule.target)
        verdicts[meter] = _cut_verdict(meter, size, amounts[meter], needs[meter], rule)
    changed = {meter: amounts[meter] for meter, verdict in verdicts.items() if verdict is Verdict.CUT}
    wanted = [meter for meter in marked if meter in needs and meter != STORAGE] if flavors else []
    if wanted:
        flavor = _smaller_flavor(size, needs, wanted, rule.target, flavors)
        changed |= _differences(size, flavor)
        verdicts |= {m: Verdict.CUT if m in changed else Verdict.FLAVOR for m in wanted}
    return Proposal(resized(size, changed), verdicts)


def propose_growth(
    size: Size, needs: Mapping[str, Need], starved: Sequence[str], rule: Rule, flavors: Sequence[Flavor] = ()
) -> Proposal:
    """The size to grow to: what the load needs, and at least one step more than the present."""
    amounts = {}
    for meter in starved:
        step, _ = _step_and_floor(meter, rule)
        present = amount_of(size, meter)
        one_more = (present // step + 1) * step
        amounts[meter] = max(smallest(needs[meter], step, one_more, rule.target), one_more)
    wanted = [meter for meter in starved if meter != STORAGE]
    if flavors and wanted:
        larger = [
            f
            for f in flavors
            if all(f.amount(m) >= amounts.get(m, amount_of(size, m)) for m in (CPU, MEMORY))
        ]
        if not larger:
            return Proposal(size, dict.fromkeys(starved, Verdict.FLAVOR))
        flavor = min(larger, key=lambda f: _relative_size(f, size))
        amounts |= {meter: flavor.amount(meter) for meter in (CPU, MEMORY)}
    return Proposal(resized(size, amounts), dict.fromkeys(starved, Verdict.GROW))


def amount_of(size: Size, meter: str) -> int:
    return {CPU: size.vcpus, MEMORY: size.memory_mib, STORAGE: size.storage_total_gib}[meter]


def resized(size: Size, amounts: Mapping[str, int]) -> Size:
    """The size with some meters changed; of several storage tiers the largest takes the difference."""
    storage = dict(size.storage_gib)
    if STORAGE in amounts and storage:
        tier = max(storage, key=lambda name: (storage[name], name))
        storage[tier] += amounts[STORAGE] - size.storage_total_gib
    return Size(amounts.get(CPU, size.vcpus), amounts.get(MEMORY, size.memory_mib), storage)


def _step_and_floor(meter: str, rule: Rule) -> tuple[int, int]:
    key = {CPU: "vcpus", MEMORY: "memory_mib", STORAGE: "storage_gib"}[meter]
    return getattr(rule.steps, key), getattr(rule.floors, key)


def _cut_verdict(meter: str, size: Size, amount: int, need: Need, rule: Rule) -> Verdict:
    present = amount_of(size, meter)
    if amount < present and _tier_holds(meter, size, amount):
        return Verdict.CUT
    step, floor = _step_and_floor(meter, rule)
    smaller = (math.ceil(present / step) - 1) * step
    if smaller < max(floor, 1) or amount < present:
        return Verdict.FLOOR
    within = need.p95 / smaller <= as_float(rule.target.p95_at_most) + TOLERANCE
    return Verdict.BURSTY_MAX if within else Verdict.BURSTY_P95


def _tier_holds(meter: str, size: Size, amount: int) -> bool:
    """Storage in several tiers: the cut must fit into the largest of them."""
    return meter != STORAGE or max(size.storage_gib.values(), default=0) > size.storage_total_gib - amount


def _smaller_flavor(
    size: Size, needs: Mapping[str, Need], marked: Sequence[str], target: Target, flavors: Sequence[Flavor]
) -> Flavor | None:
    """The smallest flavor that cuts a marked meter, grows none, and holds every load that is known."""

    def suits(flavor: Flavor) -> bool:
        if any(flavor.amount(m) > amount_of(size, m) for m in (CPU, MEMORY)):
            return False
        cuts = any(flavor.amount(m) < amount_of(size, m) for m in marked)
        return cuts and all(_holds(flavor.amount(m), m) for m in (CPU, MEMORY))

    def _holds(amount: int, meter: str) -> bool:
        # What is not marked is not cut; and what is kept needs no test.
        return amount == amount_of(size, meter) or (meter in marked and fits(amount, needs[meter], target))

    return min(filter(suits, flavors), key=lambda flavor: _relative_size(flavor, size), default=None)


def _differences(size: Size, flavor: Flavor | None) -> dict[str, int]:
    meters = (CPU, MEMORY) if flavor else ()
    return {m: flavor.amount(m) for m in meters if flavor and flavor.amount(m) != amount_of(size, m)}


def _relative_size(flavor: Flavor, size: Size) -> tuple[float, int, int]:
    return flavor.vcpus / size.vcpus + flavor.memory_mib / size.memory_mib, flavor.vcpus, flavor.memory_mib
