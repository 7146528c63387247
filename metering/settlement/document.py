"""A statement as one canonical document: what is hashed, signed, sealed and compared."""

from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from cloudctl.core.audit import digest
from cloudctl.core.database import canonical_json, to_micros
from cloudctl.core.quantity import fraction_text
from metering.settlement.model import Line, Statement

LINE_FIELDS = tuple(field.name for field in fields(Line))


def line_document(line: Line) -> dict[str, Any]:
    """Every field of a line, exactly: times in microseconds, quantities as "n/d", prices as text."""
    return {name: _exact(getattr(line, name)) for name in LINE_FIELDS}


def _exact(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, Fraction):
        return fraction_text(value)
    return str(value) if isinstance(value, Decimal) else value


def statement_document(statement: Statement) -> dict[str, Any]:
    """What is signed: whose it is, its number and revision, its total and its lines. Not its state."""
    return {
        "period": statement.period,
        "number": statement.number,
        "revision": statement.revision,
        "unit": statement.unit,
        "unit_name": statement.unit_name,
        "provider": statement.provider,
        "total_fen": statement.total_fen,
        "lines": [line_document(line) for line in statement.lines],
    }


def statement_hash(statement: Statement, algorithm: str) -> str:
    return document_hash(statement_document(statement), algorithm)


def document_hash(document: Any, algorithm: str) -> str:
    return digest(canonical_json(document).encode(), algorithm)
