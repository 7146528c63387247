"""How lists and records are shown: table for people, JSON, YAML and CSV for programs."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cloudctl.cli.command import chosen_language, translate
from cloudctl.cli.visible import visible
from cloudctl.core.i18n import Catalogue
from cloudctl.core.spreadsheet import csv_cell

Row = Mapping[str, Any]
FORMATS = ("table", "json", "yaml", "csv")
# A sum of money or a share as text.
NUMBER = re.compile(r"-?\d+(\.\d+)?%?")


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`-o table|json|yaml|csv` for every list and show."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(FORMATS),
        default="table",
        help="How to print: table, json, yaml or csv.",
    )(function)


def show_list(
    rows: Sequence[Row],
    output: str,
    columns: Sequence[str],
    zone: ZoneInfo,
    labels: Mapping[str, str] | None = None,
) -> None:
    """Rows of snake_case keys; a table shows `columns` alone, under headings from the catalogue.

    labels: column -> kind of label; a table then shows the code's name, JSON and the others the code.
    """
    if output == "table":
        _table([_named(row, labels or {}) for row in rows], columns, zone)
        return
    plain = [_plain(row, zone) for row in rows]
    if output == "json":
        _write(_json_rows(plain))
    elif output == "yaml":
        _write(_yaml(plain))
    else:
        _write(_csv(plain, list(plain[0]) if plain else columns))


def _json_rows(rows: Sequence[Any]) -> str:
    """An array with a row a line: short to look at, and ten times as quick to write as an indented one."""
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
    return "[\n  " + ",\n  ".join(lines) + "\n]" if lines else "[]"


def show_record(record: Row, output: str, zone: ZoneInfo) -> None:
    """One object: a JSON object, or a table of its fields."""
    plain = _plain(record, zone)
    if output == "json":
        _write(json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False))
    elif output == "yaml":
        _write(_yaml(plain))
    elif output == "csv":
        _write(_csv([plain], list(plain)))
    else:
        rows = [{"field": heading(key), "value": value} for key, value in record.items()]
        _table(rows, ["field", "value"], zone, aligned=False)


def heading(key: str) -> str:
    return translate(key.replace("_", " "))


def _plain(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item, zone) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, zone) for item in value]
    return value


def _write(text: str) -> None:
    click.echo(text.rstrip("\n"))


def _yaml(document: Any) -> str:
    import yaml

    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([csv_cell(_cell(row.get(column))) for column in columns])
    return text.getvalue()


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _named(row: Row, labels: Mapping[str, str]) -> Row:
    """The row with the names of its codes in the reader's language."""
    catalogue = Catalogue(chosen_language())
    names = {
        column: catalogue.label(kind, str(row[column]))
        for column, kind in labels.items()
        if row.get(column) is not None and catalogue.has_label(kind, str(row[column]))
    }
    return {**row, **names}


def _table(rows: Sequence[Row], columns: Sequence[str], zone: ZoneInfo, *, aligned: bool = True) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        right = aligned and _is_numeric([row.get(column) for row in rows])
        table.add_column(heading(column), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(visible(_shown(row.get(column), zone))) for column in columns))
    wide = Console(file=sys.stdout) if sys.stdout.isatty() else Console(file=sys.stdout, width=200)
    wide.print(table)


def _is_numeric(values: Sequence[Any]) -> bool:
    """Numbers and sums of money, and at least one of them."""
    known = [value for value in values if value is not None]
    return bool(known) and all(
        (isinstance(value, int | float) and not isinstance(value, bool))
        or (isinstance(value, str) and NUMBER.fullmatch(value))
        for value in known
    )


def _shown(value: Any, zone: ZoneInfo) -> str:
    match value:
        case None | [] | () | "":
            return "–"
        case bool():
            return translate("yes") if value else translate("no")
        case float():
            return f"{value:.4g}"
        case datetime():
            local = value.astimezone(zone)
            return local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")
        case Mapping():
            return " ".join(f"{key}={_inner(item, zone)}" for key, item in value.items())
        case list() | tuple():
            return ", ".join(_shown(item, zone) for item in value)
        case _:
            return str(value)


def _inner(value: Any, zone: ZoneInfo) -> str:
    """A value inside another; one with parts of its own is kept together."""
    return f"({_shown(value, zone)})" if isinstance(value, Mapping) and value else _shown(value, zone)
