"""Migration surveys: their form filled in and taken in, added up, and held against the pools."""

from datetime import date

import pytest

from provisioning.tables import PoolRow
from tests.cloudctl.requests.asking import caller, fill

TAX = ("tax Tax", "Database server", "server", 2, 16, 64, 500, 100, "lab Lab", "ssd", date(2027, 3, 1))
OLD = ("tax Tax", "File server", "storage", None, 2, 4, 2000, None, "lab Lab", None, date(2027, 1, 10))
LAND = ("land Land", "Map server", "server", 9, 32, 20, 100, 200, "lab Lab", "ssd", date(2027, 5, 1))


@pytest.fixture
def call(estate, home, run_cli):
    typed = caller(home, run_cli, "request", "survey")
    return lambda *args, login="olga", **more: typed(login, *args, **more)


@pytest.fixture
def form(call, tmp_path):
    path = tmp_path / "survey.xlsx"
    call("form", path)
    return path


def filled(path, *lines):
    return fill(path, {}, lines, path.with_name(f"filled-{len(lines)}.xlsx"))


def test_a_survey_is_taken_in_added_up_and_forecast(call, form):
    call("import", filled(form, TAX, OLD, LAND), "--yes")

    assert [row["equipment"] for row in call("list", "-o", "json")] == [
        "File server",
        "Database server",
        "Map server",
    ]
    fin, nat = call("totals", "-o", "json")
    assert (fin["unit"], fin["machines"], fin["vcpus"], fin["memory_mib"], fin["storage_gib"]) == (
        "fin",
        3,
        34,
        135168,
        3000,
    )
    assert (fin["bandwidth_mbps"], fin["unknown_bandwidth"]) == (200, 1)
    assert nat["vcpus"] == 288
    lab, pub = call("forecast", "-o", "json")
    # Three hosts of 32 cores promised four times, 64 GiB once, 4000 GiB: 384 vCPUs, 192 GiB, 12000 GiB.
    assert lab["free"] == {
        "vcpus": 384,
        "memory_mib": 196608,
        "storage_gib": 12000,
        "tiers_gib": {"ssd": 12000},
    }
    assert (lab["full_in"], lab["short_of"]) == ("2027-05", ["memory_mib"])
    assert [month["month"] for month in lab["months"]] == ["2027-01", "2027-03", "2027-05"]
    assert (pub["free"], pub["full_in"]) == (None, None)
    assert "2027-05" in call("forecast").stdout


def test_the_same_survey_comes_in_once_and_a_new_one_replaces_it(call, form):
    path = filled(form, TAX, OLD)
    call("import", path, "--dry-run")
    assert call("list", "-o", "json") == []
    call("import", path, "--yes")
    assert "nothing to do" in call("import", path, "--yes").stderr
    call("import", filled(form, TAX), "--yes")
    assert len(call("list", "-o", "json")) == 1


def test_a_unit_surveys_its_own_systems_alone(call, form):
    call("import", filled(form, TAX, LAND), "--yes", login="wang", code=5)
    assert call("list", "-o", "json") == []
    call("import", filled(form, TAX), "--yes", login="wang")
    assert len(call("list", "-o", "json", login="wang")) == 1


def test_every_fault_is_named_and_nothing_kept(call, form):
    bad = ("nope Nope", 7, "thing", 0, "many", 64, 500, None, "mars Mars", None, "soon")
    told = call("import", filled(form, TAX, bad), "--yes", code=3).stderr

    for cell in ("A3", "B3", "C3", "D3", "E3", "I3", "K3"):
        assert f"Equipment before the cloud!{cell}" in told
    assert call("list", "-o", "json") == []
    call("import", form, "--yes", code=3)


def test_a_system_in_two_forms_at_once_is_told(call, form):
    one, other = filled(form, TAX), filled(form, OLD, LAND)
    told = call("import", one, other, "--yes", code=3).stderr

    assert "filled-2.xlsx:Equipment before the cloud!A2: System “tax” stands in" in told
    assert "land" not in told
    assert call("list", "-o", "json") == []


def test_a_line_twice_is_told_and_lines_of_the_same_name_are_not(call, form):
    told = call("import", filled(form, TAX, OLD, TAX), "--yes", code=3).stderr
    assert "!B4: Row 2 says the same" in told
    assert told.count("says the same") == 1
    call("import", filled(form, TAX, (*TAX[:4], 8, *TAX[5:])), "--yes")


def test_a_name_that_fills_pages_is_told(call, form):
    told = call("import", filled(form, ("tax Tax", "x" * 501, *TAX[2:])), "--yes", code=3).stderr
    assert "!B2: Here a text of at most 500 characters" in told


def test_a_tier_that_the_planned_pool_does_not_have_is_told(call, form, ctx):
    with ctx.writing() as session:
        session.query(PoolRow).filter_by(code="lab").one().options = {"tiers": {"ssd": "default"}}
    told = call("import", filled(form, TAX, (*TAX[:9], "tape", TAX[10])), "--yes", code=3).stderr
    assert "Equipment before the cloud!J3: Pool lab has no tier “tape”." in told
    assert told.count("!J") == 1
