"""Where every block of a document stands in the workbook, known before the first cell is written.

Formulas point to tables on other sheets, so places come first and writing second.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from reports.charts.model import Chart, PairBars
from reports.document import (
    Amount,
    Block,
    ChartBlock,
    Document,
    Facts,
    Figures,
    Notice,
    Paragraph,
    Part,
    Signatures,
    Table,
)

# A row is 20 pixels high unless somebody says otherwise.
ROW_PIXELS = 20
CHART_ROWS = 16
SIGNATURE_ROWS = 9
# A sheet is at least this many columns wide, so that facts and signatures have room.
LEAST_COLUMNS = 6
LEAST_WIDTH = 12.0
# Wider texts are wrapped; where several tables share their columns, sooner.
WIDEST, WIDEST_SHARED = 44.0, 26.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A block and the row its first line stands in."""

    block: Block
    row: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """One part's sheet: its columns' widths, and its blocks in their places."""

    part: Part
    widths: tuple[float, ...]
    placed: tuple[Placed, ...]
    is_front: bool

    @property
    def last_column(self) -> int:
        return len(self.widths) - 1


@dataclass(frozen=True, slots=True)
class TablePlace:
    """A table's cells: the sheet, its heading's row, and the half-open range of its data rows."""

    sheet: str
    heading: int
    first: int
    after: int
    table: Table

    @property
    def total(self) -> int:
        return self.after


def plan_sheets(document: Document) -> list[Sheet]:
    return [_plan_part(document, part, at == 0) for at, part in enumerate(document.parts)]


def table_places(sheets: list[Sheet]) -> dict[str, TablePlace]:
    """Every table by name."""
    return {place.table.name: place for sheet in sheets for place in _places(sheet)}


def _places(sheet: Sheet) -> Iterator[TablePlace]:
    for placed in sheet.placed:
        if isinstance(placed.block, Table):
            table = placed.block
            heading = placed.row + bool(table.title) + has_bands(table)
            yield TablePlace(sheet.part.sheet, heading, heading + 1, heading + 1 + len(table.rows), table)


def _plan_part(document: Document, part: Part, is_front: bool) -> Sheet:
    widths = _widths(part)
    row = (4 if is_front else 2) + (len(document.notices) if is_front else 0) + 1
    placed = []
    for block in part.blocks:
        placed.append(Placed(block, row))
        row += height(block) + 1
    return Sheet(part, widths, tuple(placed), is_front)


def _widths(part: Part) -> tuple[float, ...]:
    """Every column as wide as any table of the part needs it; other blocks make do with that."""
    tables = [block for block in part.blocks if isinstance(block, Table)]
    count = max([LEAST_COLUMNS, *(len(table.columns) for table in tables)])
    wanted = [
        max((table.columns[at].width for table in tables if at < len(table.columns)), default=0)
        for at in range(count)
    ]
    widest = WIDEST_SHARED if len(tables) > 1 else WIDEST
    return tuple(min(float(width), widest) if width else LEAST_WIDTH for width in wanted)


def chart_rows(chart: Chart) -> int:
    """Rows a native chart covers: bars need their height per category."""
    return (
        max(CHART_ROWS, 4 + -(-len(chart.categories) * 5 // 4)) if isinstance(chart, PairBars) else CHART_ROWS
    )


def height(block: Block) -> int:
    """How many rows a block takes."""
    if isinstance(block, Table):
        rows = len(block.rows) + bool(block.total_label) if block.rows else 1
        heads = 1 + has_bands(block) if block.rows else 0
        return bool(block.title) + heads + rows + bool(block.note)
    if isinstance(block, Facts):
        return -(-len(block.pairs) // min(block.columns, 2))
    if isinstance(block, Figures):
        return len(block.figures)
    if isinstance(block, ChartBlock):
        return chart_rows(block.chart) + 1
    if isinstance(block, Signatures):
        return SIGNATURE_ROWS + bool(block.title)
    if isinstance(block, Paragraph):
        return 1 + bool(block.title)
    if isinstance(block, Amount):
        return 2
    assert isinstance(block, Notice)
    return 1


def has_bands(table: Table) -> bool:
    return any(column.band for column in table.columns)
