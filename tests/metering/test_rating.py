"""Rating is exact: worked figures of others, calendar months, tiers, and no loss however a segment is cut."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.errors import Refused
from cloudctl.core.money import yuan_text
from cloudctl.core.quantity import Size
from metering.rating import (
    charge_yuan,
    line_fen,
    month_share,
    monthly_price,
    slices,
    time_share,
    whole_month_fen,
)
from metering.tariffs import Basis, Item, Per, PriceBook, Rate, Step, Tariff, Tiering

ZONE = ZoneInfo("Asia/Shanghai")
SEPTEMBER = datetime(2026, 9, 1, tzinfo=ZONE)


def rate(item="vcpu", per="hour", price="1.00", tier=None) -> Rate:
    return Rate(Item(item), tier, Per(per), Basis.HELD, (Step(None, Decimal(price)),))


def tiered(tiering: Tiering, *tiers: tuple[str | None, str], per="month") -> Rate:
    steps = tuple(Step(None if to is None else Decimal(to), Decimal(price)) for to, price in tiers)
    return Rate(Item.STORAGE_GIB, None, Per(per), Basis.HELD, steps, tiering)


def charged(what: Rate, quantity, hours: int, since: datetime = SEPTEMBER) -> Fraction:
    return charge_yuan(what, Fraction(quantity), since, since + timedelta(hours=hours), ZONE)


def test_seventeen_hours_of_a_vcpu_and_fifty_units():
    """ManageIQ `ongoing_time_period_spec`: 1.20 and 50 times 0.01 an hour, for 17 hours."""
    assert charged(rate(price="1.20"), 1, 17) + charged(rate(price="0.01"), 50, 17) == Fraction("28.90")


def test_a_resize_is_billed_by_time_not_by_the_months_maximum():
    """ManageIQ's default bills the month's maximum, 1,440; ours bills what was held."""
    assert charged(rate(), 1, 240) + charged(rate(), 2, 480, SEPTEMBER + timedelta(hours=240)) == 1200


def test_a_day_of_several_items():
    day = [charged(rate(), 7, 24), charged(rate(price="0.01"), 1777, 24), charged(rate(), 7, 24)]

    assert sum(day) + charged(rate(price="0.01"), 1, 24) == Fraction("762.72")


def test_storage_by_the_hour():
    assert (charged(rate(), 3, 24), charged(rate(), 1, 24)) == (72, 24)


@pytest.mark.parametrize(
    ("quantity", "price"), [("10", "1"), ("50", "2"), (Fraction(50) + Fraction(1, 2**30), "3")]
)
def test_a_volume_tier_holds_its_upper_bound(quantity, price):
    volume = tiered(Tiering.VOLUME, ("10", "1"), ("50", "2"), (None, "3"))

    assert [piece.unit_price for piece in slices(volume, Fraction(quantity))] == [Decimal(price)]


def test_graduated_tiers_charge_each_slice_at_its_own_price():
    graduated = tiered(Tiering.GRADUATED, ("10", "1"), ("50", "2"), (None, "3"))

    cut = [
        (piece.quantity, piece.unit_price, piece.above, piece.to) for piece in slices(graduated, Fraction(60))
    ]

    assert cut == [
        (10, Decimal(1), Decimal(0), Decimal(10)),
        (40, Decimal(2), Decimal(10), Decimal(50)),
        (10, Decimal(3), Decimal(50), None),
    ]


def test_nothing_held_is_one_empty_slice():
    assert [piece.quantity for piece in slices(tiered(Tiering.GRADUATED, (None, "3")), Fraction(0))] == [0]


@pytest.mark.parametrize("month", range(1, 13))
def test_a_full_month_costs_the_price_whatever_its_length(month):
    start = datetime(2026, month, 1, tzinfo=ZONE)
    after = datetime(2026 + month // 12, month % 12 + 1, 1, tzinfo=ZONE)

    assert line_fen(Fraction(1), Decimal("46.00"), time_share(Per.MONTH, start, after, ZONE)) == 4600


def test_a_month_with_a_change_of_clocks_is_a_month():
    """Berlin's March has 743 hours; none of it is lost or charged twice."""
    berlin = ZoneInfo("Europe/Berlin")
    start, after = datetime(2026, 3, 1, tzinfo=berlin), datetime(2026, 4, 1, tzinfo=berlin)

    assert month_share(start, after, berlin) == 1
    assert month_share(start, datetime(2026, 3, 2, tzinfo=berlin), berlin) == Fraction(24, 743)


