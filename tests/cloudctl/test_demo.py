"""The demonstration at small scale: the whole story, what it leaves behind, and that it repeats to the byte."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudctl.cli.demo import NEXT
from cloudctl.cli.failures import run_guarded
from cloudctl.cli.main import cli

SMALL = ("--units", "4", "--machines", "24", "--seed", "7")
# What programs read of a home; every one must be the same in two runs of one seed.
QUESTIONS = (
    ("audit", "verify"),
    ("audit", "log"),
    ("inventory", "show"),
    ("unit", "list"),
    ("system", "list"),
    ("pool", "list"),
    ("host", "list"),
    ("equipment", "list"),
    ("user", "list"),
    ("vm", "list", "--all"),
    ("vm", "show", "data-portal-app-1"),
    ("change", "list"),
    ("request", "list"),
    ("request", "show", "1"),
    ("request", "totals"),
    ("request", "terms"),
    ("review", "list"),
    ("review", "show", "1"),
    ("exemption", "list", "--all"),
    ("tariff", "list"),
    ("budget", "list"),
    ("hold", "list"),
    ("settle", "show", "2026-10"),
    ("settle", "verify", "2026-10"),
    ("usage", "show", "--by", "vm", "--from", "2026-10-01", "--to", "2026-11-01"),
    ("meter", "coverage", "--from", "2026-10-01", "--to", "2026-11-01"),
)
DOCS = Path(__file__).parents[2] / "docs"
Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs of the same seed in two places."""
    places = tuple(tmp_path_factory.mktemp(name) for name in ("once", "again"))
    for place in places:
        arguments = [
            "--lang",
            "en",
            "demo",
            "--home",
            str(place / "home"),
            "--reports",
            str(place / "reports"),
        ]
        assert run_guarded(cli, [*arguments, *SMALL]) == 0
    return places[0], places[1]


