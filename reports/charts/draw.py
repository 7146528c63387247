"""A chart as SVG, whatever its kind."""

from zoneinfo import ZoneInfo

from reports.charts.bars import draw_bars
from reports.charts.columns import draw_columns
from reports.charts.lines import draw_lines
from reports.charts.model import Chart, LineChart, PairBars
from reports.charts.svg import SOFT_INK, WIDTH, box, drawing, label


def draw(chart: Chart, zone: ZoneInfo) -> str:
    """The same bytes for the same chart. A chart without anything to show says so instead of drawing an empty axis."""
    if is_empty(chart):
        frame = box(0.5, 0.5, WIDTH - 1, 47, fill="none", stroke="#d9d9d9", stroke_dasharray="4 3")
        said = label(WIDTH / 2, 28, chart.empty, text_anchor="middle", fill=SOFT_INK)
        return drawing(chart.name, chart.title, chart.description, 48, [frame, said])
    if isinstance(chart, LineChart):
        return draw_lines(chart, zone)
    if isinstance(chart, PairBars):
        return draw_bars(chart)
    return draw_columns(chart)


def is_empty(chart: Chart) -> bool:
    if isinstance(chart, PairBars):
        return not chart.categories
    return not any(value is not None for series in chart.series for value in series.values)