def test_half_a_fen_is_rounded_up_and_its_reversal_is_the_exact_negative():
    assert line_fen(Fraction(1), Decimal("0.005"), Fraction(1)) == 1
    assert line_fen(Fraction(-1), Decimal("0.005"), Fraction(1)) == -1


INSTANTS = st.integers(0, 400 * 86_400 * 10**6).map(
    lambda us: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
RATES = st.one_of(
    st.builds(rate, per=st.sampled_from(["hour", "month"]), price=st.decimals(0, 1000, places=4).map(str)),
    st.just(tiered(Tiering.GRADUATED, ("10", "1"), ("50", "2.5"), (None, "3"))),
    st.just(tiered(Tiering.VOLUME, ("10", "1"), ("50", "2.5"), (None, "3"), per="hour")),
)


@given(RATES, st.fractions(0, 10_000), st.lists(INSTANTS, min_size=3, max_size=6))
def test_splitting_a_segment_changes_the_unrounded_sum_by_nothing(what, quantity, instants):
    first, *cuts, last = sorted(instants)
    edges = [first, *cuts, last]
    parts = [charge_yuan(what, quantity, a, b, ZONE) for a, b in pairwise(edges)]

    assert sum(parts) == charge_yuan(what, quantity, first, last, ZONE)


@given(st.fractions(0, 1000), st.fractions(0, 1000))
def test_graduated_slices_add_up_to_the_quantity_and_never_cost_less_for_more(a, b):
    graduated = tiered(Tiering.GRADUATED, ("10", "1"), ("50", "2.5"), (None, "3"))
    less, more = sorted((a, b))

    assert sum(piece.quantity for piece in slices(graduated, more)) == more
    assert charged(graduated, less, 1) <= charged(graduated, more, 1)


PUBLIC = Tariff(
    "std",
    ("pub",),
    date(2026, 1, 1),
    None,
    (
        rate("vcpu", "month", "46.00"),
        rate("memory_gib", "month", "17.00"),
        rate("storage_gib", "month", "0.30", "sata"),
        rate("storage_gib", "month", "0.40", "sas"),
        rate("storage_gib", "month", "0.70", "ssd"),
        rate("machine", "once", "99.00"),
    ),
)
BOOK = PriceBook([PUBLIC], ZONE)


@pytest.mark.parametrize(
    ("size", "yuan"),
    [
        (Size(2, 4096), "160.00"),
        (Size(8, 16384), "640.00"),
        (Size(1, 512, {"ssd": 10, "sata": 100}), "91.50"),
    ],
)
def test_a_public_providers_prices(size, yuan):
    price = monthly_price(BOOK, "pub", size, SEPTEMBER)

    assert yuan_text(int(price * 100)) == yuan


def test_a_price_by_the_hour_is_the_months_hours():
    hourly = PriceBook([Tariff("h", ("pub",), date(2026, 1, 1), None, (rate(price="0.10"),))], ZONE)

    assert monthly_price(hourly, "pub", Size(2, 1024), SEPTEMBER) == 144
    assert monthly_price(hourly, "pub", Size(2, 1024), datetime(2026, 10, 5, tzinfo=ZONE)) == Fraction(
        "148.8"
    )


def test_no_tariff_no_price():
    with pytest.raises(Refused, match="pub"):
        monthly_price(BOOK, "pub", Size(1, 1024), datetime(2025, 12, 31, 23, 59, tzinfo=ZONE))


def test_a_tier_without_a_price_is_told_by_its_name():
    by_tier = Tariff("t", ("pub",), date(2026, 1, 1), None, (rate("storage_gib", "month", "1.00", "ssd"),))
    with pytest.raises(Refused) as refused:
        whole_month_fen(PriceBook([by_tier], ZONE), "pub", Size(1, 1024, {"nvme": 5}), SEPTEMBER)
    assert refused.value.message.values == {"tariff": "t", "tier": "nvme"}
