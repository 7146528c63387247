"""The rule on figures: its edges, its precedence, and what it leaves to evidence."""

from dataclasses import replace

import pytest

from cloudctl.core.quantity import Size
from metering.samples.review_model import Figures, MeterFigures, RecentFigures, SizingFigures
from policies.idle import is_idle, is_in_use
from policies.rule import packaged_rule
from policies.sizing import Flavor
from policies.underuse import CaseKind, Lack, Outcome, Remedy, Subject, findings, is_outdated, remedy_of
from policies.watching import WatchVerdict, watch, watched_meters

RULE = packaged_rule()
SIZE = Size(8, 16384, {"ssd": 100})
UNITS = {"cpu": 8, "memory": 16384 * 2**20, "storage": 100 * 2**30}
BUSY = RecentFigures(0.5, 1.0, 1e6, 1.0, 1e6, 1.0)
SILENT = RecentFigures(0.01, 1.0, 10.0, 1.0, 10.0, 1.0)


def figures(recent=BUSY, steal=0.0, coarse=0.0, coverage=1.0, **means):
    """Machines whose meters stand still at their mean, 0.6 where not said; None is unknown."""
    shares = {"cpu": 0.6, "memory": 0.6, "storage": 0.6} | means
    window, sizing = {}, {}
    for meter, share in shares.items():
        if share is None:
            window[meter] = MeterFigures(None, None, None, None, None, 0.0)
            sizing[meter] = SizingFigures(None, None, None, 0.0, 0.0)
            continue
        held = float(UNITS[meter])
        window[meter] = MeterFigures(held, held * share, share, share, share, coverage)
        sizing[meter] = SizingFigures(held * share, held * share, share, coverage, 720.0 * coverage)
    return Figures(1, window, sizing, recent, steal, coarse)


def found(figures, **subject):
    return {f.kind: f for f in findings(Subject(SIZE, **{"is_young": False} | subject), figures, RULE)}


@pytest.mark.parametrize(("mean", "is_marked"), [(0.4999999, True), (0.5, False), (0.0, True)])
def test_under_a_half_is_marked_and_a_half_is_not(mean, is_marked):
    assert (CaseKind.DOWNSIZE in found(figures(memory=mean))) is is_marked


@pytest.mark.parametrize(("coverage", "kind"), [(0.9, CaseKind.DOWNSIZE), (0.8999, CaseKind.INSUFFICIENT)])
def test_ninety_percent_of_coverage_suffice(coverage, kind):
    assert list(found(figures(cpu=0.1, coverage=coverage))) == [kind]


def test_thin_evidence_on_one_meter_is_listed_unless_another_is_marked():
    listed = found(figures(storage=None))
    marked = found(figures(storage=None, cpu=0.1))

    assert listed[CaseKind.INSUFFICIENT].meters == ("storage",)
    assert listed[CaseKind.INSUFFICIENT].lack is Lack.COVERAGE
    assert list(marked) == [CaseKind.DOWNSIZE] and marked[CaseKind.DOWNSIZE].verdicts["storage"] == "unknown"


def test_young_and_later_resized_machines_are_never_marked():
    idle = figures(SILENT, cpu=0.0, memory=0.0)

    assert list(found(idle, is_young=True)) == [CaseKind.INSUFFICIENT]
    assert found(idle, is_resized_since=True)[CaseKind.INSUFFICIENT].lack is Lack.RESIZED


def test_a_machine_resized_a_moment_ago_is_marked_on_the_other_meters_alone():
    fresh = figures(cpu=0.1)
    fresh.sizing["cpu"] = replace(fresh.sizing["cpu"], measured_hours=23.9)
    both = figures(cpu=0.1, memory=0.1)
    both.sizing["cpu"] = fresh.sizing["cpu"]

    assert found(fresh)[CaseKind.INSUFFICIENT].lack is Lack.RESIZED
    assert found(both)[CaseKind.DOWNSIZE].verdicts["cpu"] == "unknown"
    assert found(both)[CaseKind.DOWNSIZE].target == Size(8, 2048, {"ssd": 100})


def test_idle_comes_first_and_means_retirement():
    idle = found(figures(SILENT, cpu=0.01, memory=0.95))

    assert list(idle) == [CaseKind.IDLE] and idle[CaseKind.IDLE].target == Size(0, 0, {})


@pytest.mark.parametrize(
    "changed",
    [
        {"cpu_p95": 0.03},
        {"network_bytes_per_s": 1024.0},
        {"disk_written_bytes_per_s": 4096.0},
        {"network_bytes_per_s": None, "network_coverage": 0.0},
        {"disk_coverage": 0.8},
        {"cpu_coverage": 0.8},
    ],
)
def test_idleness_is_proved_on_every_count(changed):
    assert is_idle(SILENT, RULE)
    assert not is_idle(replace(SILENT, **changed), RULE)


