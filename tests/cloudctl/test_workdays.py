"""Deadlines in working days, by the site's holidays."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from cloudctl.core.errors import InvalidInput
from cloudctl.core.workdays import WorkCalendar, load_calendar

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 11, 2, 9, tzinfo=ZONE)


def midnight(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=ZONE)


def test_five_workdays_from_monday_end_with_next_monday():
    assert WorkCalendar().deadline(MONDAY, 5, ZONE) == midnight(11, 10)


def test_no_workdays_is_no_time():
    assert WorkCalendar().deadline(MONDAY, 0, ZONE) == MONDAY


def test_holidays_do_not_count_and_worked_weekends_do():
    # National Day 2026: off 1 to 7 October, worked on Saturday the 10th.
    calendar = WorkCalendar(
        frozenset(date(2026, 10, day) for day in range(1, 8)), frozenset({date(2026, 10, 10)})
    )

    assert calendar.deadline(midnight(9, 30), 3, ZONE) == midnight(10, 11)


def test_the_day_is_the_zones():
    late = datetime.fromisoformat("2026-11-02T17:00:00+00:00")  # Tuesday 01:00 in Shanghai

    assert WorkCalendar().deadline(late, 1, ZONE) == midnight(11, 5)


def test_a_home_without_a_file_works_monday_to_friday(tmp_path):
    assert load_calendar(tmp_path) == WorkCalendar()


def test_the_homes_calendar_is_read(tmp_path):
    (tmp_path / "holidays.yaml").write_text("holidays: [2026-10-01]\nworkdays: [2026-10-10]\n")

    assert load_calendar(tmp_path) == WorkCalendar(
        frozenset({date(2026, 10, 1)}), frozenset({date(2026, 10, 10)})
    )


def test_a_day_in_both_lists_is_named(tmp_path):
    (tmp_path / "holidays.yaml").write_text("holidays: [2026-10-01]\nworkdays: [2026-10-10, 2026-10-01]\n")

    with pytest.raises(InvalidInput) as refusal:
        load_calendar(tmp_path)
    assert refusal.value.problems[0].place.endswith("holidays.yaml:2:24")
