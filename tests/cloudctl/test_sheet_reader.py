"""Workbooks of strangers: read as anybody sees them, or refused before they unfold."""

import io
import zipfile
from datetime import date, datetime
from functools import cache

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudctl.core.errors import InvalidInput
from cloudctl.core.sheet_reader import column_letters, read_workbook

SHEET = "xl/worksheets/sheet1.xml"
VALUES = st.one_of(
    st.integers(-(2**31), 2**31),
    st.floats(-1e9, 1e9, allow_nan=False).map(lambda value: round(value, 6)),
    st.booleans(),
    st.dates(min_value=date(1990, 1, 1)),
    st.text(st.characters(exclude_categories=["C"], exclude_characters="="), min_size=1, max_size=20),
)


@pytest.fixture
def book(tmp_path):
    """book(edit): where a small workbook lies; edit(sheet) before it is saved."""

    def made(edit=lambda sheet: None):
        path = tmp_path / "book.xlsx"
        workbook = openpyxl.Workbook()
        workbook.active["A1"] = "one"
        edit(workbook.active)
        workbook.save(path)
        return path

    return made


def spoiled(path, part, old, new):
    """The workbook with one part's text changed, as no spreadsheet would write it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part].decode()
    parts[part] = parts[part].decode().replace(old, new, 1).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def refusal(path):
    with pytest.raises(InvalidInput) as caught:
        read_workbook(path)
    (problem,) = caught.value.problems
    return problem.message.template


def test_a_few_bytes_do_not_merge_milliards_of_cells(book):
    path = spoiled(book(lambda sheet: sheet.merge_cells("B2:C3")), SHEET, "B2:C3", "B2:XFD1048576")
    assert refusal(path) == "The cells {range} are merged."


def test_a_sheet_of_millions_of_cells_is_not_read(book):
    row = "<row>" + "<c><v>1</v></c>" * 26 + "</row>"
    path = spoiled(book(), SHEET, "</sheetData>", row * 100_000 + "</sheetData>")
    assert path.stat().st_size < 1 << 20
    assert refusal(path) == "The workbook is too large unpacked."


def test_a_sheet_of_millions_of_empty_rows_is_not_read(book):
    path = spoiled(book(), SHEET, "</sheetData>", "<row/>" * 2_100_000 + "</sheetData>")
    assert refusal(path) == "The workbook is too large unpacked."


def test_entities_are_not_unfolded(book):
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><worksheet'
    assert refusal(spoiled(book(), SHEET, "<worksheet", laughs)) == "The workbook is too large unpacked."


def test_a_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b" " * (60 << 20))
    assert refusal(path) == "The workbook is too large unpacked."


def test_macros_are_refused(tmp_path):
    path = tmp_path / "macros.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert refusal(path) == "The workbook holds macros; save it as a plain .xlsx."


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "名称,数量\n".encode("gbk")],
    ids=["empty", "cut off", "an .xls renamed", "a .csv renamed"],
)
def test_what_is_no_workbook_is_refused(tmp_path, content):
    path = tmp_path / "book.xlsx"
    path.write_bytes(content)
    assert refusal(path) == "This is no .xlsx workbook."


@cache
def sound_workbook():
    """Without the time of its making, which would make it another one, of another length, every second."""
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as workbook:
        workbook.set_properties({"created": datetime(2026, 10, 1)})
        workbook.add_worksheet().write_row(0, 0, ["one", 2])
    return target.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_workbook_is_read_or_refused_and_never_breaks_anything(tmp_path_factory, data):
    content = bytearray(sound_workbook())
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "book.xlsx"
    path.write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    try:
        read_workbook(path)
    except InvalidInput as failure:
        assert failure.problems


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.none() | VALUES, min_size=1, max_size=6), min_size=1, max_size=6))
def test_values_are_read_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("values") / "book.xlsx"
    workbook = openpyxl.Workbook()
    for line in rows:
        workbook.active.append(line)
    workbook.save(path)
    (sheet,) = read_workbook(path)
    wanted = {
        (row, column): value.strip() if isinstance(value, str) else value
        for row, line in enumerate(rows, 1)
        for column, value in enumerate(line, 1)
        if value is not None and (not isinstance(value, str) or value.strip())
    }
    assert sheet.problems == ()
    assert sheet.cells == wanted


def test_columns_are_named_as_spreadsheets_do():
    names = [column_letters(number) for number in (1, 26, 27, 702, 703, 16384)]
    assert names == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
