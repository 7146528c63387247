"""The sheet on which people decide who takes over the machines that nobody answers for."""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

from cloudctl.core.errors import Message
from cloudctl.core.i18n import Catalogue
from cloudctl.core.spreadsheet import cell_text
from reports.forms.writer import OPTIONS

LIST_SHEET = "_systems"
FIRST_ROW = 2
# key, heading, width; the last two are filled in, the others are ours.
COLUMNS: tuple[tuple[str, Message, int], ...] = (
    ("pool", Message("pool"), 10),
    ("external_id", Message("external id"), 38),
    ("vm", Message("vm"), 24),
    ("host", Message("host"), 12),
    ("power", Message("power"), 10),
    ("vcpus", Message("vcpus"), 8),
    ("memory_mib", Message("memory mib"), 12),
    ("storage_gib", Message("storage gib"), 18),
    ("labels", Message("labels"), 40),
    ("rule", Message("rule"), 12),
    ("decision", Message("decision"), 12),
    ("system", Message("system"), 20),
)
TO_FILL = ("decision", "system")


def column_of(key: str) -> int:
    """Counted from 1."""
    return 1 + [name for name, _, _ in COLUMNS].index(key)


def write_adoption_sheet(
    rows: Sequence[Mapping[str, Any]], systems: Sequence[str], texts: Catalogue
) -> bytes:
    """A row per machine with what is proposed; where nothing is, the decision is left open."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, OPTIONS) as book:
        page = book.add_worksheet(cell_text(texts.text("Machines without an owner"))[:31])
        lists = book.add_worksheet(LIST_SHEET)
        lists.very_hidden()
        lists.write_column(0, 0, [cell_text(code) for code in systems])
        _write_headings(book, page, texts)
        locked = book.add_format({"border": 1, "bg_color": "#EEF2F6", "num_format": "@"})
        opened = book.add_format({"border": 1, "locked": False, "num_format": "@"})
        for number, row in enumerate(rows, FIRST_ROW):
            for key, _, _ in COLUMNS:
                looks = opened if key in TO_FILL else locked
                _write(page, (number - 1, column_of(key) - 1), _shown(row, key, texts), looks)
        _write_checks(page, len(rows), len(systems), texts)
        page.freeze_panes(1, 3)
        page.protect("", {"format_columns": True, "sort": True, "autofilter": True})
    return target.getvalue()


def _write_headings(book: Any, page: Any, texts: Catalogue) -> None:
    looks = book.add_format({"bold": True, "bg_color": "#D7DEE6", "border": 1})
    for column, (_, heading, width) in enumerate(COLUMNS):
        page.write_string(0, column, texts.message(heading), looks)
        page.set_column(column, column, width)


def _write(page: Any, place: tuple[int, int], value: object, looks: Any) -> None:
    if value is None or value == "":
        page.write_blank(*place, None, looks)
    elif isinstance(value, int):
        page.write_number(*place, value, looks)
    else:
        page.write_string(*place, cell_text(str(value)), looks)


def _shown(row: Mapping[str, Any], key: str, texts: Catalogue) -> object:
    if key == "decision":
        return texts.label("adoption", "adopt") if row["system"] else None
    if key in ("labels", "storage_gib"):
        return _pairs(row[key].items())
    if key == "rule":
        return texts.label("owner_rule", row[key]) if row[key] else None
    return texts.label("machine_state", row[key]) if key == "power" else row[key]


def _pairs(items: Iterable[tuple[str, object]]) -> str:
    return ", ".join(f"{key}={value}" for key, value in items)


def _write_checks(page: Any, rows: int, systems: int, texts: Catalogue) -> None:
    last = FIRST_ROW + max(rows, 1) - 2
    words = [texts.label("adoption", word) for word in ("adopt", "leave")]
    sources = {"decision": words, "system": f"='{LIST_SHEET}'!$A$1:$A${max(systems, 1)}"}
    for key, source in sources.items():
        column = column_of(key) - 1
        page.data_validation(FIRST_ROW - 1, column, last, column, {"validate": "list", "source": source})
