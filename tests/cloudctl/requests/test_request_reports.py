"""What a unit is handed when its request is carried out, and what a year's requests came to, in every format."""

import json
from datetime import date, timedelta

import openpyxl
import pytest

from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from policies.requests.tables import RequestRow
from tests.cloudctl.requests.asking import caller, fill
from tests.cloudctl.reviewed_city import TARIFFS
from tests.provisioning.estate import build_estate
from tests.reports.test_hostile_names import HOSTILE

NEW = [
    "--purpose",
    "<b>Filing</b>",
    "--load",
    "200 users",
    "--needed-by",
    "2026-12-01",
    "--until",
    "2027-12-31",
]


@pytest.fixture
def call(ctx, as_person, home, run_cli):
    build_estate(ctx)
    for login, roles, unit in (
        ("olga", ["operator"], "nat"),
        ("wang", ["unit"], "fin"),
        ("nan", ["unit"], "nat"),
        ("pan", ["panel"], None),
        ("zhao", ["finance"], None),
    ):
        as_person(ctx, login, *roles, unit=unit)
    with ctx.writing() as session:
        session.query(UnitRow).filter_by(code="nat").one().contact = "hotline 0371-12345"
    path = ctx.home / "tariffs.yaml"
    path.write_text(TARIFFS)
    apply_tariffs(as_person(ctx, "zhao"), path)

    return caller(home, run_cli)


@pytest.fixture
def granted(call):
    machine = "web,count=2,pool=lab,vcpus=4,memory-gib=8,storage=ssd:100"
    call("wang", "request", "submit", "new", "--system", "tax", *NEW, "--machine", machine, "--yes")
    call("olga", "request", "check", 1, "--yes")
    call("pan", "request", "approve", 1, "--grant", "web,vcpus=2", "--reason", "Half will do", "--yes")


@pytest.fixture
def done(call, ctx, granted):
    ctx.clock.advance(timedelta(hours=2))
    call("olga", "request", "execute", 1, "--yes")


def test_there_is_nothing_to_hand_over_before(call, granted, tmp_path):
    call("olga", "report", "build", "handover", "--request", 1, "--output-dir", tmp_path, code=5)
    call("olga", "report", "build", "handover", "--request", 9, "--output-dir", tmp_path, code=4)
    call("olga", "report", "build", "handover", "--output-dir", tmp_path, code=2)


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_the_unit_is_handed_its_machines(call, done, tmp_path, lang):
    formats = ["--format", "html,xlsx,json", "--output-dir", tmp_path]
    call("wang", "report", "build", "handover", "--request", 1, *formats, lang=lang)
    stem = "handover-1" if lang == "en" else "handover-1.zh_CN"
    page = (tmp_path / f"{stem}.html").read_text()
    sheet = openpyxl.load_workbook(tmp_path / f"{stem}.xlsx", data_only=True).worksheets[0]
    texts = {str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None}
    figures = json.loads((tmp_path / "handover-1.json").read_text())

    assert "<b>Filing" not in page
    for word in (
        "web-1",
        "web-2",
        "596.00",
        "2027-12-31",
        "Half will do",
        "hotline 0371-12345",
        "资源交付单" if lang == "zh_CN" else "Handover sheet",
    ):
        assert word in page
    assert {"web-1", "web-2"} <= texts
    assert [machine["monthly"] for machine in figures["machines"]] == ["298.00", "298.00"]
    assert figures["machines"][0]["size"]["vcpus"] == 2
    for machine in figures["machines"]:
        (address,) = machine["addresses"]
        assert address.startswith(("198.18.", "198.19.")), "from the range that is nobody's"
        assert address in page and address in texts


def test_what_is_retired_is_given_back_by_its_unit(call, ctx, done, tmp_path):
    call("wang", "request", "submit", "retire", "--system", "tax", *NEW[:-2], "--machine", "web-1", "--yes")
    call("olga", "request", "check", 2, "--yes")
    call("pan", "request", "approve", 2, "--yes")
    call("olga", "request", "execute", 2, "--yes")
    with ctx.reading() as session:
        unit = session.query(UnitRow).filter_by(code="fin").one().name
    for number, words in ((1, "Machines handed over"), (2, "Machines given back")):
        call("wang", "report", "build", "handover", "--request", number, "--output-dir", tmp_path)
        page = (tmp_path / f"handover-{number}.html").read_text()
        assert words in page
        signed = page.partition("Handed over by")[2].partition("Received by")[0]
        assert (unit in signed) is (number == 2)


