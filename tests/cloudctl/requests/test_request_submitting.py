"""Requests handed in at the command line: whole and for one's own unit, or not at all."""

import pytest

from cloudctl.core.tables import SystemRow
from tests.cloudctl.requests.asking import NEW, WEB, shown


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--machine", "web,pool=nope,vcpus=1,memory-gib=1"], "no pool"),
        (["--machine", "web,pool=lab"], "at least one vCPU"),
        (["--machine", "web,pool=lab,vcpus=1,memory-gib=1,image=x"], "no image"),
        (["--machine", WEB, "--machine", WEB], "stands here twice"),
        (["--machine", WEB, "--machine", "web,pool=lab,vcpus=1,memory-gib=1"], "“web” stands here twice"),
        (["--machine", WEB.replace("=2", "=999999999")], "From 1 to 100 machines"),
        (["--machine", WEB.replace("=2", "=0")], "From 1 to 100 machines"),
        (["--machine", WEB, "--purpose", "Filing\x1b[2J"], "cannot be shown: U+001B"),
        (["--machine", WEB, "--equipment-reason", "x" * 501], "--equipment-reason: Here a text of at most"),
        (["--machine", WEB, "--until", "2026-11-01"], "ends before"),
        (["--machine", WEB, "--equipment", "old"], "no equipment"),
        ([], "at least one machine"),
    ],
)
def test_all_faults_of_a_request_are_told_and_nothing_is_kept(call, args, words):
    told = call("wang", "submit", "new", "--system", "tax", *NEW, *args, "--yes", code=3)

    assert words in told.stderr
    assert call("olga", "list", "-o", "json") == []


def test_a_unit_asks_for_itself_and_sees_its_own(call, asked):
    call(
        "nan",
        "submit",
        "new",
        "--system",
        "tax",
        *NEW,
        "--machine",
        "x,pool=lab,vcpus=1,memory-gib=1",
        "--yes",
        code=5,
    )
    call("nan", "show", asked, code=5)
    assert call("nan", "list", "-o", "json") == []
    assert call("nan", "totals", "-o", "json") == []
    call("olga", "show", 99, code=4)
    for number in (2**63, 10**30):
        call("olga", "show", number, code=3)


def test_the_level_is_the_systems_own_unless_it_is_said(call, ask, ctx):
    with ctx.writing() as session:
        session.query(SystemRow).filter_by(code="tax").one().level = 3
    assert shown(call, ask("new", "--machine", WEB))["level"] == 3
    other = ask("new", "--machine", WEB.replace("web", "app"), "--level", "1")
    assert shown(call, other)["level"] == 1
    found = call("olga", "check", other, "--dry-run", "-o", "json")["findings"]
    assert [row["verdict"] for row in found if row["subject"] == "level"] == ["warning"]


def test_blanks_of_every_kind_and_rare_characters_are_text(call, ask):
    purpose = "年末申报　系统\u00a0扩容\t第二列\n第二行\u200b\ue001"
    assert shown(call, ask("new", "--machine", WEB, "--purpose", purpose))["purpose"] == purpose


def test_a_tier_without_its_size_is_told_as_such(call):
    words = ["submit", "new", "--system", "tax", *NEW, "--machine", "web,pool=lab,storage=ssd", "--yes"]
    assert "“ssd” is not a tier and a size" in call("wang", *words, code=2).stderr
