"""Working days of the site: Monday to Friday, less its holidays, plus the weekends it works instead (调休)."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cloudctl.core.clock import as_utc
from cloudctl.core.errors import InvalidInput, problem
from cloudctl.core.yaml_source import YamlModel, load_document

FILE_NAME = "holidays.yaml"


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """holidays: days off that would be worked; workdays: weekend days that are worked."""

    holidays: AbstractSet[date] = field(default_factory=frozenset)
    workdays: AbstractSet[date] = field(default_factory=frozenset)

    def is_workday(self, day: date) -> bool:
        if day in self.workdays:
            return True
        return day.weekday() < 5 and day not in self.holidays

    def deadline(self, since: datetime, workdays: int, zone: ZoneInfo) -> datetime:
        """The end (midnight, zone) of the n-th working day after the day of `since`; with 0, `since` itself."""
        day, left = since.astimezone(zone).date(), workdays
        while left > 0:
            day += timedelta(days=1)
            left -= self.is_workday(day)
        if workdays <= 0:
            return as_utc(since)
        return as_utc(datetime.combine(day + timedelta(days=1), time.min, zone))


class HolidayFile(YamlModel):
    """HOME/holidays.yaml, as the State Council's yearly notice announces it."""

    holidays: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()


def load_calendar(home: Path) -> WorkCalendar:
    """The home's calendar; Monday to Friday without a file. InvalidInput when a day stands in both lists."""
    path = home / FILE_NAME
    if not path.exists():
        return WorkCalendar()
    document, marks = load_document(path, HolidayFile)
    both = set(document.holidays) & set(document.workdays)
    if both:
        raise InvalidInput(
            [
                problem(
                    marks.place(("workdays", index)),
                    "{day} is both a holiday and a working day.",
                    day=day.isoformat(),
                )
                for index, day in enumerate(document.workdays)
                if day in both
            ]
        )
    return WorkCalendar(frozenset(document.holidays), frozenset(document.workdays))
