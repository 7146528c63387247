"""Stacked columns per month or other category, each with its total above."""

from reports.charts.model import StackedColumns
from reports.charts.scale import Scale, scale_for, tick_text
from reports.charts.svg import (
    GRID,
    INK,
    PALETTE,
    PAPER,
    SOFT_INK,
    WIDTH,
    box,
    drawing,
    element,
    fit,
    label,
    legend,
    line,
    text_width,
    words,
)

RIGHT, TOP, BOTTOM, HEIGHT = 10, 44, 26, 236


def draw_columns(chart: StackedColumns) -> str:
    floor = HEIGHT - BOTTOM
    above, below = _extents(chart)
    scale = scale_for(max(above, default=0.0), floor, TOP, min(below, default=0.0))
    left = 14 + max(text_width(tick_text(value, chart.measure, scale.step), 10) for value in scale.ticks)
    slot = (WIDTH - RIGHT - left) / max(len(chart.categories), 1)
    body = _grid(chart, scale, left)
    for at in range(len(chart.categories)):
        body += _column(chart, at, left + slot * at, slot, scale)
    body.append(line(left, scale.at(0), WIDTH - RIGHT, scale.at(0), stroke=INK, stroke_width=1))
    body.append(label(0, 11, chart.axis, fill=SOFT_INK, font_size=10))
    swatches = [
        (series.name, box(0, 0, 14, 10, fill=PALETTE[i % 8])) for i, series in enumerate(chart.series)
    ]
    body += legend(swatches, 18, 0)
    return drawing(chart.name, chart.title, chart.description, HEIGHT, body)


def _extents(chart: StackedColumns) -> tuple[list[float], list[float]]:
    """The sums of what is above and of what is below 0, per category."""
    stacks = [[series.values[at] or 0.0 for series in chart.series] for at in range(len(chart.categories))]
    return (
        [sum(value for value in stack if value > 0) for stack in stacks],
        [sum(value for value in stack if value < 0) for stack in stacks],
    )


def _grid(chart: StackedColumns, scale: Scale, left: float) -> list[str]:
    parts = []
    for value in scale.ticks:
        y = scale.at(value)
        parts.append(line(left, y, WIDTH - RIGHT, y, stroke=GRID, stroke_width=0.7))
        text = tick_text(value, chart.measure, scale.step)
        parts.append(label(left - 6, y + 3.5, text, text_anchor="end", fill=SOFT_INK, font_size=10))
    return parts


def _column(chart: StackedColumns, at: int, x: float, slot: float, scale: Scale) -> list[str]:
    """Positive values stand on 0, negative ones (reversals) hang below it; the figure above is their sum."""
    width = min(slot * 0.62, 56)
    start, middle, high, low = x + (slot - width) / 2, x + slot / 2, 0.0, 0.0
    parts = []
    for number, series in enumerate(chart.series):
        value = series.values[at] or 0.0
        if not value:
            continue
        base = high if value > 0 else low + value
        top, bottom = scale.at(base + abs(value)), scale.at(base)
        named = element("title", {}, words(f"{series.name}: {value:,.2f}"))
        parts.append(
            box(
                start,
                top,
                width,
                bottom - top,
                named,
                fill=PALETTE[number % 8],
                stroke=PAPER,
                stroke_width=0.8,
            )
        )
        high, low = high + max(value, 0.0), low + min(value, 0.0)
    if parts:
        shown = tick_text(high + low, chart.measure)
        size = 10 if text_width(shown, 10) <= slot else 8
        parts.append(label(middle, scale.at(high) - 4, shown, text_anchor="middle", font_size=size))
    name = fit(chart.categories[at], slot, 10)
    parts.append(label(middle, HEIGHT - BOTTOM + 15, name, text_anchor="middle", fill=SOFT_INK, font_size=10))
    return parts
