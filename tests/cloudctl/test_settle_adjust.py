"""After a month is closed only adjustments speak of it: the line reversed and the right one, in the next open month."""

import json

import pytest

from cloudctl.core.quantity import Size
from cloudctl.operations.settlement.draft_settlement import draft_settlement
from tests.cloudctl.settled_city import City, at, close_month

LINE = "浪潮-2026-0002"


@pytest.fixture
def city(ctx, as_person, tmp_path) -> City:
    city = City(ctx, as_person, tmp_path).found()
    city.machine("edu-1", "edu", Size(8, 16384), at(9, 1))
    city.machine("tax-1", "fin", Size(2, 4096), at(9, 1))
    city.tariffs()
    city.until(at(11, 2))
    close_month(city)
    return city


def adjust(run_cli, city, *args, login="op"):
    return run_cli(
        city.ctx.home, "settle", "adjust", *args, "--reason", "10日已下线", "--yes", "-o", "json", login=login
    )


def adjustments(run_cli, city, period="2026-11"):
    text = run_cli(city.ctx.home, "settle", "show", period, "-o", "json", login="op").stdout
    return [
        (s["unit"], line["kind"], line["corrects"], line["amount"], line["charge_period"])
        for s in json.loads(text)["statements"]
        for line in s["lines"]
        if line["kind"] != "charge"
    ]


def test_a_closed_line_is_reversed_and_put_right_in_the_next_month(city, run_cli):
    done = adjust(run_cli, city, LINE, "--line", "1", "--to", "2026-10-11")
    record = json.loads(done.stdout)
    city.until(at(12, 2))
    draft_settlement(city.operator, "2026-11")

    assert done.exit_code == 0, done.stderr
    assert (record["billed_in"], record["amount_before"], record["amount"]) == ("2026-11", "92.00", "29.68")
    assert adjustments(run_cli, city) == [
        ("fin", "reversal", f"{LINE}/1", "-92.00", "2026-10"),
        ("fin", "correction", f"{LINE}/1", "29.68", "2026-10"),
    ]


def test_the_adjusted_month_and_the_adjusting_one_both_verify(city, run_cli):
    adjust(run_cli, city, LINE, "--line", "1", "--quantity", "1")
    city.until(at(12, 2))
    close_month(city, "2026-11", at(12, 12))

    for period in ("2026-10", "2026-11"):
        result = run_cli(city.ctx.home, "settle", "verify", period, login="op")
        assert result.exit_code == 0, result.stderr


def test_a_line_charged_to_the_wrong_system_moves_to_the_right_unit(city, run_cli):
    assert adjust(run_cli, city, LINE, "--line", "1", "--system", "edu-sys").exit_code == 0
    city.until(at(12, 2))
    draft_settlement(city.operator, "2026-11")

    assert {(unit, kind, amount) for unit, kind, _, amount, _ in adjustments(run_cli, city)} == {
        ("fin", "reversal", "-92.00"),
        ("edu", "correction", "92.00"),
    }


def test_a_line_is_adjusted_once_and_with_a_difference(city, run_cli):
    assert adjust(run_cli, city, LINE, "--line", "1").exit_code == 5
    assert adjust(run_cli, city, LINE, "--line", "1", "--quantity", "0").exit_code == 0
    assert adjust(run_cli, city, LINE, "--line", "1", "--quantity", "1").exit_code == 5


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("浪潮-2026-0009", "--line", "1", "--quantity", "1"), 4),
        ((LINE, "--line", "7", "--quantity", "1"), 4),
        ((LINE, "--line", "1", "--quantity", "-1"), 3),
        ((LINE, "--line", "1", "--quantity", "many"), 3),
        ((LINE, "--line", "1", "--to", "2026-11-10"), 3),
        ((LINE, "--line", "1", "--from", "2026-10-10T00:00"), 3),
        ((LINE, "--line", "1", "--system", "nowhere"), 4),
    ],
)
def test_a_senseless_adjustment_is_refused(city, run_cli, args, code):
    assert adjust(run_cli, city, *args).exit_code == code


def test_a_unit_does_not_adjust_and_an_open_month_is_not_adjusted(city, run_cli):
    assert adjust(run_cli, city, LINE, "--line", "1", "--quantity", "0", login="wang").exit_code == 5
    city.until(at(12, 2))
    draft_settlement(city.operator, "2026-11")
    run_cli(city.ctx.home, "settle", "issue", "2026-11", "--yes", login="op")

    assert adjust(run_cli, city, "浪潮-2026-0003", "--line", "1", "--quantity", "0").exit_code == 5


def test_who_adjusted_does_not_approve(city, run_cli):
    city.as_person(city.ctx, "qian", "finance", "operator")
    assert adjust(run_cli, city, LINE, "--line", "1", "--quantity", "0", login="qian").exit_code == 0
    city.until(at(12, 2))
    draft_settlement(city.operator, "2026-11")
    run_cli(city.ctx.home, "settle", "issue", "2026-11", "--yes", login="op")
    city.until(at(12, 12))

    assert run_cli(city.ctx.home, "settle", "approve", "2026-11", "--yes", login="qian").exit_code == 5
    assert run_cli(city.ctx.home, "settle", "approve", "2026-11", "--yes", login="zhao").exit_code == 0


def test_tables_are_read_in_chinese(city, run_cli):
    home, asked = city.ctx.home, ("--line", "1", "--quantity", "0", "--reason", "已下线", "--yes")
    done = run_cli(home, "settle", "adjust", LINE, *asked, login="op", lang="zh_CN")
    verified = run_cli(home, "settle", "verify", "2026-10", login="op", lang="zh_CN")

    assert "费用所属账期" in done.stdout and "已登记" in done.stderr
    assert "与关账时一致" in verified.stderr