def test_between_idle_and_in_use_lies_nobody_knows():
    unknown = replace(SILENT, network_bytes_per_s=None, network_coverage=0.0)

    assert not is_idle(unknown, RULE) and not is_in_use(unknown, RULE)
    assert is_in_use(BUSY, RULE)


def test_a_starved_meter_is_not_cut_even_when_its_mean_is_low():
    cases = found(figures(cpu=0.2, steal=0.2))

    assert cases[CaseKind.DOWNSIZE].outcome is Outcome.BURSTY_KEEP
    assert cases[CaseKind.DOWNSIZE].verdicts["cpu"] == "starved"
    assert cases[CaseKind.STARVED].target.vcpus == 9


@pytest.mark.parametrize(
    ("share", "coarse", "is_starved"), [(0.85, 0.0, False), (0.86, 0.0, True), (0.95, 0.2, False)]
)
def test_memory_starves_above_its_limit_unless_page_cache_is_counted_in(share, coarse, is_starved):
    assert (CaseKind.STARVED in found(figures(memory=share, coarse=coarse))) is is_starved


def test_a_starved_machine_in_the_largest_flavor_has_nothing_to_decide_on():
    largest = Subject(SIZE, is_young=False, flavors=(Flavor("l", 8, 16384),))

    (starved,) = findings(largest, figures(cpu=0.9), RULE)

    assert (starved.outcome, starved.target) == (Outcome.NOTHING_LARGER, SIZE)


def test_a_machine_without_storage_is_not_judged_by_it():
    bare = Subject(Size(8, 16384, {}), is_young=False)

    assert findings(bare, figures(storage=None), RULE) == ()


@pytest.mark.parametrize(
    ("kind", "meters", "now", "expected"),
    [
        (CaseKind.DOWNSIZE, ["cpu"], {"cpu": 0.5}, True),
        (CaseKind.DOWNSIZE, ["cpu", "memory"], {"cpu": 0.7, "memory": 0.4}, False),
        (CaseKind.DOWNSIZE, ["cpu"], {"cpu": 0.7, "coverage": 0.5}, False),
        (CaseKind.STARVED, ["memory"], {"memory": 0.7}, True),
        (CaseKind.STARVED, ["memory"], {"memory": 0.9}, False),
        (CaseKind.IDLE, ["cpu"], {"recent": SILENT}, False),
        (CaseKind.IDLE, ["cpu"], {}, True),
    ],
)
def test_a_case_is_outdated_when_every_reason_for_it_is_gone_on_evidence(kind, meters, now, expected):
    assert is_outdated(kind, meters, figures(**now), RULE) is expected


@pytest.mark.parametrize(
    ("after", "is_ordered", "remedy"),
    [
        (SIZE, False, None),
        (Size(4, 16384, {"ssd": 100}), False, Remedy.RESIZE),
        (Size(8, 16384, {"ssd": 200}), False, Remedy.RESIZE),
        (Size(8, 16384, {"ssd": 50}), False, Remedy.REPLACE_AND_COPY),
        (Size(4, 16384, {"ssd": 50}), False, Remedy.RESIZE_AND_REPLACE),
        (Size(0, 0, {}), False, Remedy.RETIRE),
        (Size(4, 16384, {"ssd": 50}), True, Remedy.WORK_ORDER),
    ],
)
def test_remedies(after, is_ordered, remedy):
    assert remedy_of(SIZE, after, is_ordered=is_ordered) is remedy


@pytest.mark.parametrize(
    ("now", "hours", "is_up", "verdict"),
    [
        ({"cpu": 0.91}, 2.0, False, WatchVerdict.ROLL_BACK),
        ({"cpu": 0.91}, 0.5, False, WatchVerdict.SO_FAR),
        ({"cpu": 0.90}, 2.0, False, WatchVerdict.SO_FAR),
        ({"steal": 0.11}, 2.0, False, WatchVerdict.ROLL_BACK),
        ({"memory": 0.95}, 2.0, False, WatchVerdict.SO_FAR),
        ({}, 336.0, True, WatchVerdict.FINE),
        ({"coverage": 0.5}, 336.0, True, WatchVerdict.THIN),
    ],
)
def test_a_cut_of_the_cpu_is_watched_on_the_cpu(now, hours, is_up, verdict):
    assert watch(figures(**now), ("cpu",), hours, RULE, time_is_up=is_up) is verdict


def test_what_was_cut_is_watched_and_a_growth_is_not():
    assert watched_meters(SIZE, Size(8, 8192, {"ssd": 100})) == ("cpu", "memory")
    assert watched_meters(SIZE, Size(9, 16384, {"ssd": 100})) == ()
    assert watch(figures(cpu=0.99), (), 5.0, RULE, time_is_up=False) is WatchVerdict.SO_FAR
