"""Rows as CSV: stable English keys at the head, a byte-order mark for spreadsheets, text that is never a formula."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cloudctl.core.money import yuan_text
from cloudctl.core.spreadsheet import clean_text, csv_cell
from reports.renderers.json import MONEY


def render_csv(keys: Sequence[str], rows: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> bytes:
    """`x_fen` is headed `x` and printed in yuan. Without rows the heading stands alone."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([key.removesuffix(MONEY) for key in keys])
    for row in rows:
        writer.writerow([_cell(key, row[key], zone) for key in keys])
    # Spreadsheets on Chinese Windows read a file without the mark as GBK.
    return ("\ufeff" + text.getvalue()).encode()


def _cell(key: str, value: Any, zone: ZoneInfo) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if key.endswith(MONEY):
        return yuan_text(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return csv_cell(clean_text(value)) if isinstance(value, str) else value
