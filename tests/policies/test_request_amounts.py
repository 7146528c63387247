"""Asked against granted: the arithmetic of reduction, of smaller grants and of quotas."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from policies.requests.amounts import (
    NOTHING,
    Cut,
    Decided,
    added,
    granted_items,
    growth,
    reduction_rate,
    totals,
)
from policies.requests.model import Item
from policies.requests.quota import Quota, Use, excesses

AMOUNTS = st.integers(0, 10**9)
SIZES = st.builds(
    Size,
    st.integers(1, 64),
    st.integers(1, 2**20),
    st.dictionaries(st.sampled_from(["ssd", "sas"]), st.integers(1, 5000), max_size=2),
)
WEB = Item("web", 3, "lab", Size(4, 8192, {"ssd": 100}))


def test_one_citys_year():
    """As review.md has it: asked 9.66, granted 6.45, cut 3.21, 33.23 %."""
    asked, granted = Decimal("9.66"), Decimal("6.45")

    assert asked - granted == Decimal("3.21")
    assert f"{float(reduction_rate(asked, granted)) * 100:.2f}" == "33.23"


def test_one_citys_year_by_units():
    """The same year of five requests of three units, in millions: every unit has its rate, and the city its own."""
    year = [("fin", 400, 300), ("fin", 116, 50), ("edu", 250, 250), ("land", 150, 45), ("land", 50, 0)]
    rows = totals(
        Decided(unit, 2026, NOTHING, NOTHING, asked * 10**6, granted * 10**6) for unit, asked, granted in year
    )

    assert {row.unit: f"{float(row.rate) * 100:.2f}" for row in rows} == {
        "edu": "0.00",
        "fin": "32.17",
        "land": "77.50",
    }
    asked, granted = sum(row.asked_fen for row in rows), sum(row.granted_fen for row in rows)
    assert (asked, granted, asked - granted) == (966_000_000, 645_000_000, 321_000_000)
    assert f"{float(reduction_rate(asked, granted)) * 100:.2f}" == "33.23"


def test_of_nothing_there_is_no_rate():
    assert reduction_rate(0, 0) is None


@given(AMOUNTS, AMOUNTS)
def test_asked_is_granted_and_cut(asked, granted):
    rate = reduction_rate(asked, min(asked, granted))
    if asked:
        assert 0 <= rate <= 1
        assert asked * (1 - rate) == min(asked, granted)


@given(st.lists(st.tuples(st.sampled_from(["fin", "edu"]), st.sampled_from([2026, 2027]), AMOUNTS, AMOUNTS)))
def test_totals_lose_nothing(rows):
    decisions = [
        Decided(unit, year, NOTHING, NOTHING, asked, min(asked, granted))
        for unit, year, asked, granted in rows
    ]
    found = totals(decisions)

    assert sum(row.asked_fen for row in found) == sum(decision.asked_fen for decision in decisions)
    assert sum(row.requests for row in found) == len(rows)
    assert all(row.cut_fen == row.asked_fen - row.granted_fen for row in found)
    assert [(row.year, row.unit) for row in found] == sorted({(year, unit) for unit, year, *_ in rows})


def test_an_unpriced_request_leaves_the_money_unknown():
    (row,) = totals([Decided("fin", 2026, Size(4, 1024), Size(2, 1024), None, None), _priced()])

    assert (row.asked_fen, row.rate) == (None, None)
    assert row.rates()["vcpus"] == Fraction(2, 5)


def _priced():
    return Decided("fin", 2026, Size(1, 1024), Size(1, 1024), 100, 100)


@given(SIZES, SIZES)
def test_growth_is_never_less_than_nothing_and_reaches_the_larger(before, after):
    more = growth(before, after)

    assert more.vcpus == max(0, after.vcpus - before.vcpus)
    assert all(gib > 0 for gib in more.storage_gib.values())
    assert growth(before, before) == NOTHING


def test_what_is_added_counts_every_machine():
    assert added([WEB], {}) == Size(12, 24576, {"ssd": 300})
    assert added([Item("db", size=Size(8, 4096))], {"db": Size(2, 8192)}) == Size(6, 0)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 8192), st.integers(0, 100))
def test_a_smaller_grant_is_taken_as_it_is(count, vcpus, memory, ssd):
    (item,) = granted_items([WEB], [Cut("web", count, vcpus, memory, {"ssd": ssd})])

    assert set(item.names) <= set(WEB.names)
    assert len(item.names) == count
    assert item.size == Size(vcpus, memory, {"ssd": ssd})
    assert added([item], {}).vcpus <= added([WEB], {}).vcpus


@pytest.mark.parametrize(
    "cut",
    [
        Cut("web", count=4),
        Cut("web", count=0),
        Cut("web", vcpus=5),
        Cut("web", vcpus=0),
        Cut("web", memory_mib=8193),
        Cut("web", storage_gib={"ssd": 101}),
        Cut("web", storage_gib={"sas": 1}),
        Cut("web", is_dropped=True),
        Cut("other", vcpus=1),
    ],
    ids=str,
)
def test_more_than_was_asked_is_refused_and_so_is_nothing(cut):
    with pytest.raises(Refused):
        granted_items([WEB], [cut])


LIMITS = st.none() | st.integers(0, 100)


@given(
    st.builds(Quota, LIMITS, LIMITS, LIMITS, LIMITS),
    st.builds(Use, st.integers(0, 100), SIZES),
    st.builds(Use, st.integers(0, 5), SIZES),
)
def test_a_quota_names_exactly_the_limits_that_would_be_passed(quota, present, wanted):
    named = {excess.meter for excess in excesses(quota, present, wanted)}

    assert named == {
        meter
        for meter, limit in quota.as_json().items()
        if limit is not None and wanted.of(meter) > 0 and present.of(meter) + wanted.of(meter) > limit
    }


def test_what_asks_for_nothing_more_exceeds_nothing():
    assert list(excesses(Quota(1, 1, 1, 1), Use(9, Size(9, 9, {"ssd": 9})), Use(0, NOTHING))) == []
