"""How figures are written for people."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.notation import (
    NOTHING,
    change_text,
    measure_text,
    money_text,
    number_text,
    percent_text,
    price_text,
    shown,
    span_text,
)

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("fen", "text"),
    [(0, "0.00"), (5, "0.05"), (1_640_902, "16,409.02"), (-9_200, "−92.00"), (-1, "−0.01")],
)
def test_money_has_two_places_and_separators(fen: int, text: str) -> None:
    assert money_text(fen) == text


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_reads_back_to_the_fen(fen: int) -> None:
    assert int(Decimal(money_text(fen).replace(",", "").replace("−", "-")) * 100) == fen


def test_a_price_keeps_its_places_and_has_at_least_two() -> None:
    assert [price_text(Decimal(text)) for text in ("46", "0.7", "0.000125", "1E+3")] == [
        "46.00",
        "0.70",
        "0.000125",
        "1,000.00",
    ]


def test_numbers_have_no_places_that_say_nothing() -> None:
    assert [number_text(value) for value in (8, Decimal("8.50"), 1234.005, -2.5)] == [
        "8",
        "8.5",
        "1,234.01",
        "−2.5",
    ]
    assert [measure_text(value) for value in (7.516, 118.44, 9938.87, 100.0, 0.0)] == [
        "7.52",
        "118.4",
        "9,939",
        "100",
        "0",
    ]


def test_shares_and_changes() -> None:
    assert (percent_text(0.4567), change_text(0.123), change_text(-0.5), change_text(0)) == (
        "45.7%",
        "+12.3%",
        "−50.0%",
        "0.0%",
    )


def test_unknown_is_a_dash_and_what_does_not_apply_is_empty() -> None:
    assert shown(None, "money", ZONE) == NOTHING
    assert shown("", "text", ZONE) == ""
    assert shown(0, "money", ZONE) == "0.00"


def test_times_are_the_sites_and_a_span_of_days_names_its_last_day() -> None:
    start, end = datetime(2026, 9, 30, 16, tzinfo=UTC), datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert span_text(start, end, ZONE) == "2026-10-01 – 2026-10-31"
    assert (
        span_text(start, datetime(2026, 10, 2, 1, tzinfo=UTC), ZONE) == "2026-10-01 00:00 – 2026-10-02 09:00"
    )
    assert shown(start, "instant", ZONE) == "2026-10-01 00:00"
