"""How lists and records are shown: table for people, JSON, YAML and CSV for programs."""

import csv
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from cloudctl.cli.command import translate
from cloudctl.core.spreadsheet import csv_cell

Row = Mapping[str, Any]
FORMATS = ("table", "json", "yaml", "csv")


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`-o table|json|yaml|csv` for every list and show."""
    return click.option(
        "-o", "--output", type=click.Choice(FORMATS), default="table", help="How to print: table, json, yaml or csv."
    )(function)


def show_list(rows: Sequence[Row], output: str, columns: Sequence[str], zone: ZoneInfo) -> None:
    """Rows of snake_case keys; a table shows `columns` alone, under headings from the catalogue."""
    plain = [_plain(row, zone) for row in rows]
    if output == "json":
        _write(json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False))
    elif output == "yaml":
        _write(_yaml(plain))
    elif output == "csv":
        _write(_csv(plain, list(plain[0]) if plain else columns))
    else:
        _table(plain, columns)


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
        _table([{"field": heading(key), "value": value} for key, value in plain.items()], ["field", "value"])


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


def _table(rows: Sequence[Row], columns: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        numeric = any(isinstance(row.get(column), int | float) for row in rows)
        table.add_column(heading(column), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(row.get(column))) for column in columns))
    wide = Console(file=sys.stdout) if sys.stdout.isatty() else Console(file=sys.stdout, width=200)
    wide.print(table)


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return " ".join(f"{key}={_shown(item)}" for key, item in value.items())
    return str(value)
