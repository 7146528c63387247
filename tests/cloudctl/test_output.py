"""Lists and records in four formats: aligned for people, exact for programs, harmless in a spreadsheet."""

import csv
import io
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click
import pytest
import yaml

from cloudctl.cli.layout import cell_width
from cloudctl.cli.output import show_list, show_record

ZONE = ZoneInfo("Asia/Shanghai")
ROWS = [
    {
        "name": "市财政局",
        "amount": "160.00",
        "share": 0.08333333333333333,
        "at": datetime(2026, 9, 30, 16, tzinfo=UTC),
    },
    {"name": "=cmd|' /C calc'!A0", "amount": "-16409.02", "share": None, "at": None},
]
COLUMNS = ("name", "amount", "share", "at")


@pytest.fixture
def shown(capsys):
    def show(output, rows=ROWS, labels=None):
        with click.Context(click.Command("x"), obj=None) as context:
            context.params["lang"] = "en"
            show_list(rows, output, COLUMNS, ZONE, labels)
        return capsys.readouterr().out

    return show


@pytest.fixture(autouse=True)
def _headings_of_this_test(monkeypatch):
    monkeypatch.setattr("cloudctl.cli.output.heading", lambda key: key.replace("_", " "))


def test_json_keeps_every_digit_and_the_sites_offset(shown):
    first, second = json.loads(shown("json"))

    assert first == {
        "name": "市财政局",
        "amount": "160.00",
        "share": 0.08333333333333333,
        "at": "2026-10-01T00:00:00+08:00",
    }
    assert second["share"] is None


def test_yaml_and_json_are_the_same_document(shown):
    assert yaml.safe_load(shown("yaml")) == json.loads(shown("json"))


def test_csv_text_cannot_become_a_formula_and_numbers_stay_numbers(shown):
    header, first, second = csv.reader(io.StringIO(shown("csv")))

    assert header == list(COLUMNS)
    assert first[1:3] == ["160.00", "0.08333333333333333"]
    assert second[0].startswith("'=")
    assert second[1] == "-16409.02"


def test_a_table_aligns_chinese_and_money(shown):
    lines = [line.rstrip() for line in shown("table").splitlines() if line.strip()]
    ends = set()
    for line, amount in zip(lines[2:], ("160.00", "-16409.02"), strict=True):
        ends.add(cell_width(line[: line.index(amount) + len(amount)]))

    assert len(ends) == 1, "sums end in one column"
    assert "2026-10-01 00:00" in lines[2] and "–" in lines[3]


def test_a_table_shows_names_of_codes_and_json_the_codes(shown):
    rows = [{"name": "finance", "amount": None, "share": None, "at": None}]

    assert "finance" in json.loads(shown("json", rows, {"name": "role"}))[0]["name"]
    assert "system administrator" in shown("table", [{**rows[0], "name": "sysadmin"}], {"name": "role"})


def test_an_empty_list_is_an_empty_document(shown):
    assert json.loads(shown("json", [])) == [] and shown("csv", []).strip() == ",".join(COLUMNS)


def test_a_number_that_is_none_is_refused(shown):
    with pytest.raises(ValueError):
        shown("json", [{"name": "x", "share": float("nan")}])


def test_a_record_is_an_object(capsys):
    show_record(ROWS[0], "json", ZONE)

    assert json.loads(capsys.readouterr().out)["name"] == "市财政局"


def test_a_name_gives_a_terminal_no_orders(shown):
    name = "web\x1b]0;mine\x07\x9b31m\u202e-1\r2\r\n3"
    rows = [{**ROWS[0], "name": name}]
    text = shown("table", rows)
    assert "web\ufffd]0;mine\ufffd\ufffd31m\ufffd-1\ufffd2 " in text
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(text)
    assert json.loads(shown("json", rows))[0]["name"] == name
