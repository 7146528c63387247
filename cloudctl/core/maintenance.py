"""A system's weekly maintenance window as the inventory writes it, and when it opens next."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WEEK_MINUTES = 7 * 24 * 60
_FORM = re.compile(r"(\w{3}) (\d\d):(\d\d)-(?:(\w{3}) )?(\d\d):(\d\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """Minutes of the week, Monday 00:00 = 0, on the site's wall clock; end is up to a week after start."""

    start_minute: int
    length_minutes: int

    def opening(self, at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The window [open, close) that holds `at`, or else the next one after it; UTC."""
        local = at.astimezone(zone)
        monday = local.date() - timedelta(days=local.weekday())
        for week in (-1, 0, 1):
            opens = self._wall(monday, week, self.start_minute, zone)
            closes = self._wall(monday, week, self.start_minute + self.length_minutes, zone)
            if at < closes:
                break
        return opens, closes

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        return self.opening(at, zone)[0] <= at

    @staticmethod
    def _wall(monday: date, week: int, minute: int, zone: ZoneInfo) -> datetime:
        days, rest = divmod(minute, 24 * 60)
        day = monday + timedelta(days=7 * week + days)
        return datetime.combine(day, time(rest // 60, rest % 60), zone).astimezone(UTC)


def parse_window(text: str) -> Window:
    """Reads "Sat 22:00-Sun 06:00", or "Sat 22:00-23:30" within a day. ValueError on another form."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(f"not a weekly window: {text!r}")
    start_day, start_hour, start_min, end_day, end_hour, end_min = match.groups()
    start = _minute(start_day, start_hour, start_min)
    end = _minute(end_day or start_day, end_hour, end_min)
    if start == end or (end_day is None and end < start):
        raise ValueError(f"an empty window: {text!r}")
    return Window(start % WEEK_MINUTES, (end - start) % WEEK_MINUTES)


def _minute(day: str, hour: str, minute: str) -> int:
    if day not in DAYS or int(minute) > 59 or int(hour) * 60 + int(minute) > 24 * 60:
        raise ValueError(f"not a time of the week: {day} {hour}:{minute}")
    return DAYS.index(day) * 24 * 60 + int(hour) * 60 + int(minute)
