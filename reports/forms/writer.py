"""A form as a workbook: drop-downs and checks in the cells to fill in, the rest locked, the choices out of sight."""

import io
from datetime import date
from typing import Any

import xlsxwriter

from cloudctl.core.i18n import Catalogue
from cloudctl.core.spreadsheet import cell_text
from reports.forms.model import (
    FIRST_FIELD_ROW,
    FIRST_TABLE_ROW,
    HEAD_SHEET,
    HIDDEN_SHEET,
    MARK,
    TABLE_SHEET,
    VALUE_COLUMN,
    Choices,
    Field,
    Form,
    Mark,
    fixed_texts,
    sheet_titles,
)

# Text stays text, whatever it looks like.
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_form(form: Form, mark: Mark, choices: Choices, texts: Catalogue) -> bytes:
    """The workbook in one language."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target, OPTIONS) as book:
        head, table = (book.add_worksheet(title) for title in sheet_titles(form, texts))
        lists = _write_lists(book, mark, choices)
        _write_fixed(book, (head, table), form, texts)
        _write_fields(book, head, form, lists, texts)
        _write_columns(book, table, form, lists, texts)
    return target.getvalue()


def _write_lists(book: Any, mark: Mark, choices: Choices) -> dict[str, str]:
    """The mark, and a column per list. Name of a list -> the range it stands in."""
    sheet = book.add_worksheet(HIDDEN_SHEET)
    sheet.very_hidden()
    for row, value in enumerate((MARK, mark.kind, mark.version, mark.home, mark.language)):
        sheet.write(row, 0, value)
    ranges = {}
    for column, (name, values) in enumerate(choices.items(), 1):
        sheet.write_column(0, column, [cell_text(value) for value in values])
        letter = xlsxwriter.utility.xl_col_to_name(column)
        ranges[name] = f"='{HIDDEN_SHEET}'!${letter}$1:${letter}${max(1, len(values))}"
    return ranges


def _write_fixed(book: Any, pages: tuple[Any, Any], form: Form, texts: Catalogue) -> None:
    title = book.add_format({"bold": True, "font_size": 15})
    label = book.add_format({"bold": True, "valign": "top", "bg_color": "#EEF2F6", "border": 1})
    hint = book.add_format({"font_color": "#667788", "valign": "top", "text_wrap": True})
    head, table = pages
    for sheet, row, column, text in fixed_texts(form, texts):
        looks = label if column == 1 or sheet == TABLE_SHEET else hint
        if sheet == HEAD_SHEET and row < FIRST_FIELD_ROW:
            looks = title if row == 1 else None
        pages[sheet].write_string(row - 1, column - 1, text, looks)
    head.set_column(0, 0, 36)
    head.set_column(1, 1, 44)
    head.set_column(2, 2, 70)
    for page in (head, table):
        page.hide_gridlines(2)
        page.set_landscape()
        page.set_paper(9)
        page.fit_to_pages(1, 0)
        page.protect("", {"format_columns": True, "format_rows": True, "select_locked_cells": True})
    table.freeze_panes(1, 1)


def _write_fields(book: Any, page: Any, form: Form, lists: dict[str, str], texts: Catalogue) -> None:
    for row, field in enumerate(form.fields, FIRST_FIELD_ROW):
        page.write_blank(row - 1, VALUE_COLUMN - 1, None, _open_cell(book, field))
        page.data_validation(
            row - 1, VALUE_COLUMN - 1, row - 1, VALUE_COLUMN - 1, _check(field, lists, texts)
        )


def _write_columns(book: Any, page: Any, form: Form, lists: dict[str, str], texts: Catalogue) -> None:
    last = FIRST_TABLE_ROW + form.rows - 1
    for column, field in enumerate(form.columns):
        looks = _open_cell(book, field)
        page.set_column(column, column, field.width)
        for row in range(FIRST_TABLE_ROW, last + 1):
            page.write_blank(row - 1, column, None, looks)
        page.data_validation(FIRST_TABLE_ROW - 1, column, last - 1, column, _check(field, lists, texts))


def _open_cell(book: Any, field: Field) -> Any:
    shape = {"date": "yyyy-mm-dd", "whole": "0", "text": "@", "choice": "@"}[field.kind]
    return book.add_format(
        {"locked": False, "border": 1, "valign": "top", "text_wrap": True, "num_format": shape}
    )


def _check(field: Field, lists: dict[str, str], texts: Catalogue) -> dict[str, Any]:
    """The cell's own check; a wrong entry is stopped with the hint."""
    shown = {
        "input_title": texts.message(field.label)[:32],
        "input_message": texts.message(field.hint)[:255],
        "error_message": texts.message(field.hint)[:255],
        "ignore_blank": True,
    }
    match field.kind:
        case "choice":
            return {"validate": "list", "source": lists[field.choices], **shown}
        case "whole":
            return {
                "validate": "integer",
                "criteria": "between",
                "minimum": field.at_least,
                "maximum": field.at_most,
                **shown,
            }
        case "date":
            return {"validate": "date", "criteria": ">=", "value": date(2000, 1, 1), **shown}
        case _:
            return {"validate": "any", **shown}
