"""Native charts of a workbook, drawn from a sheet of figures at its end."""

from collections.abc import Sequence
from typing import Any

from cloudctl.core.spreadsheet import cell_text
from reports.charts.draw import is_empty
from reports.charts.model import Chart, LineChart, PairBars, Series, StackedColumns
from reports.charts.svg import PALETTE
from reports.document import Document

FORMATS = {"percent": "0%", "money": "#,##0", "number": "#,##0"}


class ChartSheet:
    """Keeps the figures behind the charts on one sheet; the sheet is made when the first chart needs it."""

    def __init__(self, book: Any, document: Document) -> None:
        self._book = book
        self._document = document
        self._page: Any = None
        self._column = 0

    def native(self, chart: Chart) -> Any:
        """A chart to insert, or None when there is nothing to show."""
        if is_empty(chart):
            return None
        if isinstance(chart, LineChart):
            return self._lines(chart)
        return self._bars(chart) if isinstance(chart, PairBars) else self._columns(chart)

    def finish(self) -> None:
        """The sheet of figures comes last and starts hidden: it belongs to the charts."""
        if self._page is not None:
            self._page.hide()

    def _lines(self, chart: LineChart) -> Any:
        times = [time.astimezone(self._document.zone).replace(tzinfo=None) for time in chart.times]
        marks = [Series(mark.label, (mark.value,) * len(times)) for mark in chart.marks]
        first, count = self._write(chart, times, [*chart.series, *marks])
        native = self._book.add_chart({"type": "line"})
        for at in range(len(chart.series) + len(marks)):
            is_mark = at >= len(chart.series)
            line = {"color": "#D55E00" if is_mark else PALETTE[at % 8], "width": 1.25}
            if is_mark:
                line["dash_type"] = "dash"
            native.add_series(self._series(first, at, count, {"line": line}))
        native.show_blanks_as("gap")
        native.set_x_axis(
            {
                "date_axis": False,
                "num_format": "mm-dd",
                "interval_unit": max(1, count // 10),
                "interval_tick": max(1, count // 10),
            }
        )
        return self._dressed(native, chart)

    def _bars(self, chart: PairBars) -> Any:
        series = [Series(chart.held_name, chart.held), Series(chart.used_name, chart.used)]
        first, count = self._write(chart, list(chart.categories), series)
        native = self._book.add_chart({"type": "bar"})
        native.add_series(
            self._series(first, 0, count, {"fill": {"color": "#BCD3E2"}, "gap": 60, "overlap": -5})
        )
        native.add_series(self._series(first, 1, count, {"fill": {"color": PALETTE[0]}}))
        native.set_y_axis({"reverse": True, "interval_unit": 1, "num_font": {"size": 8}})
        native.set_x_axis(
            {"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}}}
        )
        native.set_legend({"position": "top"})
        return native

    def _columns(self, chart: StackedColumns) -> Any:
        first, count = self._write(chart, list(chart.categories), chart.series)
        native = self._book.add_chart({"type": "column", "subtype": "stacked"})
        for at in range(len(chart.series)):
            native.add_series(self._series(first, at, count, {"fill": {"color": PALETTE[at % 8]}, "gap": 70}))
        return self._dressed(native, chart)

    def _dressed(self, native: Any, chart: LineChart | StackedColumns) -> Any:
        axis: dict[str, Any] = {
            "num_format": FORMATS[chart.measure],
            "name": cell_text(chart.axis),
            "major_gridlines": {"visible": True, "line": {"color": "#D9D9D9"}},
        }
        if chart.measure == "percent":
            axis["min"] = 0
        native.set_y_axis(axis)
        native.set_legend({"position": "top"})
        return native

    def _write(self, chart: Chart, heads: list[Any], series: Sequence[Series]) -> tuple[int, int]:
        """One block of columns, heads first; returns its first column and how many rows it has."""
        if self._page is None:
            self._page = self._book.add_worksheet("chart_data")
        page, first = self._page, self._column
        day = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        page.write_string(0, first, cell_text(chart.title))
        for at, head in enumerate(heads):
            if isinstance(head, str):
                page.write_string(at + 1, first, cell_text(head))
            else:
                page.write_datetime(at + 1, first, head, day)
        for offset, one in enumerate(series, 1):
            page.write_string(0, first + offset, cell_text(one.name))
            for at, value in enumerate(one.values):
                if value is not None:
                    page.write_number(at + 1, first + offset, value)
        self._column = first + len(series) + 2
        return first, len(heads)

    def _series(self, first: int, at: int, count: int, style: dict[str, Any]) -> dict[str, Any]:
        column = first + 1 + at
        return {
            "name": ["chart_data", 0, column],
            "categories": ["chart_data", 1, first, count, first],
            "values": ["chart_data", 1, column, count, column],
            **style,
        }
