"""Weekly maintenance windows: their form, and when they open."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.maintenance import DAYS, WEEK_MINUTES, Window, parse_window

ZONE = ZoneInfo("Asia/Shanghai")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-10-01T12:00", "2026-10-03T22:00", "2026-10-04T06:00"),  # a Thursday
        ("2026-10-03T21:59", "2026-10-03T22:00", "2026-10-04T06:00"),
        ("2026-10-03T22:00", "2026-10-03T22:00", "2026-10-04T06:00"),
        ("2026-10-04T05:59", "2026-10-03T22:00", "2026-10-04T06:00"),
        ("2026-10-04T06:00", "2026-10-10T22:00", "2026-10-11T06:00"),
    ],
)
def test_the_window_that_is_open_or_the_next_one(at, opens, closes):
    window = parse_window("Sat 22:00-Sun 06:00")

    assert window.opening(local(at), ZONE) == (local(opens), local(closes))
    assert window.is_open(local(at), ZONE) == (local(opens) <= local(at))


def test_a_window_over_the_turn_of_the_week_holds_monday_morning():
    window = parse_window("Sun 23:00-Mon 02:00")

    assert window.opening(local("2026-10-05T01:00"), ZONE)[0] == local("2026-10-04T23:00")


def test_a_window_within_a_day_needs_its_day_once():
    assert parse_window("Wed 01:00-05:00") == parse_window("Wed 01:00-Wed 05:00")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sat",
        "Sat 22:00",
        "sat 22:00-Sun 06:00",
        "Sat 22:00 - Sun 06:00",
        "Sat 25:00-Sun 06:00",
        "Sat 22:60-Sun 06:00",
        "Sat 22:00-21:00",
        "Sat 22:00-Sat 22:00",
        "Sat 22:00-Sun 24:01",
        "Sam 22:00-Son 06:00",
    ],
)
def test_another_form_is_refused(text):
    with pytest.raises(ValueError, match=r"window|time of the week"):
        parse_window(text)


@given(
    st.integers(946_684_800, 2_208_988_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    st.integers(0, WEEK_MINUTES - 1),
    st.integers(1, WEEK_MINUTES - 1),
    st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "UTC"]),
)
def test_the_next_opening_is_never_over_and_never_more_than_a_week_off(at, start, length, zone):
    opens, closes = Window(start, length).opening(at, ZoneInfo(zone))

    assert at < closes
    assert opens - at <= timedelta(days=7, hours=1)
    assert DAYS[opens.astimezone(ZoneInfo(zone)).weekday()] == DAYS[start // 1440] or zone == "Europe/Berlin"
