"""People's YAML is read strictly: hostile and broken files are refused whole, each fault with its place."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from cloudctl.core import yaml_tree
from cloudctl.core.errors import InvalidInput, NotFound
from cloudctl.core.yaml_source import (
    AwareInstant,
    ExactText,
    FenText,
    YamlModel,
    load_document,
    parse_document,
    read_text,
)
from cloudctl.core.yaml_tree import read_tree


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Item(YamlModel):
    name: str
    count: Annotated[int, Field(ge=1, le=9)] = 1
    since: AwareInstant | None = None
    bought: date | None = None
    colours: tuple[Colour, ...] = ()
    kind: Literal["a", "b"] = "a"
    on: bool = False
    fee: FenText = 0
    price: ExactText = Decimal(0)
    sizes: dict[str, int] = Field(default_factory=dict)


class Document(YamlModel):
    version: Literal[1]
    items: list[Item] = Field(default_factory=list)


def faults(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_document(text, "f.yaml", Document)
    return [str(fault) for fault in caught.value.problems]


def item(line: str) -> Item:
    return parse_document(f"version: 1\nitems:\n- {line}", "f.yaml", Document)[0].items[0]


def test_values_arrive_exact_and_typed():
    read = item(
        '{name: "x", count: 3, since: 2013-08-01T00:00:00+08:00, bought: 2015-06-01, colours: [red, blue], '
        'kind: b, on: true, fee: "12.30", price: "0.123456", sizes: {ssd: 5}}'
    )

    assert read.since == datetime(2013, 7, 31, 16, tzinfo=UTC)
    assert read.bought == date(2015, 6, 1)
    assert (read.fee, read.price, read.colours) == (1230, Decimal("0.123456"), (Colour.RED, Colour.BLUE))


def test_the_traps_of_yaml_1_1_are_text():
    for word in (
        "no",
        "on",
        "22:00",
        "0x10",
        "1_000",
        "010",
        ".inf",
        ".NaN",
        "1e999",
        "2026-10-01",
        "<<",
        "=",
    ):
        assert item(f"{{name: {word}}}").name == word


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{name: 7}", "3:10: name: 7 is not text; put it in quotes if it is meant as text."),
        ("{name: null}", "3:10: name: null is not text; put it in quotes if it is meant as text."),
        ("{name: x, count: 2.0}", "3:20: count: 2.0 is not a whole number."),
        ("{name: x, count: true}", "3:20: count: true is not a whole number."),
        ('{name: x, count: "2"}', "3:20: count: 2 is not a whole number."),
        ("{name: x, count: 010}", "3:20: count: 010 is not a whole number."),
        (
            "{name: x, count: 99999999999999999999}",
            "3:20: count: 99999999999999999999 is not a whole number.",
        ),
        ("{name: x, count: 0}", "3:20: count: 0 is less than 1."),
        ("{name: x, count: 10}", "3:20: count: 10 is more than 9."),
        ("{name: x, on: yes}", "3:17: on: yes is neither true nor false."),
        ("{name: x, kind: c}", "3:19: kind: c is none of a, b."),
        ("{name: x, colours: red}", "3:22: colours: a list is wanted here."),
        ("{name: x, colours: [red, green]}", "3:28: colours: green is none of red, blue."),
        ("{name: x, sizes: [1]}", "3:20: sizes: a mapping (key: value) is wanted here."),
        ("{name: x, bought: 2026-02-30}", "3:21: bought: “2026-02-30” is not a date like 2026-10-01."),
        ("{name: x, bought: 20260230}", "3:21: bought: “20260230” is not a date like 2026-10-01."),
        (
            "{name: x, since: 2026-10-01T00:00:00}",
            "3:20: since: “2026-10-01T00:00:00” has no offset; write 2026-10-01T00:00:00+08:00.",
        ),
        (
            '{name: x, since: "0001-01-01T00:00:00+08:00"}',
            "3:20: “0001-01-01T00:00:00+08:00” is out of the calendar's range.",
        ),
        ("{name: x, since: soon}", "3:20: since: “soon” is not a time like 2026-10-01T00:00:00+08:00."),
        (
            "{name: x, fee: 1.20}",
            "3:18: “1.2” is not an amount of money: write text with at most two decimal places, in quotes.",
        ),
        (
            '{name: x, fee: "1e999999999"}',
            "3:18: “1e999999999” is not an amount of money: write text with at most two decimal places, in quotes.",
        ),
        ('{name: x, price: "NaN"}', "3:20: “NaN” is not a decimal number written as text, in quotes."),
        ("{name: x, colour: red}", "3:13: The key “colour” is not known here."),
        ("{count: 1}", "3:3: “name” is missing."),
        ("5", "3:3: items: a mapping (key: value) is wanted here."),
    ],
)
def test_a_wrong_value_is_named_with_its_place(line, fault):
    assert faults(f"version: 1\nitems:\n- {line}") == [f"f.yaml:{fault}"]


def test_all_faults_are_told_at_once_in_the_order_of_their_places():
    text = """
