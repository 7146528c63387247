"""A document as one HTML page that prints on A4: no script, nothing loaded from anywhere."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cloudctl.core.spreadsheet import clean_text
from reports.charts.draw import draw
from reports.charts.model import Chart
from reports.document import NUMERIC, Block, Cell, Column, Document, Table, sum_cells
from reports.notation import money_text, shown

# A group's name (None: the table has no groups), its rows, and its own sums by column.
Group = tuple[str | None, list[tuple[Cell, ...]], dict[int, Cell]]

# What a table may be wide on A4 upright, in characters of its columns, before its type is set smaller.
ROOMY = 105
LANDSCAPE = 1.5


def render_html(document: Document) -> bytes:
    page = _environment().get_template("document.html")
    return page.render(document=document, **_tools(document)).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: clean_text(value) if type(value) is str else value,
    )
    environment.tests["numeric"] = lambda column: column.kind in NUMERIC
    return environment


def _tools(document: Document) -> dict[str, Any]:
    """What the template calls; it computes nothing itself."""

    def cell(value: Cell, column: Column) -> str:
        return shown(value, column.kind, document.zone)

    def chart(drawn: Chart) -> Markup:
        return Markup(draw(drawn, document.zone))

    return {
        "cell": cell,
        "chart": chart,
        "money": money_text,
        "columns": _columns,
        "css_string": css_string,
        "page_number": _page_number,
        "leading": _leading,
        "bands": _bands,
        "groups": _groups,
        "totals": _totals,
        "density": _density,
        "kind": _kind,
        "bar": _bar,
    }


def _kind(block: Block) -> str:
    return type(block).__name__


def _columns(table: Table) -> list[tuple[int, Column]]:
    """The columns that stand on paper, with their place in a row; the grouping one has its own band instead."""
    return [
        (at, column)
        for at, column in enumerate(table.columns)
        if not column.is_sheet_only and column.key != table.group
    ]


def _bands(table: Table) -> list[tuple[str, int]]:
    """Headings over several columns, with how many they span; empty when the table has none."""
    if not any(column.band for _, column in _columns(table)):
        return []
    return [(band, len(list(run))) for band, run in groupby(_columns(table), lambda item: item[1].band)]


def _groups(table: Table) -> list[Group]:
    """Runs of rows of one group: its name, its rows, and its own sums by column."""
    if not table.group:
        return [(None, list(table.rows), {})]
    at = table.index(table.group)
    found: list[Group] = []
    for name, run in groupby(table.rows, lambda row: row[at]):
        rows = list(run)
        sums = {
            place: sum_cells([row[place] for row in rows])
            for place, column in _columns(table)
            if column.is_summed
        }
        found.append((str(name), rows, sums))
    return found


def _totals(table: Table) -> dict[int, Cell]:
    """The row of sums, by column."""
    sums = {at: table.total(at) for at, _ in _columns(table)}
    return {at: value for at, value in sums.items() if value is not None}


def _leading(columns: Sequence[tuple[int, Column]], sums: Mapping[int, Cell]) -> int:
    """How many cells stand before the first sum: its label takes their place."""
    return next((place for place, (at, _) in enumerate(columns) if at in sums), len(columns)) or 1


def _density(table: Table, is_wide: bool) -> str:
    width = sum(column.width for _, column in _columns(table)) / (LANDSCAPE if is_wide else 1)
    return "tight" if width > ROOMY * 1.25 else "close" if width > ROOMY else ""


def _bar(value: Cell) -> str:
    """How far a share's bar reaches, in whole percent of its cell."""
    return str(round(min(max(float(value), 0.0), 1.0) * 100)) if isinstance(value, int | float) else "0"


def css_string(text: str) -> Markup:
    """Text as a CSS string that nothing in it can leave: everything but letters and digits is written as an escape."""
    return Markup('"' + "".join(c if c.isalnum() else f"\\{ord(c):x} " for c in clean_text(text)) + '"')


def _page_number(label: str) -> Markup:
    """ "Page {page} of {pages}" with the counters in the braces' place."""
    parts = re.split(r"(\{page\}|\{pages\})", label)
    counters = {"{page}": Markup("counter(page)"), "{pages}": Markup("counter(pages)")}
    return Markup(" ").join(counters.get(part) or css_string(part) for part in parts if part)
