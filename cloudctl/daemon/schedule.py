"""When a job is due: pure rules over instants, in the site's zone, that a driven clock can walk through."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from cloudctl.core.clock import as_utc
from cloudctl.core.database import from_micros, to_micros
from cloudctl.core.errors import Message


class Schedule(Protocol):
    """A rule that names instants, each the beginning of one period."""

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        """The latest instant of the rule at or before `now`, UTC."""
        ...

    def following(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """The first instant of the rule after `instant`, UTC."""
        ...

    def described(self) -> Message:
        """The rule in words."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """Every so many seconds, on a grid counted from the epoch."""

    seconds: int

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        step = self.seconds * 1_000_000
        return from_micros(to_micros(now) // step * step)

    def following(self, instant: datetime, zone: ZoneInfo) -> datetime:
        return self.last(instant, zone) + timedelta(seconds=self.seconds)

    def described(self) -> Message:
        return Message("every {seconds} s", {"seconds": self.seconds})


@dataclass(frozen=True, slots=True)
class Daily:
    """At a time of the site's day. A time that a change of the clocks skips is taken as the zone maps it."""

    at: time

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        local = now.astimezone(zone)
        today = datetime.combine(local.date(), self.at, zone)
        return as_utc(today if as_utc(today) <= now else _same_time(today, -1))

    def following(self, instant: datetime, zone: ZoneInfo) -> datetime:
        # From the rule's own time: the last one may have been moved by a change of the clocks.
        last = datetime.combine(self.last(instant, zone).astimezone(zone).date(), self.at, zone)
        return as_utc(_same_time(last, 1))

    def described(self) -> Message:
        return Message("daily at {time}", {"time": self.at.strftime("%H:%M")})


@dataclass(frozen=True, slots=True)
class Monthly:
    """On a day (1 to 28) of the site's month, at a time."""

    day: int
    at: time

    def last(self, now: datetime, zone: ZoneInfo) -> datetime:
        local = now.astimezone(zone)
        this = datetime.combine(local.date().replace(day=self.day), self.at, zone)
        return as_utc(this if as_utc(this) <= now else _month_away(this, -1))

    def following(self, instant: datetime, zone: ZoneInfo) -> datetime:
        last = datetime.combine(self.last(instant, zone).astimezone(zone).date(), self.at, zone)
        return as_utc(_month_away(last, 1))

    def described(self) -> Message:
        return Message("monthly on day {day} at {time}", {"day": self.day, "time": self.at.strftime("%H:%M")})


def _same_time(local: datetime, days: int) -> datetime:
    """The same time of another day: arithmetic on local time, so that days of 23 and 25 hours keep it."""
    return local + timedelta(days=days)


def _month_away(local: datetime, months: int) -> datetime:
    number = local.year * 12 + local.month - 1 + months
    return local.replace(year=number // 12, month=number % 12 + 1)


def due_periods(
    schedule: Schedule, after: datetime, now: datetime, zone: ZoneInfo, limit: int = 10_000
) -> list[datetime]:
    """The rule's instants in (after, now], oldest first; with more than `limit` of them, the latest ones."""
    latest = schedule.last(now, zone)
    if isinstance(schedule, Every):
        span = timedelta(seconds=schedule.seconds) * (limit - 1)
        after = max(after, latest - span - timedelta(microseconds=1))
    periods = []
    instant = schedule.following(after, zone)
    while instant <= latest:
        periods.append(instant)
        instant = schedule.following(instant, zone)
    return periods[-limit:]
