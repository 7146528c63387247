"""`tariff` on the command line: planned, confirmed, applied; history stays."""

import json

import pytest

from tests.cloudctl.settled_city import STANDARD, City


@pytest.fixture
def city(ctx, as_person, tmp_path) -> City:
    return City(ctx, as_person, tmp_path).found()


def tariff(run_cli, city, *args, login="op"):
    return run_cli(city.ctx.home, "tariff", *args, login=login)


def written(city, text):
    path = city.folder / "tariffs.yaml"
    path.write_text(text)
    return path


def test_a_price_list_is_shown_asked_for_and_applied_once(city, run_cli):
    path = written(city, STANDARD)

    plan = tariff(run_cli, city, "apply", path, "--dry-run", "-o", "json")
    assert json.loads(plan.stdout)[0]["step"] == "add"
    assert tariff(run_cli, city, "apply", path).exit_code == 5
    assert tariff(run_cli, city, "list", "-o", "json").stdout.strip() == "[]"
    assert tariff(run_cli, city, "apply", path, "--yes").exit_code == 0
    again = tariff(run_cli, city, "apply", path, "--yes", "-o", "json")
    assert (again.exit_code, again.stdout.strip()) == (0, "[]")
    assert "nothing to do" in again.stderr


def test_history_is_kept(city, run_cli):
    tariff(run_cli, city, "apply", written(city, STANDARD), "--yes")
    tariff(run_cli, city, "apply", written(city, STANDARD.replace("46.00", "45.00")), "--yes")

    present = json.loads(tariff(run_cli, city, "list", "-o", "json").stdout)
    history = json.loads(tariff(run_cli, city, "list", "--history", "-o", "json").stdout)
    prices = json.loads(tariff(run_cli, city, "show", "std", "-o", "json").stdout)

    assert [(row["version"], row["in_force"]) for row in present] == [(2, True)]
    assert [(row["version"], row["in_force"]) for row in history] == [(1, False), (2, True)]
    assert (prices[0]["item"], prices[0]["price"]) == ("vcpu", "45.00")
    assert history[0]["applied_by"] == "op"


def test_faults_exit_with_three_and_name_the_place(city, run_cli):
    path = written(city, STANDARD.replace("[gov, pub]", "[gov, mars]").replace('"17.00"', "17"))
    refused = tariff(run_cli, city, "apply", path, "--yes")

    assert refused.exit_code == 3
    assert f"{path}:8:" in refused.stderr
    assert tariff(run_cli, city, "show", "std").exit_code == 4


def test_a_unit_applies_no_tariff(city, run_cli):
    assert tariff(run_cli, city, "apply", written(city, STANDARD), "--yes", login="wang").exit_code == 5


def test_tiers_are_shown_with_their_bounds(city, run_cli):
    text = (
        "tariffs: [{code: t, pool: gov, valid_from: 2026-01-01, items: [{item: vcpu, per: hour, tiering: graduated, "
        'tiers: [{to: 10, price: "1"}, {price: "0.5"}]}]}]'
    )
    tariff(run_cli, city, "apply", written(city, text), "--yes")
    rows = json.loads(tariff(run_cli, city, "show", "t", "-o", "json").stdout)

    assert [(row["above"], row["to"], row["price"]) for row in rows] == [
        ("0", "10", "1"),
        ("10", None, "0.5"),
    ]


def test_tables_are_read_in_chinese(city, run_cli):
    path = written(city, STANDARD)
    plan = run_cli(city.ctx.home, "tariff", "apply", path, "--yes", login="op", lang="zh_CN")
    listed = run_cli(city.ctx.home, "tariff", "list", login="op", lang="zh_CN")
    prices = run_cli(city.ctx.home, "tariff", "show", "std", login="op", lang="zh_CN")

    assert "新增" in plan.stdout and "生效日期" in listed.stdout and "内存" in prices.stdout
