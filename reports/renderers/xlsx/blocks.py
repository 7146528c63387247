"""Writes the blocks of one sheet into their places."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from cloudctl.core.spreadsheet import cell_text
from reports.document import (
    Amount,
    Block,
    Cell,
    ChartBlock,
    Column,
    Document,
    Facts,
    Figures,
    Kind,
    Notice,
    Paragraph,
    SignatureBox,
    Signatures,
    Table,
)
from reports.renderers.xlsx.charts import ChartSheet
from reports.renderers.xlsx.formats import Formats
from reports.renderers.xlsx.formulas import column_sum, row_formula, total_reference
from reports.renderers.xlsx.plan import ROW_PIXELS, SIGNATURE_ROWS, Sheet, TablePlace, chart_rows, has_bands


class Pen:
    """Writes one sheet. Every text goes through write_string, so nothing in it is ever computed."""

    def __init__(
        self,
        page: Any,
        document: Document,
        sheet: Sheet,
        formats: Formats,
        places: dict[str, TablePlace],
        charts: ChartSheet,
    ) -> None:
        self._page = page
        self._document = document
        self._sheet = sheet
        self._formats = formats
        self._places = places
        self._charts = charts

    def write(self) -> None:
        self._masthead()
        for placed in self._sheet.placed:
            self._block(placed.block, placed.row)

    def _block(self, block: Block, row: int) -> None:
        if isinstance(block, Table):
            self._table(block, row)
        elif isinstance(block, Facts):
            self._facts(block, row)
        elif isinstance(block, Figures):
            self._figures(block, row)
        elif isinstance(block, Amount):
            self._amount(block, row)
        elif isinstance(block, ChartBlock):
            self._chart(block, row)
        elif isinstance(block, Signatures):
            self._signatures(block, row)
        elif isinstance(block, Notice):
            self._across(
                row, block.text, self._formats.notice(block.level), lines=_lines(block.text, self._width())
            )
        elif isinstance(block, Paragraph):
            self._paragraph(block, row)

    def _masthead(self) -> None:
        document, formats, last = self._document, self._formats, self._sheet.last_column
        if not self._sheet.is_front:
            self._across(0, self._sheet.part.title or self._sheet.part.sheet, formats.part, height=24)
            note = f"{document.unit_note} · {document.stamp}" if document.stamp else document.unit_note
            self._merge(1, 0, last // 2, document.reference, formats.left)
            self._merge(1, last // 2 + 1, last, note, formats.right)
            return
        self._across(0, document.organisation, formats.subtitle)
        self._across(1, document.title, formats.title, height=30)
        self._across(2, document.subtitle, formats.subtitle)
        self._merge(3, 0, last // 2, document.reference, formats.left)
        self._merge(3, last // 2 + 1, last, document.unit_note, formats.right)
        for at, notice in enumerate(document.notices):
            text = notice.text
            self._across(4 + at, text, formats.notice(notice.level), lines=_lines(text, self._width()))

    def _facts(self, block: Facts, row: int) -> None:
        per_row, last = min(block.columns, 2), self._sheet.last_column
        half, lines = (last + 1) // per_row, dict[int, int]()
        for at, (name, value) in enumerate(block.pairs):
            line, first = row + at // per_row, at % per_row * half
            end = last if at % per_row == per_row - 1 else first + half - 1
            name_end = first if self._sheet.widths[first] >= 9 else first + 1
            self._merge(line, first, name_end, name, self._formats.fact_name)
            self._merge(line, name_end + 1, end, value, self._formats.fact_value)
            needed = _lines(value, sum(self._sheet.widths[name_end + 1 : end + 1]))
            lines[line] = max(needed, lines.get(line, 1))
        for line, count in lines.items():
            self._stretch(line, count)

    def _figures(self, block: Figures, row: int) -> None:
        for at, figure in enumerate(block.figures):
            self._merge(row + at, 0, 1, figure.label, self._formats.fact_name)
            self._put(row + at, 2, figure.value, figure.kind, self._formats.figure(figure.kind))
            self._page.merge_range(row + at, 2, row + at, 3, "", self._formats.figure(figure.kind))
            self._put(row + at, 2, figure.value, figure.kind, self._formats.figure(figure.kind))
            self._merge(row + at, 4, self._sheet.last_column, figure.note, self._formats.note)

    def _amount(self, block: Amount, row: int) -> None:
        formats, last = self._formats, self._sheet.last_column
        self._page.set_row(row, 26)
        self._page.set_row(row + 1, 24)
        self._merge(row, 0, 1, f"{block.label} ({block.currency.strip()})", formats.fact_name)
        self._page.merge_range(row, 2, row, last, "", formats.amount)
        value = block.amount_fen / 100
        place = self._places.get(block.of[0]) if block.of else None
        if place is not None and block.of is not None and place.table.rows and place.table.total_label:
            self._page.write_formula(row, 2, total_reference(place, block.of[1]), formats.amount, value)
        else:
            self._page.write_number(row, 2, value, formats.amount)
        self._merge(row + 1, 0, 1, block.capitals_label, formats.fact_name)
        self._merge(row + 1, 2, last, block.capitals, formats.capitals)

    def _paragraph(self, block: Paragraph, row: int) -> None:
        if block.title:
            self._across(row, block.title, self._formats.caption)
            row += 1
        self._across(row, block.text, self._formats.text, lines=_lines(block.text, self._width()))

    def _chart(self, block: ChartBlock, row: int) -> None:
        self._across(row, block.chart.title, self._formats.caption)
        chart = self._charts.native(block.chart)
        if chart is None:
            self._across(row + 1, block.chart.empty, self._formats.note)
            return
        # A character of column width is about 7.3 pixels in the fonts that spreadsheets measure by.
        chart.set_size(
            {"width": int(self._width() * 7.3), "height": chart_rows(block.chart) * ROW_PIXELS - 6}
        )
        self._page.insert_chart(
            row + 1, 0, chart, {"object_position": 2, "description": cell_text(block.chart.description)}
        )

    def _table(self, table: Table, row: int) -> None:
        if table.title:
            self._across(row, table.title, self._formats.caption)
        if not table.rows:
            self._across(row + bool(table.title), table.empty, self._formats.note)
            self._note(table, row + bool(table.title) + 1)
            return
        place = self._places[table.name]
        self._headings(place)
        for at, cells in enumerate(table.rows):
            for column, value in enumerate(cells):
                self._cell(place, place.first + at, column, value)
        self._bars(place)
        if table.total_label:
            self._totals(place)
        self._note(table, place.after + bool(table.total_label))

    def _note(self, table: Table, row: int) -> None:
        if table.note:
            self._across(row, table.note, self._formats.note, lines=_lines(table.note, self._width()))

    def _headings(self, place: TablePlace) -> None:
        columns = place.table.columns
        if has_bands(place.table):
            start = 0
            while start < len(columns):
                end = start
                while end + 1 < len(columns) and columns[end + 1].band == columns[start].band:
                    end += 1
                self._merge(place.heading - 1, start, end, columns[start].band, self._formats.band)
                start = end + 1
        lines = max(_lines(column.heading, column.width) for column in columns)
        self._page.set_row(place.heading, 15 * lines + 3)
        for at, column in enumerate(columns):
            self._page.write_string(place.heading, at, cell_text(column.heading), self._formats.heading)

    def _cell(self, place: TablePlace, row: int, at: int, value: Cell) -> None:
        column = place.table.columns[at]
        style = self._formats.cell(column.kind)
        formula = row_formula(column, place, row, self._places) if value is not None else None
        if formula is not None and isinstance(value, int | float | Decimal):
            self._page.write_formula(row, at, formula, style, _number(value, column.kind))
        else:
            self._put(row, at, value, column.kind, style)

    def _totals(self, place: TablePlace) -> None:
        table = place.table
        values = [table.total(at) for at in range(len(table.columns))]
        first = next((at for at, value in enumerate(values) if value is not None), len(values))
        self._merge(place.total, 0, max(first - 1, 0), table.total_label, self._formats.total_label)
        for at in range(first, len(values)):
            self._total(place, at, table.columns[at], values[at])

    def _total(self, place: TablePlace, at: int, column: Column, value: Cell) -> None:
        style = self._formats.cell(column.kind, is_total=True)
        if value is None or isinstance(value, str | datetime | date):
            self._put(place.total, at, value, column.kind, style)
            return
        ratio = (
            row_formula(column, place, place.total, {}) if not column.is_summed and column.formula else None
        )
        formula = column_sum(place, at) if column.is_summed else ratio
        if formula is None:
            self._put(place.total, at, value, column.kind, style)
        else:
            self._page.write_formula(place.total, at, formula, style, _number(value, column.kind))

    def _bars(self, place: TablePlace) -> None:
        for at, column in enumerate(place.table.columns):
            if column.kind == "share":
                self._page.conditional_format(
                    place.first,
                    at,
                    place.after - 1,
                    at,
                    {
                        "type": "data_bar",
                        "bar_solid": True,
                        "bar_color": "#9CC3DD",
                        "min_type": "num",
                        "min_value": 0,
                        "max_type": "num",
                        "max_value": 1,
                        "data_bar_2010": True,
                    },
                )

    def _signatures(self, block: Signatures, row: int) -> None:
        if block.title:
            self._across(row, block.title, self._formats.caption)
            row += 1
        count, columns = len(block.boxes), self._sheet.last_column + 1
        edges = _edges(self._sheet.widths, count) if columns >= count else list(range(count + 1))
        for at, box in enumerate(block.boxes):
            self._signature(box, row, edges[at], edges[at + 1] - 1)

    def _signature(self, box: SignatureBox, row: int, first: int, last: int) -> None:
        plain: dict[str, Any] = {"left": 1, "right": 1}
        lines = [box.title, box.organisation, *box.recorded]
        blanks = [f"{blank}________________" for blank in box.blanks]
        free = SIGNATURE_ROWS - len(lines) - len(blanks) - 1
        lines = [*lines, *([""] * max(free, 0)), box.seal, *blanks][:SIGNATURE_ROWS]
        for at, text in enumerate(lines):
            style = plain | ({"top": 1, "bold": True} if at == 0 else {})
            style |= {"bottom": 1} if at == len(lines) - 1 else {}
            style |= {"align": "center", "font_color": "#9A9A9A"} if text == box.seal and text else {}
            self._page.set_row(row + at, 20)
            self._merge(row + at, first, last, text, self._formats.make(text_wrap=True, **style))

    def _put(self, row: int, at: int, value: Cell, kind: Kind, style: Any) -> None:
        if value is None:
            self._page.write_blank(row, at, None, style)
        elif isinstance(value, datetime):
            self._page.write_datetime(
                row, at, value.astimezone(self._document.zone).replace(tzinfo=None), style
            )
        elif isinstance(value, date):
            self._page.write_datetime(row, at, value, style)
        elif isinstance(value, str):
            self._page.write_string(row, at, cell_text(value), style)
        else:
            self._page.write_number(row, at, _number(value, kind), style)

    def _merge(self, row: int, first: int, last: int, text: str, style: Any) -> None:
        """Text over several cells. merge_range would guess its type, so it gets nothing to guess from."""
        if last > first:
            self._page.merge_range(row, first, row, last, "", style)
        self._page.write_string(row, first, cell_text(text), style)

    def _across(
        self, row: int, text: str, style: Any, *, lines: int = 1, height: float | None = None
    ) -> None:
        """Text over the whole width."""
        self._merge(row, 0, self._sheet.last_column, text, style)
        self._stretch(row, lines, height)

    def _stretch(self, row: int, lines: int, height: float | None = None) -> None:
        """Spreadsheets do not fit the height of merged cells by themselves."""
        if height or lines > 1:
            self._page.set_row(row, height or 14.5 * lines)

    def _width(self) -> float:
        return sum(self._sheet.widths)


def _number(value: int | float | Decimal, kind: Kind) -> float | int:
    """Money is fen inside and yuan in a cell."""
    if kind == "money":
        return int(value) / 100
    return value if isinstance(value, int) else float(value)


def _lines(text: str, width: float) -> int:
    """How many lines a text takes in so many characters; an East Asian character is two wide."""
    wide = [sum(2 if ord(character) > 0x2E7F else 1 for character in line) for line in text.split("\n")]
    return sum(max(1, -(-each // max(int(width), 1))) for each in wide)


def _edges(widths: tuple[float, ...], count: int) -> list[int]:
    """Where to cut the columns so that `count` fields are about equally wide, each at least one column."""
    total, edges, so_far = sum(widths), [0], 0.0
    for at, width in enumerate(widths):
        so_far += width
        left = len(widths) - at - 1
        wanted = count - len(edges)
        if wanted and so_far >= total * len(edges) / count - width / 2 and left >= wanted:
            edges.append(at + 1)
    return [*edges, len(widths)]
