"""Case files and the agenda: from frozen evidence to paper, who may read them, and what a secret ballot keeps."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.i18n import Catalogue
from cloudctl.operations.build_report import ReportRequest, build_report
from cloudctl.operations.context import Context
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.show_cases import list_cases
from cloudctl.operations.review.vote_case import vote_case
from policies.panel import Answer, Decision
from tests.cloudctl.reviewed_city import City, at


@pytest.fixture
def city(ctx: Context, as_person: Callable[..., Context]) -> City:
    """Two cases of unit fin and one of unit edu: argued, accepted, and not answered yet."""
    city = City(ctx, as_person).found()
    for name, system in (("tax-1", "tax"), ("tax-2", "tax"), ("exam-1", "exam")):
        city.machine(name, system=system)
        city.october(name, cpu=0.2, memory=0.3)
    ctx.clock.move_to(at(11, 1, 1))  # type: ignore[attr-defined]
    city.open()
    numbers = {row["vm"]: row["case"] for row in list_cases(city.operator)}
    city.ids |= {f"case {name}": number for name, number in numbers.items()}
    notify_cases(city.operator, sorted(numbers.values()))
    answer_case(city.unit_fin, numbers["tax-1"], Answer.ARGUE, "=1+1 peak <b>load</b> in December")
    answer_case(city.unit_fin, numbers["tax-2"], Answer.ACCEPT)
    vote_case(city.panel[0], numbers["tax-1"], Decision.CUT, "a fifth is used")
    return city


def read(ctx: Context, folder: Path, name: str, **asked: Any) -> tuple[dict[str, Any], str]:
    """(the JSON, the page) of a report."""
    files = build_report(ctx, ReportRequest(name, formats=("json", "html"), **asked), folder)
    return json.loads(files[0].path.read_text()), files[1].path.read_text()


def test_the_agenda_holds_what_can_be_voted_on_and_what_was_accepted(city: City, tmp_path: Path) -> None:
    document, page = read(city.panel[0], tmp_path, "agenda")

    assert [case["vm"] for case in document["votes"]] == ["tax-1"]
    assert [case["vm"] for case in document["accepted"]] == ["tax-2"]
    assert document["votes"][0]["recused"] == ["pfin"]
    assert document["votes"][0]["to_vote"] == ["pei", "pip"]
    assert document["votes"][0]["tally"] == {"cut": 1, "keep": 0, "defer": 0}
    assert document["imprint"]["simulated_pools"] == ["lab"]
    assert "Simulated data" in page


def test_silence_brings_a_case_before_the_panel_when_its_time_is_over(city: City, tmp_path: Path) -> None:
    city.ctx.clock.advance(timedelta(days=30))  # type: ignore[attr-defined]
    document, _ = read(city.panel[0], tmp_path, "agenda")
    assert sorted(case["vm"] for case in document["votes"]) == ["exam-1", "tax-1"]


def test_the_case_file_shows_the_frozen_evidence(city: City, tmp_path: Path) -> None:
    document, page = read(city.panel[0], tmp_path, "dossier", case=city.ids["case tax-1"])

    cpu = next(meter for meter in document["meters"] if meter["meter"] == "cpu")
    assert (cpu["is_marked"], cpu["present"], cpu["proposed"]) == (True, 8, 2)
    assert cpu["mean"] == pytest.approx(0.2)
    assert cpu["expected_p95"] == pytest.approx(0.8)
    known = [value for value in cpu["curve"]["mean"] if value is not None]
    assert known == pytest.approx([0.2] * len(known))
    assert len(document["evidence_hash"]) == 64
    assert [step["step"] for step in document["history"]] == ["open", "notify", "answer", "vote"]
    assert page.count('role="img"') == 3
    assert "=1+1 peak &lt;b&gt;load&lt;/b&gt; in December" in page


def test_a_case_file_reads_in_chinese_without_a_word_left_over(city: City, tmp_path: Path) -> None:
    chinese = replace(city.panel[0], texts=Catalogue("zh_CN"))
    _, page = read(chinese, tmp_path, "dossier", case=city.ids["case tax-1"])
    assert "压减建议书" in page
    assert "意见、表决与办理过程" in page
    for english in ("Machine", "Proposal", "utilisation", "Votes", "Signature"):
        assert english not in page


def test_a_secret_ballot_stays_secret_on_paper(city: City, tmp_path: Path) -> None:
    review = city.ctx.settings.review.model_copy(update={"secret_ballot": True})
    settings = city.ctx.settings.model_copy(update={"review": review})
    document, page = read(
        replace(city.panel[1], settings=settings), tmp_path, "dossier", case=city.ids["case tax-1"]
    )

    assert document["ballots"] == []
    assert document["tally"] == {}
    assert document["to_vote"] == []
    assert [step["step"] for step in document["history"]] == ["open", "notify", "answer"]
    assert "a fifth is used" not in page


def test_a_unit_reads_the_files_of_its_own_cases_alone(city: City, tmp_path: Path) -> None:
    document, _ = read(city.unit_fin, tmp_path, "dossier", case=city.ids["case tax-1"])
    assert document["unit"]["code"] == "fin"
    with pytest.raises(Refused):
        read(city.unit_edu, tmp_path, "dossier", case=city.ids["case tax-1"])
    with pytest.raises(Refused):
        read(city.unit_fin, tmp_path, "agenda")
