"""Surveys added up, and the month in which a pool is full."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from policies.requests.survey import (
    ANY_TIER,
    Amounts,
    SurveyLine,
    added_up,
    forecast,
    short_of,
    survey_totals,
)

STORAGE = st.dictionaries(st.sampled_from([ANY_TIER, "ssd", "sas"]), st.integers(0, 10**5))
AMOUNTS = st.builds(Amounts, st.integers(0, 500), st.integers(0, 10**6), STORAGE)
LINES = st.lists(
    st.builds(
        SurveyLine,
        st.sampled_from(["fin", "edu"]),
        st.sampled_from(["tax", "exam"]),
        st.sampled_from(["gov", "pub"]),
        st.integers(1, 20),
        AMOUNTS,
        st.none() | st.integers(0, 1000),
        st.dates(date(2026, 12, 1), date(2027, 12, 31)),
    )
)


def line(month, vcpus, count=1, pool="gov"):
    return SurveyLine(
        "fin", "tax", pool, count, Amounts(vcpus, 1024, {"ssd": 10}), 100, date(2027, month, 15)
    )


def test_a_pool_is_full_in_the_first_month_whose_plans_do_not_fit():
    found = forecast(
        "gov",
        Amounts(16, 10240, {"ssd": 100}),
        [line(3, 8), line(1, 4, count=2), line(3, 4), line(1, 99, pool="pub")],
    )

    assert (found.full_in, found.meters) == ("2027-03", ("vcpus",))
    assert [(month.month, month.left.vcpus) for month in found.months] == [("2027-01", 8), ("2027-03", -4)]
    assert found.planned.vcpus == 20


def test_what_fits_to_the_last_vcpu_is_not_full():
    assert forecast("gov", Amounts(8, 1024, {"ssd": 10}), [line(3, 8)]).full_in is None


def test_of_a_pool_that_tells_nothing_nothing_is_said():
    found = forecast("gov", None, [line(3, 8)])

    assert (found.full_in, found.months[0].left) == (None, None)


def test_a_tier_is_full_though_another_has_room():
    free = Amounts(99, 10**6, {"ssd": 100, "sas": 10_000})
    wanted = [
        SurveyLine("fin", "tax", "gov", 1, Amounts(1, 1, {tier: gib}), None, date(2027, month, 1))
        for month, tier, gib in ((1, "ssd", 100), (2, ANY_TIER, 5000), (3, "ssd", 1), (4, "tape", 1))
    ]
    found = forecast("gov", free, wanted)

    assert (found.full_in, found.meters) == ("2027-03", ("ssd",))
    assert short_of(found.months[-1].left) == ("ssd", "tape")
    assert found.months[-1].left.storage_total_gib == 4998
    assert forecast("gov", free, wanted[:2]).full_in is None


@given(LINES, st.sampled_from(["unit", "system", "pool"]))
def test_totals_lose_nothing(lines, by):
    rows = survey_totals(lines, by)

    assert added_up(row.amounts for row in rows) == added_up(line.whole for line in lines)
    assert sum(row.lines for row in rows) == len(lines)


@given(LINES, AMOUNTS)
def test_what_is_left_is_free_less_planned(lines, free):
    found = forecast("gov", free, lines)

    if found.months:
        assert found.months[-1].left == free.minus(found.planned)
        assert (found.full_in is None) == (found.meters == ())
