"""Reads a workbook that people filled in: strictly, so that what is read is what anybody sees who opens it.

A formula is refused, not worked out; hidden rows, columns and sheets, merged cells, macros and cells in error are
named with their places. Nothing of the file is trusted: its size unpacked is looked at before it is read.
"""

import lzma
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cloudctl.core.errors import InvalidInput, NotFound, Problem, problem
from cloudctl.core.workbook_limits import MAX_BYTES, MAX_CELLS, TooMuch, require_measure

# So many hidden rows are named one by one, and so much of a value is quoted.
MOST_NAMED, MOST_QUOTED = 20, 60

Value = str | int | float | bool | date | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its title, its cells that hold something by (row, column) from 1, and what is wrong with it."""

    file: str
    title: str
    cells: Mapping[tuple[int, int], Value]
    problems: tuple[Problem, ...]

    def place(self, row: int, column: int) -> str:
        """file:sheet!cell."""
        return f"{self.file}:{self.title}!{column_letters(column)}{row}"


def column_letters(number: int) -> str:
    """1 is A, 27 is AA."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def quoted(value: Value) -> str:
    """A value as a message repeats it: a cell may hold pages."""
    text = str(value)
    return text if len(text) <= MOST_QUOTED else text[: MOST_QUOTED - 1] + "…"


def read_workbook(path: Path, *, hidden: Collection[str] = ()) -> list[Sheet]:
    """Its sheets in their order. NotFound, or InvalidInput for what is no plain workbook.

    hidden: titles of sheets that may be out of sight. What is wrong inside a sheet is told with the sheet.
    """
    _require_plain(path)
    book = _loaded(path)
    sheets = [_sheet(path, sheet, hidden) for sheet in book.worksheets]
    others = len(book.sheetnames) - len(sheets)
    if others:
        raise _refused(path, "The workbook has sheets that are no tables ({count}).", count=others)
    return sheets


def _require_plain(path: Path) -> None:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _refused(path, "The file is larger than {limit} MiB.", limit=MAX_BYTES // 1024**2)
        require_measure(path)
        with zipfile.ZipFile(path) as archive:
            parts = archive.namelist()
    except FileNotFoundError:
        raise NotFound("There is no file {path}.", path=str(path)) from None
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError):
        # No archive at all, one that is cut off, in a packing nobody knows, or locked with a password.
        raise _refused(path, "This is no .xlsx workbook.") from None
    except OSError as failure:
        raise _refused(path, "This file cannot be read: {reason}", reason=failure.strerror or "") from None
    except TooMuch as much:
        if much.merged is not None:
            raise _refused(path, "The cells {range} are merged.", range=much.merged) from None
        raise _refused(path, "The workbook is too large unpacked.") from None
    if any(part.lower().endswith("vbaproject.bin") for part in parts):
        raise _refused(path, "The workbook holds macros; save it as a plain .xlsx.")


def _loaded(path: Path) -> Any:
    # Read only where a workbook is read: the library takes its time to load.
    import openpyxl

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(path, data_only=False, keep_links=False)
    except Exception:
        # Whatever the library stumbles over in a file of somebody's: the file is at fault.
        raise _refused(path, "This is no .xlsx workbook.") from None


def _sheet(path: Path, sheet: Any, hidden: Collection[str]) -> Sheet:
    problems = []
    if sheet.sheet_state != "visible" and sheet.title not in hidden:
        problems.append(problem(f"{path}:{sheet.title}!A1", "This sheet is hidden."))
    problems += _shape_problems(path, sheet)
    cells: dict[tuple[int, int], Value] = {}
    # The cells the file holds, not the rectangle they span, which a single far cell makes as large as it likes.
    for (row, column), cell in sorted(sheet._cells.items()):
        if cell.value is None or cell.value == "":
            continue
        if len(cells) >= MAX_CELLS:
            problems.append(problem(f"{path}:{sheet.title}!A1", "This sheet holds too many cells."))
            break
        place = f"{path}:{sheet.title}!{column_letters(column)}{row}"
        if cell.data_type == "f":
            problems.append(problem(place, "A formula stands here; write its value."))
        elif cell.data_type == "e":
            problems.append(problem(place, "This cell is in error."))
        elif (value := _value(cell)) is not None:
            cells[row, column] = value
    return Sheet(str(path), sheet.title, cells, tuple(problems))


def _value(cell: Any) -> Value:
    """Text without blanks around it; a date without its time, which no cell of a day has."""
    value = cell.value
    if isinstance(value, datetime):
        return value.date() if value.time() == value.time().min else value
    if isinstance(value, str):
        return value.strip() or None
    return value if isinstance(value, bool | int | float | date) else str(value)


def _shape_problems(path: Path, sheet: Any) -> Iterator[Problem]:
    where = f"{path}:{sheet.title}!"
    for merged in sheet.merged_cells.ranges:
        yield problem(
            where + str(merged).split(":", 1)[0], "The cells {range} are merged.", range=str(merged)
        )
    if sheet.sheet_format.zeroHeight:
        yield problem(f"{where}A1", "The rows of this sheet are hidden.")
    rows = [row for row, shape in sheet.row_dimensions.items() if shape.hidden or shape.height == 0]
    for row in sorted(rows)[:MOST_NAMED]:
        yield problem(f"{where}A{row}", "Row {row} is hidden.", row=row)
    if len(rows) > MOST_NAMED:
        yield problem(f"{where}A1", "{count} rows are hidden.", count=len(rows))
    for letters, shape in sheet.column_dimensions.items():
        if shape.hidden or shape.width == 0:
            last = column_letters(shape.max or shape.min)
            columns = letters if last == letters else f"{letters}–{last}"
            yield problem(f"{where}{letters}1", "Column {column} is hidden.", column=columns)


def _refused(path: Path, template: str, **values: Any) -> InvalidInput:
    return InvalidInput([problem(str(path), template, **values)])
