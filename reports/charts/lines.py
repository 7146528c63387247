"""Values over time: an area with lines, the marks that matter, and gaps left as gaps."""

from datetime import datetime
from zoneinfo import ZoneInfo

from reports.charts.model import LineChart, Series
from reports.charts.scale import Scale, highest, percent_scale, scale_for, tick_text
from reports.charts.svg import (
    GRID,
    INK,
    PALETTE,
    SOFT_INK,
    WIDTH,
    box,
    drawing,
    label,
    legend,
    line,
    number,
    path,
    text_width,
)

LEFT, RIGHT, TOP, BOTTOM = 48, 66, 30, 24
HEIGHT, LOW_HEIGHT = 216, 134
DASHES = (None, "5 3", "1.5 2.5")
MARK_DASH = "7 3 1.5 3"
HATCH = (
    '<defs><pattern id="{name}-gap" width="6" height="6" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><rect width="6" height="6" fill="#f4f4f4"/>'
    '<line x1="0" y1="0" x2="0" y2="6" stroke="#c8c8c8" stroke-width="1.5"/></pattern></defs>'
)


def draw_lines(chart: LineChart, zone: ZoneInfo) -> str:
    height = LOW_HEIGHT if chart.is_low else HEIGHT
    floor, right = height - BOTTOM, WIDTH - RIGHT
    tops = [value for series in chart.series for value in series.values] + [
        mark.value for mark in chart.marks
    ]
    make = percent_scale if chart.measure == "percent" else scale_for
    scale = make(highest(tops), floor, TOP)
    body = [
        HATCH.format(name=chart.name),
        *_grid(chart, scale, right),
        *_gaps(chart, floor, right),
        *_times(chart, zone, floor, right),
        *(
            part
            for at, series in enumerate(chart.series)
            for part in _series(chart, series, at, scale, right)
        ),
        *_marks(chart, scale, right),
        *_events(chart, floor, right),
        line(LEFT, floor, right, floor, stroke=INK, stroke_width=1),
        *_legend(chart),
    ]
    return drawing(chart.name, chart.title, chart.description, height, body)


def _grid(chart: LineChart, scale: Scale, right: float) -> list[str]:
    parts = []
    for value in scale.ticks:
        y = scale.at(value)
        parts.append(line(LEFT, y, right, y, stroke=GRID, stroke_width=0.7))
        text = tick_text(value, chart.measure, scale.step)
        parts.append(label(LEFT - 6, y + 3.5, text, text_anchor="end", fill=SOFT_INK, font_size=10))
    return parts


def _x(chart: LineChart, at: int, right: float) -> float:
    return LEFT + (right - LEFT) * (at + 0.5) / max(len(chart.times), 1)


def _gaps(chart: LineChart, floor: float, right: float) -> list[str]:
    """Hatched where the first series knows nothing."""
    if not chart.series:
        return []
    bucket = (right - LEFT) / max(len(chart.times), 1)
    return [
        box(LEFT + first * bucket, TOP, (after - first) * bucket, floor - TOP, fill=f"url(#{chart.name}-gap)")
        for first, after, is_known in _runs(chart.series[0].values)
        if not is_known
    ]


def _runs(values: tuple[float | None, ...]) -> list[tuple[int, int, bool]]:
    """[first, after) of each stretch that is all known or all unknown."""
    runs: list[tuple[int, int, bool]] = []
    for at, value in enumerate(values):
        known = value is not None
        if runs and runs[-1][2] == known:
            runs[-1] = (runs[-1][0], at + 1, known)
        else:
            runs.append((at, at + 1, known))
    return runs


def _series(chart: LineChart, series: Series, at: int, scale: Scale, right: float) -> list[str]:
    colour, parts = PALETTE[at % len(PALETTE)], []
    for first, after, is_known in _runs(series.values):
        if not is_known:
            continue
        points = [(_x(chart, i, right), scale.at(series.values[i] or 0.0)) for i in range(first, after)]
        drawn = "M" + "L".join(f"{number(x)},{number(y)}" for x, y in points)
        if at == 0:
            first_x, last_x, axis = number(points[0][0]), number(points[-1][0]), number(scale.start)
            area = f"{drawn}L{last_x},{axis}L{first_x},{axis}Z"
            parts.append(path(area, fill=colour, fill_opacity=0.16))
        if len(points) == 1:
            drawn += "h0.01"
        parts.append(
            path(
                drawn,
                fill="none",
                stroke=colour,
                stroke_width=1.5,
                stroke_linejoin="round",
                stroke_linecap="round",
                stroke_dasharray=DASHES[at % len(DASHES)],
            )
        )
    return parts


def _marks(chart: LineChart, scale: Scale, right: float) -> list[str]:
    """Lines across at values that matter; their labels stand in the right margin and give way to each other."""
    parts, taken = [], float("inf")
    for mark in sorted(chart.marks, key=lambda mark: mark.value):
        y = scale.at(mark.value)
        parts.append(line(LEFT, y, right, y, stroke="#D55E00", stroke_width=1.2, stroke_dasharray=MARK_DASH))
        taken = min(y + 3.5, taken - 12)
        parts.append(label(right + 5, taken, mark.label, fill="#A94700", font_size=10, font_weight="bold"))
    return parts


def _events(chart: LineChart, floor: float, right: float) -> list[str]:
    if len(chart.times) < 2:
        return []
    start, step = chart.times[0], chart.times[1] - chart.times[0]
    parts = []
    for event in chart.events:
        share = (event.at - start) / (step * len(chart.times))
        if 0 <= share <= 1:
            x = LEFT + (right - LEFT) * share
            parts.append(line(x, TOP, x, floor, stroke=INK, stroke_width=1, stroke_dasharray="2 2"))
            turned = x + 4 + text_width(event.label, 10) > right
            parts.append(
                label(
                    x - 4 if turned else x + 4,
                    TOP + 9,
                    event.label,
                    font_size=10,
                    text_anchor="end" if turned else "start",
                )
            )
    return parts


def _times(chart: LineChart, zone: ZoneInfo, floor: float, right: float) -> list[str]:
    """Ticks at the site's midnights, at most about ten; each says month and day."""
    days = _midnights(chart.times, zone)
    stride = max(1, -(-len(days) // 11))
    parts = []
    for at, day in days[::stride]:
        x = LEFT + (right - LEFT) * at / len(chart.times)
        parts.append(line(x, floor, x, floor + 4, stroke=INK, stroke_width=0.8))
        parts.append(label(x + 2, floor + 15, f"{day:%m-%d}", fill=SOFT_INK, font_size=10))
    return parts


def _midnights(times: tuple[datetime, ...], zone: ZoneInfo) -> list[tuple[int, datetime]]:
    local = [time.astimezone(zone) for time in times]
    return [(i, t) for i, t in enumerate(local) if i == 0 or t.date() != local[i - 1].date()]


def _legend(chart: LineChart) -> list[str]:
    entries = []
    for at, series in enumerate(chart.series):
        swatch = line(
            0,
            5,
            14,
            5,
            stroke=PALETTE[at % len(PALETTE)],
            stroke_width=2,
            stroke_dasharray=DASHES[at % len(DASHES)],
        )
        entries.append((series.name, swatch))
    axis = label(0, 11, chart.axis, fill=SOFT_INK, font_size=10)
    return [axis, *legend(entries, 2, LEFT + max(0.0, text_width(chart.axis, 10) - LEFT + 16))]
