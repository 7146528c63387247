"""When a job is due, in the site's own days and months."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.daemon.schedule import Daily, Every, Monthly, due_periods

SHANGHAI, BERLIN, LORD_HOWE = map(ZoneInfo, ("Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe"))
INSTANTS = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))
SCHEDULES = st.one_of(
    st.integers(10, 86_400).map(Every),
    st.times().map(lambda t: Daily(t.replace(microsecond=0))),
    st.builds(Monthly, st.integers(1, 28), st.times().map(lambda t: t.replace(microsecond=0))),
)
ZONES = st.sampled_from([SHANGHAI, BERLIN, LORD_HOWE])


@given(SCHEDULES, INSTANTS, ZONES)
def test_now_lies_between_the_last_and_the_following(schedule, now, zone):
    assert schedule.last(now, zone) <= now < schedule.following(now, zone)


@given(SCHEDULES, INSTANTS, ZONES)
def test_the_rule_walks_without_leaving_any_out(schedule, now, zone):
    following = schedule.following(now, zone)

    assert schedule.last(following, zone) == following
    assert schedule.last(following - timedelta(microseconds=1), zone) == schedule.last(now, zone)


def test_every_keeps_to_the_grid_of_the_epoch():
    now = datetime(2026, 10, 1, 0, 4, 59, tzinfo=UTC)

    assert Every(300).last(now, SHANGHAI) == datetime(2026, 10, 1, 0, 0, tzinfo=UTC)


def test_a_day_begins_in_the_sites_zone():
    now = datetime(2026, 10, 1, 16, 29, tzinfo=UTC)

    assert Daily(time(0, 30)).last(now, SHANGHAI) == datetime(2026, 9, 30, 16, 30, tzinfo=UTC)
    assert Daily(time(0, 30)).following(now, SHANGHAI) == datetime(2026, 10, 1, 16, 30, tzinfo=UTC)


def test_a_month_begins_in_the_sites_zone_and_turns_the_year():
    now = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    rule = Monthly(1, time(1, 0))

    assert rule.last(now, SHANGHAI) == datetime(2026, 11, 30, 17, 0, tzinfo=UTC)
    assert rule.following(now, SHANGHAI) == datetime(2026, 12, 31, 17, 0, tzinfo=UTC)


def test_days_of_23_and_25_hours_keep_their_time():
    rule = Daily(time(12, 0))
    spring = due_periods(
        rule, datetime(2026, 3, 27, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC), BERLIN
    )

    assert [instant.astimezone(BERLIN).hour for instant in spring] == [12, 12, 12]
    assert len(spring) == 3


def test_due_periods_are_half_open_and_in_order():
    start = datetime(2026, 10, 1, tzinfo=UTC)

    assert due_periods(Every(300), start, start + timedelta(minutes=15), SHANGHAI) == [
        start + timedelta(minutes=m) for m in (5, 10, 15)
    ]
    assert due_periods(Every(300), start, start, SHANGHAI) == []


@pytest.mark.parametrize("schedule", [Every(10), Daily(time(1, 0))])
def test_a_long_absence_does_not_fill_the_memory(schedule):
    start = datetime(1990, 1, 1, tzinfo=UTC)
    now = datetime(2090, 1, 1, tzinfo=UTC)
    periods = due_periods(schedule, start, now, SHANGHAI, limit=100)

    assert len(periods) == 100 and periods[-1] == schedule.last(now, SHANGHAI)
