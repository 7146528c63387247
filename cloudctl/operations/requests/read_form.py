"""What a filled-in form says: its fields and rows by key, with places; whatever it should not hold is named."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from cloudctl.core.database import canonical_json
from cloudctl.core.errors import InvalidInput, Message, Problem, problem
from cloudctl.core.i18n import LANGUAGES, Catalogue
from cloudctl.core.sheet_reader import MOST_NAMED, Sheet, Value, quoted, read_workbook
from policies.requests.faults import LONGEST_TEXT
from reports.forms.model import (
    FIRST_FIELD_ROW,
    FIRST_TABLE_ROW,
    HEAD_SHEET,
    HIDDEN_SHEET,
    MARK,
    TABLE_SHEET,
    VALUE_COLUMN,
    VERSION,
    Field,
    Form,
    Mark,
    fixed_texts,
    sheet_titles,
)

Answer = str | int | date | None


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table that holds something. number: as the sheet counts."""

    number: int
    answers: Mapping[str, Answer]


@dataclass(frozen=True, slots=True)
class FilledForm:
    """Answers by key; what is empty or wrong is None. problems: everything that is wrong with the workbook itself."""

    form: Form
    texts: Catalogue
    sheets: tuple[Sheet, Sheet]
    head: Mapping[str, Answer]
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]

    @property
    def digest(self) -> str:
        """Of what was answered, wherever it stands: the same answers are the same form."""
        document = {
            "kind": self.form.kind,
            "head": {key: str(value) for key, value in self.head.items() if value is not None},
            "lines": [
                {key: str(value) for key, value in line.answers.items() if value is not None}
                for line in self.lines
            ],
        }
        return hashlib.sha256(canonical_json(document).encode()).hexdigest()

    def head_place(self, key: str) -> str:
        return self.sheets[HEAD_SHEET].place(self.form.field_row(key), VALUE_COLUMN)

    def line_place(self, line: int, key: str) -> str:
        return self.sheets[TABLE_SHEET].place(line, self.form.column_number(key))


def read_form(path: Path, form: Form, home: str) -> FilledForm:
    """NotFound without the file; InvalidInput for a workbook that is not this home's form of this version."""
    sheets = read_workbook(path, hidden=[HIDDEN_SHEET])
    mark = _mark(path, sheets)
    _require_own(path, mark, form, home)
    texts = Catalogue(mark.language)
    pages = _in_order([sheet for sheet in sheets if sheet.title != HIDDEN_SHEET], form, texts)
    if len(pages) < 2:
        raise InvalidInput([problem(str(path), "The form has lost a sheet.")])
    found = [fault for sheet in pages for fault in sheet.problems]
    found += [
        problem(sheet.place(1, 1), "This sheet is not of the form.") for sheet in pages[2:] if sheet.cells
    ]
    head, table = pages[HEAD_SHEET], pages[TABLE_SHEET]
    reading = _Reading(found)
    answers = {
        field.key: reading.answer(head, (row, VALUE_COLUMN), field)
        for row, field in enumerate(form.fields, FIRST_FIELD_ROW)
    }
    lines = tuple(_lines(reading, table, form))
    found += _foreign_cells((head, table), form, texts)
    return FilledForm(form, texts, (head, table), answers, lines, tuple(found))


def _in_order(pages: list[Sheet], form: Form, texts: Catalogue) -> list[Sheet]:
    """The form's own sheets first, by their names: people move sheets about. Renamed ones are taken as they come."""
    titles = sheet_titles(form, texts)
    return sorted(pages, key=lambda page: titles.index(page.title) if page.title in titles else len(titles))


def _mark(path: Path, sheets: Sequence[Sheet]) -> Mark:
    cells = next((sheet.cells for sheet in sheets if sheet.title == HIDDEN_SHEET), {})
    values = [cells.get((row, 1)) for row in range(1, 6)]
    if values[0] != MARK or not isinstance(values[2], int | float):
        raise InvalidInput(
            [problem(str(path), "This is no form of cloudctl; make one with “cloudctl request form”.")]
        )
    return Mark(str(values[1]), int(values[2]), str(values[3]), str(values[4]))


def _require_own(path: Path, mark: Mark, form: Form, home: str) -> None:
    if mark.kind != form.kind:
        raise InvalidInput([problem(str(path), "This is a form of another kind.")])
    if mark.version != VERSION or mark.language not in LANGUAGES:
        raise InvalidInput(
            [
                problem(
                    str(path),
                    "This form is of version {version}; version {wanted} is wanted. Make a new one.",
                    version=mark.version,
                    wanted=VERSION,
                )
            ]
        )
    if mark.home != home:
        raise InvalidInput([problem(str(path), "This form was made for another home of cloudctl.")])


