"""Target sizes: the smallest that fits, against a search that tries them all."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cloudctl.core.quantity import Size
from policies.rule import packaged_rule
from policies.sizing import Flavor, Need, Verdict, fits, propose_cut, propose_growth, smallest

RULE = packaged_rule()
LARGE = Size(8, 16384, {"ssd": 100})


@given(
    p95=st.floats(0, 64),
    extra=st.floats(0, 64),
    step=st.sampled_from([1, 2, 4]),
    floor=st.integers(1, 4),
)
def test_the_smallest_is_what_trying_all_sizes_finds(p95, extra, step, floor):
    need = Need(p95, p95 + extra)

    found = smallest(need, step, floor, RULE.target)

    sizes = (size for size in range(step, 1000, step) if size >= floor)
    assert found == next(size for size in sizes if fits(size, need, RULE.target))


@given(p95=st.floats(0, 100), extra=st.floats(0, 100), present=st.integers(1, 128))
def test_a_cut_is_smaller_and_holds_the_load_or_nothing_changes(p95, extra, present):
    need = Need(p95, p95 + extra)
    size = Size(present, 4096, {})

    proposal = propose_cut(size, {"cpu": need}, ["cpu"], RULE)

    if proposal.verdicts["cpu"] is Verdict.CUT:
        assert proposal.size.vcpus < present and fits(proposal.size.vcpus, need, RULE.target)
        smaller = proposal.size.vcpus - 1
        assert smaller == 0 or not fits(smaller, need, RULE.target)
    else:
        assert proposal.size == size


@given(p95=st.floats(0, 100), extra=st.floats(0, 100), present=st.integers(1, 128))
def test_growth_grows_and_holds_the_load(p95, extra, present):
    need = Need(p95, p95 + extra)
    assume(need.max < 1e6)

    proposal = propose_growth(Size(present, 4096, {}), {"cpu": need}, ["cpu"], RULE)

    assert proposal.size.vcpus > present and fits(proposal.size.vcpus, need, RULE.target)


def test_a_p95_of_exactly_the_limit_fits_and_a_peak_of_exactly_the_size_does_not():
    assert smallest(Need(3.2, 3.2), 1, 1, RULE.target) == 4
    assert smallest(Need(1.0, 4.0), 1, 1, RULE.target) == 5


@pytest.mark.parametrize(
    ("need", "present", "verdict"),
    [
        (Need(6.9, 7.0), 8, Verdict.BURSTY_P95),
        (Need(1.0, 7.5), 8, Verdict.BURSTY_MAX),
        (Need(0.01, 0.02), 1, Verdict.FLOOR),
    ],
)
def test_why_no_smaller_size_passes(need, present, verdict):
    assert propose_cut(Size(present, 4096, {}), {"cpu": need}, ["cpu"], RULE).verdicts == {"cpu": verdict}


def test_memory_goes_down_to_whole_gib_from_odd_sizes():
    proposal = propose_cut(Size(1, 3500, {}), {"memory": Need(1000.0, 1500.0)}, ["memory"], RULE)

    assert proposal.size.memory_mib == 2048


def test_of_several_tiers_the_largest_is_cut_and_never_below_nothing():
    size = Size(1, 1024, {"hdd": 200, "ssd": 100})

    cut = propose_cut(size, {"storage": Need(100.0, 110.0)}, ["storage"], RULE)
    too_deep = propose_cut(
        Size(1, 1024, {"hdd": 60, "ssd": 50}), {"storage": Need(1.0, 1.0)}, ["storage"], RULE
    )

    # 100 GiB at 80 % are 125: 130 in steps of 10.
    assert cut.size.storage_gib == {"hdd": 30, "ssd": 100}
    assert too_deep.verdicts == {"storage": Verdict.FLOOR} and too_deep.size.storage_total_gib == 110


FLAVORS = (Flavor("s", 2, 4096), Flavor("m", 4, 8192), Flavor("c", 4, 16384), Flavor("l", 8, 16384))


def test_flavors_cut_what_is_marked_and_leave_what_is_not():
    needs = {"cpu": Need(1.0, 1.5), "memory": Need(3000.0, 3500.0)}

    both = propose_cut(LARGE, needs, ["cpu", "memory"], RULE, FLAVORS)
    cpu = propose_cut(LARGE, {"cpu": needs["cpu"]}, ["cpu"], RULE, FLAVORS)
    none = propose_cut(LARGE, {"cpu": Need(6.0, 7.0)}, ["cpu"], RULE, FLAVORS)

    assert (both.size.vcpus, both.size.memory_mib) == (2, 4096)
    assert (cpu.size.vcpus, cpu.size.memory_mib) == (4, 16384)
    assert none.verdicts == {"cpu": Verdict.FLAVOR} and none.size == LARGE


def test_growth_in_a_pool_of_flavors_takes_the_next_that_holds_the_load():
    grown = propose_growth(Size(2, 4096, {}), {"cpu": Need(2.0, 2.0)}, ["cpu"], RULE, FLAVORS)
    largest = propose_growth(LARGE, {"cpu": Need(8.0, 8.0)}, ["cpu"], RULE, FLAVORS)

    assert (grown.size.vcpus, grown.size.memory_mib) == (4, 8192)
    assert largest.verdicts == {"cpu": Verdict.FLAVOR}
