"""The workbook: real numbers, formulas whose values are right, text that stays text, the same bytes each time."""

import io
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import openpyxl
import pytest

from reports.datasets.shared import Named
from reports.datasets.statement import StatementReport
from reports.layouts.wording import Reader
from reports.render import render


def load(report: StatementReport, reader: Reader) -> tuple[Any, Any]:
    """(with formulas, with their cached values)."""
    content = render(report, "xlsx", reader)
    return openpyxl.load_workbook(io.BytesIO(content)), openpyxl.load_workbook(
        io.BytesIO(content), data_only=True
    )


def column(sheet: Any, heading: str) -> tuple[int, int]:
    """(row, column) of a heading cell."""
    for row in sheet.iter_rows():
        for cell in row:
            if cell.value == heading:
                return cell.row, cell.column
    raise AssertionError(f"no heading {heading}")


def test_the_lines_sheet_sums_to_the_fen(statement: StatementReport, chinese: Reader) -> None:
    formulas, values = load(statement, chinese)
    row, at = column(values["计费明细"], "金额")
    amounts = [values["计费明细"].cell(row + n, at).value for n in range(1, len(statement.lines) + 1)]
    assert [round(amount * 100) for amount in amounts] == [line.amount_fen for line in statement.lines]
    total = values["计费明细"].cell(row + len(statement.lines) + 1, at).value
    assert round(total * 100) == statement.amount_fen == sum(line.amount_fen for line in statement.lines)
    assert formulas["计费明细"].cell(row + len(statement.lines) + 1, at).value.startswith("=ROUND(SUM(")


def test_cached_values_are_what_the_formulas_compute(statement: StatementReport, chinese: Reader) -> None:
    """Every formula is computed again here, by its own small reading of it."""
    formulas, values = load(statement, chinese)
    seen = 0
    for sheet in formulas:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    cached = values[sheet.title][cell.coordinate].value
                    assert compute(cell.value, sheet.title, values) == pytest.approx(cached, abs=0.005), (
                        cell.value
                    )
                    seen += 1
    assert seen > 20


def compute(formula: str, sheet: str, book: Any) -> float:
    if found := re.fullmatch(r"='(.+)'!(\$\w+\$\d+)", formula):
        return float(book[found[1]][found[2].replace("$", "")].value)
    if found := re.fullmatch(r"=(?:ROUND\()?SUM\((\w+(?::\w+)?)\)(?:,2\))?", formula):
        return sum(float(value) for value in cells(found[1], sheet, book) if value is not None)
    if found := re.fullmatch(r"=ROUND\(SUMPRODUCT\((.+)\),2\)", formula):
        *tests, amounts = re.split(r"\*(?=EXACT|')", found[1])
        columns = [matches(test, sheet, book) for test in tests]
        whole = cells(amounts.split("!")[1], amounts.split("!")[0].strip("'"), book)
        picked = [amount for amount, *fits in zip(whole, *columns, strict=True) if all(fits)]
        return sum(float(amount) for amount in picked)
    raise AssertionError(f"a formula nobody expected: {formula}")


def matches(test: str, sheet: str, book: Any) -> list[bool]:
    found = re.fullmatch(r"EXACT\('(.+)'!(\S+),(\$?\w+|\".*\")\)", test)
    assert found, test
    wanted = found[3].strip('"') if found[3].startswith('"') else book[sheet][found[3].replace("$", "")].value
    return [str(value) == str(wanted) for value in cells(found[2], found[1], book)]


def cells(area: str, sheet: str, book: Any) -> list[Any]:
    first, _, last = area.replace("$", "").partition(":")
    return [cell.value for row in book[sheet][f"{first}:{last or first}"] for cell in row]


def test_sums_by_name_do_not_take_a_name_for_a_pattern(statement: StatementReport, chinese: Reader) -> None:
    """SUMIFS would add everything up for a system called "*"."""
    star, other = Named("*", "*"), Named("tax", "tax")
    lines = tuple(replace(line, system=star if n % 2 else other) for n, line in enumerate(statement.lines))
    sums = {s: sum(line.amount_fen for line in lines if line.system == s) for s in (star, other)}
    systems = tuple(
        replace(statement.systems[n], system=s, amount_fen=sums[s], by_item_fen={}, adjustments_fen=0)
        for n, s in enumerate((star, other))
    )
    formulas, values = load(replace(statement, lines=lines, systems=systems, machines=()), chinese)
    row, at = column(values["结算单"], "金额")
    for n, wanted in enumerate((sums[star], sums[other]), 1):
        formula = formulas["结算单"].cell(row + n, at).value
        assert round(compute(formula, "结算单", values) * 100) == wanted


def test_numbers_are_numbers_and_times_are_times(statement: StatementReport, chinese: Reader) -> None:
    _, values = load(statement, chinese)
    sheet = values["计费明细"]
    row, quantity = column(sheet, "数量")
    _, start = column(sheet, "起")
    assert sheet.cell(row + 1, quantity).value == 8
    assert sheet.cell(row + 1, start).value.isoformat() == "2026-10-01T00:00:00"
    assert sheet.cell(row + 1, column(sheet, "金额")[1]).number_format == "#,##0.00"


def test_it_is_set_up_to_be_read_and_printed(statement: StatementReport, chinese: Reader) -> None:
    formulas, _ = load(statement, chinese)
    lines = formulas["计费明细"]
    assert lines.freeze_panes is not None
    assert lines.auto_filter.ref is not None
    assert lines.print_title_rows
    assert (lines.page_setup.paperSize, lines.page_setup.orientation) == (9, "landscape")
    assert formulas.sheetnames[0] == "结算单"
    assert formulas["chart_data"].sheet_state == "hidden"
    assert sum(len(sheet._charts) for sheet in formulas) == 4


def test_the_same_figures_make_the_same_bytes(statement: StatementReport, reader: Reader) -> None:
    assert render(statement, "xlsx", reader) == render(statement, "xlsx", reader)
    later = replace(statement.imprint, generated_at=statement.imprint.generated_at + timedelta(seconds=1))
    assert render(replace(statement, imprint=later), "xlsx", reader) != render(statement, "xlsx", reader)


def test_a_statement_without_lines_is_a_workbook_too(statement: StatementReport, reader: Reader) -> None:
    empty = replace(
        statement, lines=(), systems=(), machines=(), amount_fen=0, savings=(), budgets=(), months=()
    )
    content = render(empty, "xlsx", reader)
    assert openpyxl.load_workbook(io.BytesIO(content)).sheetnames