def test_a_long_purpose_is_whole_on_the_sheet(call, ctx, done, tmp_path):
    with ctx.writing() as session:
        session.query(RequestRow).one().purpose = "年末申报" * 60 + "\n第二段\n第三段"
    call("wang", "report", "build", "handover", "--request", 1, "--format", "xlsx", "--output-dir", tmp_path)
    sheet = openpyxl.load_workbook(tmp_path / "handover-1.xlsx").worksheets[0]
    (row,) = [cell.row for line in sheet.iter_rows() for cell in line if "第三段" in str(cell.value)]
    # 240 characters take more than three lines of some 80, and two more follow.
    assert sheet.row_dimensions[row].height > 5 * 14
    assert not sheet.row_dimensions[row + 1].height


def test_a_unit_reads_its_own_sheet_alone(call, done, tmp_path):
    call("nan", "report", "build", "handover", "--request", 1, "--output-dir", tmp_path, code=5)
    call("wang", "report", "build", "requests", "--year", 2026, "--output-dir", tmp_path, code=5)
    assert list(tmp_path.glob("handover*")) == []


def test_from_the_empty_form_to_the_handover_sheet(call, ctx, tmp_path):
    path = tmp_path / "form.xlsx"
    call("wang", "request", "form", path)
    head = {4: "new", 5: "tax Tax", 6: "Filing", 7: 2, 8: "200 users", 9: date(2026, 12, 1)}
    fill(path, head, [("app", 2, "lab Lab", 4, 8, "ssd", 100)])
    call("wang", "request", "import", path, "--yes")
    call("olga", "request", "check", 1, "--yes")
    call("pan", "request", "approve", 1, "--grant", "app,count=1", "--reason", "One will do", "--yes")
    call("olga", "request", "execute", 1, "--yes")
    (machine,) = call("wang", "vm", "list", "-o", "json")
    call("wang", "report", "build", "handover", "--request", 1, "--output-dir", tmp_path)

    assert (machine["vm"], machine["vcpus"], machine["state"]) == ("app-1", 4, "active")
    assert "app-1" in (tmp_path / "handover-1.html").read_text()


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_a_name_says_it_stays_text(call, ctx, done, tmp_path, name):
    with ctx.writing() as session:
        session.query(UnitRow).filter_by(code="fin").one().name = name
        session.query(SystemRow).filter_by(code="tax").one().name = name
    formats = ["--format", "html,xlsx", "--output-dir", tmp_path]
    call("olga", "report", "build", "handover", "--request", 1, *formats)
    call("olga", "request", "form", tmp_path / "form.xlsx")

    assert "<script>" not in (tmp_path / "handover-1.html").read_text()
    for file in ("handover-1.xlsx", "form.xlsx"):
        book = openpyxl.load_workbook(tmp_path / file)
        texts = [cell for sheet in book.worksheets for row in sheet.iter_rows() for cell in row]
        assert not [cell.value for cell in texts if cell.data_type == "f" and "SUM" not in str(cell.value)]


def test_a_year_on_paper(call, done, tmp_path):
    formats = ["--format", "html,xlsx,json", "--output-dir", tmp_path]
    call("pan", "report", "build", "requests", "--year", 2026, *formats)
    page = (tmp_path / "requests-2026.html").read_text()
    figures = json.loads((tmp_path / "requests-2026.json").read_text())

    assert "23.59%" in page
    header = openpyxl.load_workbook(tmp_path / "requests-2026.xlsx").worksheets[0].oddHeader.right
    assert (header.text.strip(), header.size) == ("1 unit(s)", 8)
    assert (figures["total"]["asked_size"]["vcpus"], figures["total"]["granted_size"]["vcpus"]) == (8, 4)
    assert (figures["total"]["asked"], figures["total"]["cut"]) == ("780.00", "184.00")
    assert [unit["unit"]["code"] for unit in figures["units"]] == ["fin"]
    call("pan", "report", "build", "requests", "--year", 2020, *formats)
    assert json.loads((tmp_path / "requests-2020.json").read_text())["total"] is None