def _lines(reading: "_Reading", table: Sheet, form: Form) -> Iterator[Line]:
    last = FIRST_TABLE_ROW + form.rows - 1
    filled = sorted({row for row, column in table.cells if FIRST_TABLE_ROW <= row <= last})
    for row in filled:
        yield Line(
            row,
            {
                column.key: reading.answer(table, (row, number), column)
                for number, column in enumerate(form.columns, 1)
            },
        )


def _foreign_cells(pages: Sequence[Sheet], form: Form, texts: Catalogue) -> Iterator[Problem]:
    """Fixed texts that were changed, and what stands beyond the form."""
    fixed = {(sheet, row, column): text for sheet, row, column, text in fixed_texts(form, texts)}
    for number, sheet in enumerate(pages):
        foreign = [at for at in sheet.cells if (number, *at) not in fixed and not _is_open(form, number, *at)]
        if number == TABLE_SHEET:
            yield from _lines_too_many(
                sheet, form, {row for row, column in foreign if column <= len(form.columns)}
            )
            foreign = [(row, column) for row, column in foreign if column > len(form.columns)]
        yield from _cells_beyond(sheet, foreign)
    for (number, row, column), text in fixed.items():
        if pages[number].cells.get((row, column)) != text:
            yield problem(
                pages[number].place(row, column), "Here the form says “{text}”; leave it so.", text=text
            )


def _is_open(form: Form, sheet: int, row: int, column: int) -> bool:
    """Whether the form asks something there."""
    if sheet == HEAD_SHEET:
        return column == VALUE_COLUMN and FIRST_FIELD_ROW <= row < FIRST_FIELD_ROW + len(form.fields)
    return column <= len(form.columns) and FIRST_TABLE_ROW <= row < FIRST_TABLE_ROW + form.rows


def _lines_too_many(table: Sheet, form: Form, rows: set[int]) -> Iterator[Problem]:
    if rows:
        yield problem(
            table.place(min(rows), 1),
            "The form has room for {limit} lines; {count} more stand below it. Use another form for them.",
            limit=form.rows,
            count=len(rows),
        )


def _cells_beyond(sheet: Sheet, places: Sequence[tuple[int, int]]) -> Iterator[Problem]:
    """The first of them one by one: a column of remarks is one mistake, not a hundred."""
    for at in places[:MOST_NAMED]:
        yield problem(
            sheet.place(*at), "This cell lies beyond the form: “{value}”.", value=quoted(sheet.cells[at])
        )
    if len(places) > MOST_NAMED:
        at = places[MOST_NAMED]
        count = len(places) - MOST_NAMED
        yield problem(sheet.place(*at), "{count} more cells lie beyond the form.", count=count)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Collects what is wrong while answers are read."""

    problems: list[Problem]

    def answer(self, sheet: Sheet, at: tuple[int, int], field: Field) -> Answer:
        value = sheet.cells.get(at)
        if value is None:
            told = {fault.place for fault in sheet.problems}
            if field.is_needed and sheet.place(*at) not in told:
                self._tell(sheet, at, Message("This needs an answer."))
            return None
        reason = _wrong(field, value)
        if reason is not None:
            self._tell(sheet, at, reason)
            return None
        if field.kind == "whole":
            assert isinstance(value, int | float)
            return int(value)
        assert isinstance(value, str | date)
        return value

    def _tell(self, sheet: Sheet, at: tuple[int, int], message: Message) -> None:
        self.problems.append(Problem(sheet.place(*at), message))


def _wrong(field: Field, value: Value) -> Message | None:
    """Why the value is no answer, by its type alone."""
    if field.kind in ("text", "choice"):
        if not isinstance(value, str):
            return Message("Here text is wanted, not “{value}”.", {"value": quoted(value)})
        limit = {"limit": LONGEST_TEXT}
        is_short = len(value) <= LONGEST_TEXT
        return None if is_short else Message("Here a text of at most {limit} characters is wanted.", limit)
    if field.kind == "date":
        is_day = isinstance(value, date) and not isinstance(value, datetime)
        if isinstance(value, str) and _is_day(value):
            return Message("“{value}” is written as text; make it a date.", {"value": quoted(value)})
        return None if is_day else Message("Here a day is wanted, not “{value}”.", {"value": quoted(value)})
    if isinstance(value, str) and value.isdecimal():
        return Message("“{value}” is written as text; make it a number.", {"value": quoted(value)})
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not (is_whole or (isinstance(value, float) and value.is_integer())):
        return Message("Here a whole number is wanted, not “{value}”.", {"value": quoted(value)})
    assert isinstance(value, int | float)
    if not field.at_least <= value <= field.at_most:
        return Message(
            "Here a number from {least} to {most} is wanted.",
            {"least": field.at_least, "most": field.at_most},
        )
    return None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
