"""What a form asks: named fields, then rows of a table; and the fixed texts a filled-in one must still carry."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from cloudctl.core.errors import Message
from cloudctl.core.i18n import Catalogue
from cloudctl.core.spreadsheet import cell_text

# Raised when a form's cells move: forms of another version are refused.
VERSION = 1
MARK = "cloudctl form"
# The sheet with the mark and the choices; nobody needs to see it.
HIDDEN_SHEET = "_form"
FIRST_FIELD_ROW, FIRST_TABLE_ROW = 4, 2
LABEL_COLUMN, VALUE_COLUMN, HINT_COLUMN = 1, 2, 3
HEAD_SHEET, TABLE_SHEET = 0, 1


@dataclass(frozen=True, slots=True)
class Field:
    """One thing asked. choices: name of the list it is chosen from; at_least, at_most: of a whole number."""

    key: str
    label: Message
    kind: Literal["text", "whole", "date", "choice"]
    hint: Message
    is_needed: bool = False
    choices: str = ""
    at_least: int = 0
    at_most: int = 2**30
    width: int = 14


@dataclass(frozen=True, slots=True)
class Form:
    """kind: what the mark calls it; fields: on the first sheet; columns: of the table on the second."""

    kind: str
    title: Message
    guidance: Message
    table_title: Message
    fields: tuple[Field, ...]
    columns: tuple[Field, ...]
    rows: int = 100

    def field_row(self, key: str) -> int:
        return FIRST_FIELD_ROW + [field.key for field in self.fields].index(key)

    def column_number(self, key: str) -> int:
        return 1 + [column.key for column in self.columns].index(key)


@dataclass(frozen=True, slots=True)
class Mark:
    """Which form a workbook is: kind, version, the home it was made for, its language."""

    kind: str
    version: int
    home: str
    language: str


# Name of a list -> what may be chosen from it.
Choices = Mapping[str, tuple[str, ...]]


def heading(field: Field, texts: Catalogue) -> str:
    """A needed one has a star."""
    return texts.message(field.label) + (" *" if field.is_needed else "")


def sheet_titles(form: Form, texts: Catalogue) -> tuple[str, str]:
    """Of the sheet with the fields and the one with the table, as long as a workbook allows."""
    return cell_text(texts.message(form.title))[:31], cell_text(texts.message(form.table_title))[:31]


def fixed_texts(form: Form, texts: Catalogue) -> Iterator[tuple[int, int, int, str]]:
    """(sheet, row, column, text) of every cell that nobody is to change."""
    yield HEAD_SHEET, 1, 1, texts.message(form.title)
    yield HEAD_SHEET, 2, 1, texts.message(form.guidance)
    for row, field in enumerate(form.fields, FIRST_FIELD_ROW):
        yield HEAD_SHEET, row, LABEL_COLUMN, heading(field, texts)
        yield HEAD_SHEET, row, HINT_COLUMN, texts.message(field.hint)
    for number, column in enumerate(form.columns, 1):
        yield TABLE_SHEET, 1, number, heading(column, texts)
