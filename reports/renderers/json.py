"""A report's figures as canonical JSON: sorted keys, money as decimal text, times in the site's zone."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from cloudctl.core.money import yuan_text

MONEY, PRICE = "_fen", "price"


def render_json(dataset: Any, zone: ZoneInfo) -> bytes:
    document = plain(dataset, zone)
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
    return (text + "\n").encode()


def plain(value: Any, zone: ZoneInfo) -> Any:
    """Dataclasses to objects. A field `x_fen` becomes `x`, a decimal string of yuan, as the contract has it, and so
    is a price; other quantities are numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_entry(f.name, getattr(value, f.name), zone) for f in fields(value))
    if isinstance(value, Mapping):
        return dict(_entry(str(key), item, zone) for key, item in value.items())
    if isinstance(value, list | tuple):
        return [plain(item, zone) for item in value]
    if isinstance(value, Enum):
        return value.value
    return _scalar(value, zone)


def _entry(key: str, value: Any, zone: ZoneInfo) -> tuple[str, Any]:
    if isinstance(value, Decimal) and key.endswith(PRICE):
        return key, f"{value:f}"
    if not key.endswith(MONEY):
        return key, plain(value, zone)
    name = key.removesuffix(MONEY)
    if isinstance(value, Mapping):
        return name, {str(part): yuan_text(fen) for part, fen in value.items()}
    return name, None if value is None else yuan_text(value)


def _scalar(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    return value
