"""The only source of time: aware, UTC inside, injected so that tests and the simulated cloud can drive it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from cloudctl.core.errors import InvalidInput, problem


class Clock(Protocol):
    def now(self) -> datetime:
        """The current instant, aware, UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class DrivenClock:
    """A clock that somebody moves by hand; it never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = as_utc(start)

    def now(self) -> datetime:
        return self._now

    def move_to(self, instant: datetime) -> None:
        if as_utc(instant) < self._now:
            raise ValueError(f"a clock does not go back: {instant} is before {self._now}")
        self._now = as_utc(instant)

    def advance(self, step: timedelta) -> None:
        self.move_to(self._now + step)


class FileClock:
    """A driven clock whose instant is kept in a file: the time of a home whose clouds are all simulated."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> datetime:
        return parse_instant(self._path.read_text().strip())

    def move_to(self, instant: datetime) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(as_utc(instant).isoformat() + "\n")
        fresh.replace(self._path)


def as_utc(instant: datetime) -> datetime:
    """The same instant in UTC. ValueError on a naive one."""
    if instant.tzinfo is None:
        raise ValueError(f"a time without an offset: {instant.isoformat()}")
    return instant.astimezone(UTC)


def parse_instant(text: str) -> datetime:
    """ISO 8601 with offset, or epoch seconds, as UTC. ValueError on anything else, naive times included."""
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except ValueError:
        return as_utc(datetime.fromisoformat(text))


def parse_when(text: str, zone: ZoneInfo, place: str = "") -> datetime:
    """What a person types: a date (its midnight in the site's zone) or an instant with offset. InvalidInput."""
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), zone).astimezone(UTC)
    except ValueError:
        pass
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise InvalidInput(
            [
                problem(
                    place,
                    "“{text}” is neither a date nor a time with an offset (2026-10-01T00:00:00+08:00).",
                    text=text,
                )
            ]
        ) from None


def month_bounds(period: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[start, end) of a calendar month "YYYY-MM" in the site's zone, as UTC. InvalidInput on another form."""
    try:
        year, month = (int(part) for part in period.split("-"))
        first = datetime(year, month, 1, tzinfo=zone)
        after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)
    except ValueError:
        raise InvalidInput([problem("", "“{period}” is not a month (YYYY-MM).", period=period)]) from None
    return first.astimezone(UTC), after.astimezone(UTC)


def month_around(instant: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[start, end) of the site's calendar month that the instant lies in, as UTC."""
    local = instant.astimezone(zone)
    return month_bounds(f"{local.year:04d}-{local.month:02d}", zone)
