"""Held against used: for each category a light bar that was held and in it a dark one that was used."""

from reports.charts.model import PairBars
from reports.charts.scale import Scale, highest, scale_for, tick_text
from reports.charts.svg import (
    GRID,
    INK,
    PALETTE,
    SOFT_INK,
    WIDTH,
    box,
    drawing,
    element,
    fit,
    label,
    legend,
    line,
    words,
)

NAMES, RIGHT, TOP = 150, 92, 30
# Many categories move closer together, so that the chart stays on one page.
ROW, CLOSE_ROW, MANY = 21, 18, 30
HELD_FILL, USED_FILL = "#dce9f2", PALETTE[0]


def draw_bars(chart: PairBars) -> str:
    row = CLOSE_ROW if len(chart.categories) > MANY else ROW
    height = TOP + row * max(len(chart.categories), 1) + 24
    floor = height - 22
    scale = scale_for(highest((*chart.held, *chart.used)), NAMES, WIDTH - RIGHT)
    body = _grid(scale, floor)
    for at in range(len(chart.categories)):
        body += _row(chart, at, scale, TOP + row * at)
    body.append(line(NAMES, TOP - 4, NAMES, floor, stroke=INK, stroke_width=1))
    body += _legend(chart)
    return drawing(chart.name, chart.title, chart.description, height, body)


def _grid(scale: Scale, floor: float) -> list[str]:
    parts = []
    for value in scale.ticks:
        x = scale.at(value)
        parts.append(line(x, TOP - 4, x, floor, stroke=GRID, stroke_width=0.7))
        text = tick_text(value, "number", scale.step)
        parts.append(label(x, floor + 14, text, text_anchor="middle", fill=SOFT_INK, font_size=10))
    return parts


def _row(chart: PairBars, at: int, scale: Scale, y: float) -> list[str]:
    held, used = chart.held[at], chart.used[at]
    name = chart.categories[at]
    parts = [
        element(
            "text",
            {"x": NAMES - 7, "y": y + 12, "text-anchor": "end"},
            element("title", {}, words(name)),
            words(fit(name, NAMES - 12)),
        ),
        box(NAMES, y, scale.at(held) - NAMES, 15, fill=HELD_FILL, stroke="#7f9fb5", stroke_width=0.8),
    ]
    if used is not None:
        parts.append(box(NAMES, y + 3.5, scale.at(used) - NAMES, 8, fill=USED_FILL))
    beyond = max(scale.at(held), scale.at(used or 0.0))
    parts.append(label(beyond + 6, y + 11.5, _share(chart, held, used), font_size=10, fill=SOFT_INK))
    return parts


def _share(chart: PairBars, held: float, used: float | None) -> str:
    if used is None:
        return chart.unknown
    return f"{used / held * 100:.1f}%" if held else "—"


def _legend(chart: PairBars) -> list[str]:
    held = box(0, 0, 14, 10, fill=HELD_FILL, stroke="#7f9fb5", stroke_width=0.8)
    used = box(0, 2, 14, 6, fill=USED_FILL)
    axis = label(0, 11, chart.axis, fill=SOFT_INK, font_size=10)
    return [axis, *legend([(chart.held_name, held), (chart.used_name, used)], 2, NAMES)]
