"""A report before it has a format: parts made of blocks, every text already in the reader's language.

The HTML page and the workbook are both made from it, so that they cannot tell different figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from reports.charts.model import Chart

# money: fen as int; price: yuan as Decimal; percent and share: a fraction; share is drawn with a small bar; rate: a
# fraction to a hundredth of a percent, as reductions are published; change: a signed fraction; number: an exact
# quantity; measure: a measured one, printed in few digits; instant and date: a time in the site's zone.
Kind = Literal[
    "text",
    "code",
    "count",
    "number",
    "measure",
    "money",
    "price",
    "percent",
    "rate",
    "share",
    "change",
    "instant",
    "date",
]
Cell = str | int | float | Decimal | datetime | date | None
NUMERIC: frozenset[Kind] = frozenset(
    {"count", "number", "measure", "money", "price", "percent", "rate", "share", "change"}
)


@dataclass(frozen=True, slots=True)
class SumOf:
    """A cell that a workbook computes: the sum of another table's column over the rows that fit.

    match: (key in this table, key in the other table) pairs that have to be equal; where: (key in the other table,
    text) pairs. The row carries the value as well.
    """

    table: str
    column: str
    match: tuple[tuple[str, str], ...]
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RatioOf:
    """A cell that a workbook computes: one column of the row over another; blank where the divisor is 0."""

    dividend: str
    divisor: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column. key: its name in CSV; width: in characters of a workbook; band: heading over several columns."""

    key: str
    heading: str
    kind: Kind = "text"
    width: int = 12
    band: str = ""
    is_summed: bool = False
    formula: SumOf | RatioOf | None = None
    is_sheet_only: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. total_label: heads the row of sums; group: the column whose runs get a band in HTML."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total_label: str = ""
    group: str = ""
    note: str = ""
    empty: str = ""
    totals: dict[str, Cell] = field(default_factory=dict)

    def index(self, key: str) -> int:
        return next(at for at, column in enumerate(self.columns) if column.key == key)

    def total(self, at: int) -> Cell:
        """The sum printed under a column, exact for money and counts; None where nothing is summed."""
        column = self.columns[at]
        if column.key in self.totals:
            return self.totals[column.key]
        if not column.is_summed:
            return None
        return sum_cells([row[at] for row in self.rows])


@dataclass(frozen=True, slots=True)
class Facts:
    """Named values at the head of a part, in one to three columns."""

    pairs: tuple[tuple[str, str], ...]
    columns: int = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """One headline figure. note: what it is compared with."""

    label: str
    value: Cell
    kind: Kind
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Amount:
    """The amount of the document in figures and in Chinese capitals; `of` names the table its formula sums."""

    label: str
    amount_fen: int
    currency: str
    capitals_label: str
    capitals: str
    of: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What must not be overlooked. level: simulated, warning or plain."""

    text: str
    level: Literal["simulated", "warning", "plain"] = "plain"


@dataclass(frozen=True, slots=True)
class ChartBlock:
    chart: Chart
    is_native: bool = True


@dataclass(frozen=True, slots=True)
class SignatureBox:
    """A place to sign and seal. What the ledger has recorded is printed; the rest stays blank for ink."""

    title: str
    organisation: str
    recorded: tuple[str, ...]
    blanks: tuple[str, ...]
    seal: str


@dataclass(frozen=True, slots=True)
class Signatures:
    title: str
    boxes: tuple[SignatureBox, ...]


Block = Facts | Figures | Amount | Paragraph | Notice | Table | ChartBlock | Signatures


@dataclass(frozen=True, slots=True)
class Part:
    """A section on paper, a sheet in a workbook.

    sheet: its tab's name; is_wide: landscape; breaks: on a new page; is_sheet_only: too long for paper.
    """

    slug: str
    title: str
    sheet: str
    blocks: tuple[Block, ...]
    is_wide: bool = False
    breaks: bool = False
    is_sheet_only: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report. unit_note: the currency's unit; page_label: holds {page} and {pages}; stamp: on every page."""

    title: str
    subtitle: str
    organisation: str
    reference: str
    unit_note: str
    footer: str
    page_label: str
    language: str
    zone: ZoneInfo
    generated_at: datetime
    parts: tuple[Part, ...]
    notices: tuple[Notice, ...] = ()
    stamp: str = ""

    def tables(self) -> Iterator[tuple[Part, Table]]:
        for part in self.parts:
            for block in part.blocks:
                if isinstance(block, Table):
                    yield part, block


def sum_cells(values: list[Cell]) -> Cell:
    """The sum of the numbers among the cells; None when there is none."""
    numbers = [value for value in values if isinstance(value, int | float | Decimal)]
    if not numbers:
        return None
    if any(isinstance(number, float) for number in numbers):
        return sum(float(number) for number in numbers)
    return sum(numbers)