version: 2
items:
- {name: a, count: -1, extra: 1}
- {name: a, name: b}
- &x {name: c}
- *x
- !!python/object/apply:os.system ["true"]
"""
    assert faults(text) == [
        "f.yaml:2:10: version: 2 is none of 1.",
        "f.yaml:4:20: count: -1 is less than 1.",
        "f.yaml:4:24: The key “extra” is not known here.",
        "f.yaml:5:13: The key “name” stands here a second time; the first is in line 5.",
        "f.yaml:7:3: Aliases (*x) are not allowed.",
        "f.yaml:8:3: Tags (tag:yaml.org,2002:python/object/apply:os.system) are not allowed.",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "The file is empty."),
        ("# nothing\n", "The file is empty."),
        ("a: [1", "This is not YAML"),
        ("a: b: c", "This is not YAML"),
        ("\tversion: 1", "This is not YAML"),
        ("version: 1\n---\nversion: 1", "A second document begins here"),
        ("? [a, b]\n: 1", "A key must be plain text."),
        ("? {a: b}\n: 1", "A key must be plain text."),
        ("a: &a 1\n? *a\n: 1", "A key must be plain text."),
        ("[" * 100_000, "The file is nested deeper than 32 levels."),
        ("{a: " * 50, "The file is nested deeper than 32 levels."),
        ("- " * 100_000, "The file is nested deeper than 32 levels."),
        ("- 1\n- 2", "The file must hold a mapping (key: value)."),
        ("just text", "The file must hold a mapping (key: value)."),
        ('version: "\\ud800"', "This is not YAML"),
        ("version: " + "9" * 10_000, "is none of 1."),
    ],
)
def test_what_is_no_such_document_is_refused(text, fault):
    assert any(fault in found for found in faults(text)), faults(text)


def test_an_alias_bomb_is_refused_at_its_first_alias_without_being_blown_up():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]

    found = faults("\n".join(lines))

    assert "f.yaml:2:10: Aliases (*a0) are not allowed." in found


def test_too_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 100)

    assert faults(f"version: 1\nitems: [{'a,' * 200}]") == [
        "f.yaml:2:203: The file holds more than 100 values."
    ]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"version: 1\nname: \xff\xfe\n", ":2:7: The file is not UTF-8 text."),
        ("version: 1".encode("utf-16"), ":1:1: The file is not UTF-8 text."),
        (b"version: 1\nname: a\x00b\n", ":2:8: A control character (U+0000) stands here."),
        (b"version: 1\nname: a\x1b[31m\n", ":2:8: A control character (U+001B) stands here."),
        (b"   \n", ":1:1: The file is empty."),
    ],
)
def test_bytes_that_are_no_text_are_refused_with_their_place(tmp_path, data, fault):
    path = tmp_path / "f.yaml"
    path.write_bytes(data)

    with pytest.raises(InvalidInput) as caught:
        load_document(path, Document)

    assert str(caught.value.problems[0]) == f"{path}{fault}"


def test_a_byte_order_mark_is_no_fault(tmp_path):
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\n")

    assert load_document(path, Document)[0].version == 1


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "f.yaml"
    with path.open("wb") as file:
        file.truncate(33 * 1024 * 1024)

    with pytest.raises(InvalidInput, match="larger than 32 MiB"):
        read_text(path)


def test_a_missing_file_is_not_found_and_a_folder_is_no_file(tmp_path):
    with pytest.raises(NotFound):
        load_document(tmp_path / "none.yaml", Document)
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_document(tmp_path, Document)


def test_a_value_is_found_by_its_path():
    marks = parse_document("version: 1\nitems:\n- name: x\n  sizes: {ssd: 5}\n", "f.yaml", Document)[1]

    assert marks.place(("items", 0, "sizes", "ssd")) == "f.yaml:4:16"
    assert marks.place(("items", 0, "sizes", "nvme")) == "f.yaml:4:10"
    assert marks.key_place(("items", 0, "sizes")) == "f.yaml:4:3"
    assert marks.place() == "f.yaml:1:1"


@given(st.text(max_size=200))
def test_no_text_brings_anything_but_a_document_or_a_refusal(text):
    try:
        parse_document(text, "f.yaml", Document)
    except InvalidInput as refused:
        assert refused.problems


@given(
    st.recursive(
        st.booleans() | st.integers(-(10**17), 10**17) | st.text("ab: -#\"'", max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1), inner),
    )
)
def test_what_a_dumper_writes_in_quotes_reads_back(value):
    text = yaml.safe_dump({"v": value}, default_style='"')
    if "!!" in text:  # the dumper tags what its quotes would make text of
        return

    assert read_tree(text, "f.yaml").document == {"v": value}
