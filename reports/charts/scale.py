"""Axes: round ticks, and what is written beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.model import Measure

# Nothing that is charted differs by less; below it, arithmetic of axes runs out of digits.
SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Scale:
    """Values [bottom, top] onto pixels [start, end]; ticks are round numbers, bottom is 0 or below."""

    top: float
    step: float
    start: float
    end: float
    bottom: float = 0.0

    def at(self, value: float) -> float:
        return self.start + (self.end - self.start) * (value - self.bottom) / (self.top - self.bottom)

    @property
    def ticks(self) -> list[float]:
        return [
            tick * self.step
            for tick in range(round(self.bottom / self.step), round(self.top / self.step) + 1)
        ]


def scale_for(highest: float, start: float, end: float, lowest: float = 0.0) -> Scale:
    """A scale of about five steps from 0 (or below, where `lowest` is) to the first tick not under `highest`."""
    highest, lowest = max(highest, 0.0), min(lowest, 0.0)
    span = highest - lowest
    if not (SMALLEST < span < math.inf):
        span = 1.0
    magnitude = 10 ** math.floor(math.log10(span / 5))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10, 20) if m * magnitude * 5 >= span * (1 - 1e-9))
    top = step * max(math.ceil(highest / step - 1e-9), 1 if lowest == 0 else 0)
    return Scale(top, step, start, end, step * math.floor(lowest / step + 1e-9))


def percent_scale(highest: float, start: float, end: float) -> Scale:
    """0 to 100 %, further only where something was above; low values keep the full axis, so charts compare."""
    if highest <= 1:
        return Scale(1.0, 0.25, start, end)
    return scale_for(highest, start, end)


def tick_text(value: float, measure: Measure, step: float = 1) -> str:
    if measure == "percent":
        return f"{value * 100:.0f}%"
    text = f"{step:.6f}".rstrip("0")
    places = len(text.partition(".")[2])
    return f"{value:,.{places}f}"


def highest(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)