@pytest.fixture
def ask(stages: tuple[Path, Path], run_cli: Any) -> Ask:
    """ask(words…): the JSON the first home answers with."""

    def asked(*words: str, place: int = 0) -> Any:
        result = run_cli(stages[place] / "home", *words, "-o", "json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return asked


@pytest.mark.parametrize("words", QUESTIONS, ids=" ".join)
def test_the_same_seed_gives_the_same_json(
    stages: tuple[Path, Path], run_cli: Any, words: tuple[str, ...]
) -> None:
    answers = [run_cli(place / "home", *words, "-o", "json") for place in stages]
    assert [answer.exit_code for answer in answers] == [0, 0], answers[0].stderr
    assert answers[0].stdout == answers[1].stdout


def test_the_same_seed_gives_the_same_reports(stages: tuple[Path, Path]) -> None:
    once, again = (
        {path.relative_to(place): path.read_bytes() for path in sorted((place / "reports").rglob("*.*"))}
        for place in stages
    )
    assert once.keys() == again.keys()
    assert {path.suffix for path in once} >= {".html", ".xlsx", ".json", ".csv"}
    assert [str(path) for path in once if once[path] != again[path]] == []


def test_the_month_is_closed_and_recomputes(ask: Ask) -> None:
    settled = ask("settle", "show", "2026-10")
    assert settled["state"] == "closed"
    numbers = [statement["number"] for statement in settled["statements"]]
    assert len(numbers) == len(set(numbers))
    assert ask("audit", "verify")["ok"]


def test_machines_cut_in_the_month_have_segments(ask: Ask) -> None:
    settled = ask("settle", "show", "2026-10")
    spans: dict[tuple[str, str, Any], set[str]] = {}
    for statement in settled["statements"]:
        for line in statement["lines"]:
            spans.setdefault((line["vm"], line["item"], line["tier"]), set()).add(line["start"])
    assert any(len(starts) > 1 for starts in spans.values())


def test_units_answered_their_statements_each_in_its_way(ask: Ask) -> None:
    actions = {entry["action"] for entry in ask("audit", "log", "--limit", "100000")}
    assert actions >= {"settle.confirm", "settle.dispute", "settle.uphold", "settle.deem", "settle.approve"}


def test_the_review_went_all_its_ways(ask: Ask) -> None:
    cases = ask("review", "list")
    states = {case["state"] for case in cases}
    assert states >= {"marked", "decided"}
    assert states & {"watching", "done"}
    actions = {entry["action"] for entry in ask("audit", "log", "--limit", "100000")}
    assert actions >= {"review.open", "review.answer", "review.vote", "review.decide", "review.execute"}


def test_a_request_was_granted_in_part_and_handed_over(stages: tuple[Path, Path], ask: Ask) -> None:
    request = ask("request", "show", "1")
    assert request["state"] == "done"
    assert 0 < request["reduction_rate"] < 1
    steps = ["submit", "check", "approve", "execute", "carried_out"]
    assert [event["step"] for event in request["history"]] == steps
    actors = {event["step"]: event["actor"] for event in request["history"]}
    assert len({actors[step] for step in steps[:4]}) == 4, "everybody but one does one thing"
    late = [vm for vm in ask("vm", "list", "--all") if vm["system"] == request["system"]]
    assert {vm["vm"] for vm in late} == set(request["vms"])
    sheet = (stages[0] / "reports" / "requests" / "handover-1.html").read_text()
    assert all(name in sheet for name in request["vms"])
    assert "198.1" in sheet and "2027-12-31" in sheet


def test_gaps_name_their_reasons(ask: Ask) -> None:
    rows = ask("meter", "coverage", "--from", "2026-10-01", "--to", "2026-11-01")
    assert {gap["reason"] for row in rows for gap in row["gaps"]} >= {"host_unreachable", "machine_stuck"}


def test_the_home_says_that_it_is_simulated(ask: Ask) -> None:
    assert ask("pool", "show", "gov")["simulated"] is True


def test_applying_the_homes_inventory_again_has_nothing_to_do(
    stages: tuple[Path, Path], run_cli: Any
) -> None:
    home = stages[0] / "home"
    result = run_cli(home, "inventory", "plan", home / "inventory.yaml", "--check", "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["steps"] == []


def test_an_earlier_demonstration_is_replaced(tmp_path: Path, run_cli: Any) -> None:
    for name in ("home", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "demonstration.json").write_text("{}")
        (tmp_path / name / "old").write_text("of an earlier run")
    arguments = ["--reports", tmp_path / "reports", "--units", "1", "--machines", "3", "-o", "json"]
    result = run_cli(tmp_path / "home", "demo", *arguments)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["machines"] == 3
    assert not (tmp_path / "home" / "old").exists() and not (tmp_path / "reports" / "old").exists()


@pytest.mark.parametrize("guide", ["demo.md", "demo.zh_CN.md"])
def test_the_tours_commands_work(stages: tuple[Path, Path], run_cli: Any, guide: str) -> None:
    block = re.search(r"export CLOUDCTL_HOME.*?```", (DOCS / guide).read_text(), re.DOTALL)
    assert block is not None
    tour = [shlex.split(line)[1:] for line in block.group().splitlines() if line.startswith("cloudctl ")]
    assert len(tour) > 5
    for words in [*tour, *(words.split() for words in NEXT)]:
        result = run_cli(stages[0] / "home", *words)
        assert result.exit_code == 0, (words, result.stderr)
        assert result.stdout or result.stderr


def test_some_cases_are_left_to_vote_on(stages: tuple[Path, Path], ask: Ask, run_cli: Any) -> None:
    cases = [case for case in ask("review", "list") if case["state"] in ("answered", "notified")]
    assert cases


@pytest.mark.parametrize("occupied", ["home", "reports"])
def test_what_is_no_demonstrations_is_left_alone(tmp_path: Path, run_cli: Any, occupied: str) -> None:
    (tmp_path / occupied).mkdir()
    (tmp_path / occupied / "mine.txt").write_text("mine")
    result = run_cli(tmp_path / "home", "demo", "--reports", tmp_path / "reports")
    assert result.exit_code == 5
    assert "not a demonstration's" in result.stderr
    assert (tmp_path / occupied / "mine.txt").read_text() == "mine"
    other = tmp_path / ("reports" if occupied == "home" else "home")
    assert not other.exists()
