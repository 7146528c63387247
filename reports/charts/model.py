"""What a chart shows, before it is drawn: the same values make the SVG of a page and the native chart of a workbook."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Measure = Literal["percent", "money", "number"]


@dataclass(frozen=True, slots=True)
class Series:
    """One line or one layer of columns; None is a gap, never 0."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A horizontal line at a value that matters: the rule's 50 %, a p95."""

    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Event:
    """A vertical line at an instant: a resize."""

    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LineChart:
    """Values over time. times: starts of equal buckets; the first series is filled down to the axis.

    is_low: drawn at a little more than half the height, where several stand on one page.
    """

    name: str
    title: str
    description: str
    measure: Measure
    axis: str
    times: tuple[datetime, ...]
    series: tuple[Series, ...]
    marks: tuple[Mark, ...] = ()
    events: tuple[Event, ...] = ()
    is_low: bool = False
    empty: str = ""


@dataclass(frozen=True, slots=True)
class PairBars:
    """Held against used, one pair of horizontal bars per category; used None is unknown."""

    name: str
    title: str
    description: str
    axis: str
    held_name: str
    used_name: str
    unknown: str
    categories: tuple[str, ...]
    held: tuple[float, ...]
    used: tuple[float | None, ...]
    empty: str = ""


@dataclass(frozen=True, slots=True)
class StackedColumns:
    """Columns per category, stacked from series; money in yuan."""

    name: str
    title: str
    description: str
    measure: Measure
    axis: str
    categories: tuple[str, ...]
    series: tuple[Series, ...]
    empty: str = ""


Chart = LineChart | PairBars | StackedColumns
