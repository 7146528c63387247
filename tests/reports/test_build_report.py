"""Reports built from a settled month: figures that agree with the ledger, who may read what, files written whole."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cloudctl.core.errors import NotFound, Refused, Unreachable, UsageError
from cloudctl.core.quantity import Size
from cloudctl.operations.build_report import ReportRequest, build_report, list_reports
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.read_settlement import read_settlement
from tests.cloudctl.settled_city import City, at, close_month

FORMATS = ("html", "xlsx", "csv", "json")
Run = Callable[..., Any]


@pytest.fixture
def city(ctx: Context, as_person: Callable[..., Context], tmp_path: Path) -> City:
    """October is closed; unit fin has two providers and a resize, unit edu one machine."""
    city = City(ctx, as_person, tmp_path).found()
    city.machine("tax-1", "fin", Size(2, 4096, {"ssd": 100}), at(9, 1))
    city.machine("tax-2", "fin", Size(4, 8192), at(10, 16), pool="pub")
    city.machine("edu-1", "edu", Size(8, 16384), at(9, 1))
    city.tariffs()
    city.resize("tax-1", "fin", Size(4, 4096, {"ssd": 100}), at(10, 11))
    city.samples("tax-1", at(10, 1), at(11, 1), step=3_600_000_000)
    city.until(at(11, 2))
    close_month(city)
    return city


def built(ctx: Context, folder: Path, name: str, **asked: Any) -> dict[str, Path]:
    files = build_report(ctx, ReportRequest(name, **asked), folder)
    return {file.path.name: file.path for file in files}


def test_every_statement_comes_in_every_format(city: City, tmp_path: Path) -> None:
    files = built(city.finance, tmp_path / "out", "statement", period="2026-10", formats=FORMATS)

    stems = ("statement-2026-10-edu", "statement-2026-10-fin", "statement-2026-10-fin-2")
    assert sorted(files) == sorted(f"{stem}.{format_}" for stem in stems for format_ in FORMATS)
    assert all(path.stat().st_size > 500 for path in files.values())
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.endswith(".tmp")]


def test_all_formats_say_what_the_ledger_says(city: City, tmp_path: Path) -> None:
    files = built(city.finance, tmp_path, "statement", period="2026-10", unit="fin", formats=FORMATS)
    ledger = [s for s in read_settlement(city.finance, "2026-10").statements if s.unit == "fin"]

    for statement, stem in zip(ledger, ("statement-2026-10-fin", "statement-2026-10-fin-2"), strict=True):
        document = json.loads(files[f"{stem}.json"].read_text())
        assert document["amount"] == f"{statement.total_fen / 100:.2f}"
        assert [round(float(line["amount"]) * 100) for line in document["lines"]] == [
            line.amount_fen for line in statement.lines
        ]
        rows = list(csv.DictReader(io.StringIO(files[f"{stem}.csv"].read_text("utf-8-sig"))))
        assert [row["amount"] for row in rows] == [line["amount"] for line in document["lines"]]
        book = openpyxl.load_workbook(files[f"{stem}.xlsx"], data_only=True)
        assert any(
            cell.value == statement.total_fen / 100 for row in book.worksheets[0].iter_rows() for cell in row
        )
        assert f"{statement.total_fen / 100:,.2f}" in files[f"{stem}.html"].read_text()


def test_held_and_used_stand_side_by_side(city: City, tmp_path: Path) -> None:
    files = built(city.finance, tmp_path, "statement", period="2026-10", unit="fin", formats=("json",))
    document = json.loads(files["statement-2026-10-fin.json"].read_text())

    (machine,) = document["machines"]
    assert machine["use"]["cpu"]["held"] == pytest.approx((2 * 10 + 4 * 21) / 31)
    assert machine["use"]["cpu"]["mean"] == pytest.approx(0.5)
    assert machine["use"]["cpu"]["coverage"] == pytest.approx(1)
    assert machine["size"] == {"vcpus": 4, "memory_mib": 4096, "storage_gib": {"ssd": 100}}
    assert [signing["act"] for signing in document["signings"]][-2:] == ["approve", "close"]


def test_the_summary_adds_up(city: City, tmp_path: Path) -> None:
    files = built(city.finance, tmp_path, "summary", period="2026-10", formats=FORMATS)
    document = json.loads(files["summary-2026-10.json"].read_text())
    total = read_settlement(city.finance, "2026-10").total_fen

    def fen(rows: list[dict[str, Any]]) -> int:
        return sum(round(float(row["amount"]) * 100) for row in rows)

    assert (
        fen([document])
        == fen(document["units"])
        == fen(document["providers"])
        == fen(document["pools"])
        == total
    )
    assert fen([item["line"] for item in document["lines"]]) == total
    assert {unit["unit"]["code"] for unit in document["units"]} == {"fin", "edu"}
    assert document["seal_hash"]


def test_the_same_ledger_makes_the_same_bytes(city: City, tmp_path: Path) -> None:
    for name in ("statement", "summary", "utilisation"):
        first = built(city.finance, tmp_path / "a", name, period="2026-10", formats=FORMATS)
        again = built(city.finance, tmp_path / "b", name, period="2026-10", formats=FORMATS)
        assert {n: p.read_bytes() for n, p in first.items()} == {n: p.read_bytes() for n, p in again.items()}


def test_utilisation_of_the_cloud_and_of_one_unit(city: City, tmp_path: Path) -> None:
    files = built(city.finance, tmp_path, "utilisation", period="2026-10", formats=FORMATS)
    document = json.loads(files["utilisation-2026-10.json"].read_text())
    assert [machine["vm"] for machine in document["machines"]] == ["edu-1", "tax-1", "tax-2"]
    curve = [value for value in document["curves"]["cpu"]["mean"] if value is not None]
    assert curve == pytest.approx([0.5] * len(curve))

    files = built(city.unit_edu, tmp_path, "utilisation", period="2026-10", formats=("json",))
    document = json.loads(files["utilisation-2026-10-edu.json"].read_text())
    assert [machine["vm"] for machine in document["machines"]] == ["edu-1"]
    assert document["total"]["cpu"]["mean"] is None


def test_what_machines_hold_adds_up_however_long_they_hold_it(city: City, tmp_path: Path) -> None:
    """tax-2 is there for half the month: over the month it holds half its vCPUs."""
    files = built(city.finance, tmp_path, "utilisation", period="2026-10", formats=("json",))
    document = json.loads(files["utilisation-2026-10.json"].read_text())
    held = {machine["vm"]: machine["use"]["cpu"]["held"] for machine in document["machines"]}

    assert held["tax-2"] == pytest.approx(4 * 16 / 31)
    assert sum(held.values()) == pytest.approx(document["total"]["cpu"]["held"])
    for groups in ("units", "systems", "pools"):
        assert sum(g["use"]["cpu"]["held"] for g in document[groups]) == pytest.approx(sum(held.values()))


def test_a_unit_gets_its_own_statements_and_no_others(city: City, tmp_path: Path) -> None:
    assert list(built(city.unit_edu, tmp_path, "statement", period="2026-10")) == [
        "statement-2026-10-edu.html"
    ]
    with pytest.raises(Refused):
        built(city.unit_edu, tmp_path, "statement", period="2026-10", unit="fin")
    with pytest.raises(Refused):
        built(city.unit_edu, tmp_path, "summary", period="2026-10")
    assert not (tmp_path / "statement-2026-10-fin.html").exists()


def test_who_has_no_role_for_it_gets_nothing(
    city: City, as_person: Callable[..., Context], tmp_path: Path
) -> None:
    panelist = as_person(city.ctx, "sun", "panel", unit="edu")
    with pytest.raises(Refused):
        built(panelist, tmp_path, "summary", period="2026-10")
    assert list(built(panelist, tmp_path, "agenda"))
    allowed = {row["report"]: row["is_allowed"] for row in list_reports(panelist)}
    assert allowed == {
        "statement": True,
        "summary": False,
        "utilisation": True,
        "dossier": True,
        "agenda": True,
        "handover": True,
        "requests": True,
    }


def test_wrong_requests_are_refused_with_the_contracts_errors(city: City, tmp_path: Path) -> None:
    for asked in (
        {"name": "statement"},
        {"name": "summary", "period": "2026-10", "unit": "fin"},
        {"name": "dossier"},
        {"name": "agenda", "formats": ("xlsx",)},
        {"name": "summary", "period": "2026-10", "formats": ()},
    ):
        with pytest.raises(UsageError):
            built(city.finance, tmp_path / "out", **asked)
    for asked in (
        {"name": "balance"},
        {"name": "summary", "period": "2026-07"},
        {"name": "statement", "period": "2026-10", "unit": "nobody"},
        {"name": "dossier", "case": 99},
    ):
        with pytest.raises(NotFound):
            built(city.finance, tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_said_and_nothing_is_left(city: City, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Unreachable):
        built(city.finance, blocked / "below", "summary", period="2026-10")


def test_the_command_lists_and_builds(city: City, run_cli: Run, tmp_path: Path) -> None:
    home = city.ctx.home
    listed = json.loads(run_cli(home, "report", "list", "-o", "json", login="zhao").stdout)
    names = ["statement", "summary", "utilisation", "dossier", "agenda", "handover", "requests"]
    assert [row["report"] for row in listed] == names

    result = run_cli(
        home, "report", "build", "summary", "--period", "2026-10", "--format", "html,csv",
        "--output-dir", tmp_path / "made", "-o", "json", login="zhao", lang="zh_CN",
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    files = json.loads(result.stdout)
    assert [Path(row["path"]).name for row in files] == ["summary-2026-10.zh_CN.html", "summary-2026-10.csv"]
    assert "政务云资源使用月度汇总表" in Path(files[0]["path"]).read_text()

    planned = run_cli(
        home, "report", "build", "summary", "--period", "2026-10", "--dry-run",
        "--output-dir", tmp_path / "planned", "-o", "json", login="zhao",
    )  # fmt: skip
    assert [Path(row["path"]).name for row in json.loads(planned.stdout)] == ["summary-2026-10.html"]
    assert not (tmp_path / "planned").exists()

    assert run_cli(home, "report", "build", "summary", login="zhao").exit_code == 2
    assert run_cli(home, "report", "build", "none", login="zhao").exit_code == 4
    assert run_cli(home, "report", "build", "summary", "--period", "2026-10", login="li").exit_code == 5
    assert run_cli(home, "report", "build", "summary", "--period", "October", login="zhao").exit_code in (
        3,
        4,
    )
