"""What reports looked like when somebody last looked at them; `--update-golden` keeps a new look."""

from collections.abc import Callable

from reports.datasets.statement import StatementReport
from reports.layouts.wording import Reader
from reports.render import render

Golden = Callable[[str, bytes], None]


def test_statement_page(statement: StatementReport, reader: Reader, golden: Golden) -> None:
    golden(f"statement.{reader.texts.language}.html", render(statement, "html", reader))


def test_statement_csv(statement: StatementReport, chinese: Reader, golden: Golden) -> None:
    golden("statement.csv", render(statement, "csv", chinese))


def test_statement_json(statement: StatementReport, chinese: Reader, golden: Golden) -> None:
    golden("statement.json", render(statement, "json", chinese))


def test_csv_and_json_do_not_depend_on_the_language(
    statement: StatementReport, reader: Reader, chinese: Reader
) -> None:
    for format_ in ("csv", "json"):
        assert render(statement, format_, reader) == render(statement, format_, chinese)
