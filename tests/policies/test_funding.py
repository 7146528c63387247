"""Budgets against statements, the funding-hold list and who decides on it, savings prorated since execution."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from cloudctl.core.quantity import Size
from metering.tariffs import Basis, Item, Per, PriceBook, Rate, Step, Tariff
from policies.funding.savings import savings
from policies.funding.store import holds_in_force
from policies.tables import CaseRow, SavingRow
from tests.cloudctl.settled_city import City, at, close_month

ZONE = ZoneInfo("Asia/Shanghai")
BUDGETS = """\
budgets:
  - {year: 2026, unit: fin, kind: cloud, amount: "1000.00"}
  - {year: 2026, unit: fin, kind: extranet, amount: "300.00"}
  - {year: 2026, unit: edu, kind: cloud, amount: "500.00"}
"""


@pytest.fixture
def city(ctx, as_person, tmp_path) -> City:
    city = City(ctx, as_person, tmp_path).found()
    city.machine("tax-1", "fin", Size(2, 4096), at(9, 1))
    city.tariffs()
    return city


def budget(run_cli, city, *args, login="zhao"):
    return run_cli(city.ctx.home, "budget", *args, login=login)


def hold(run_cli, city, *args, login="zhao"):
    return run_cli(city.ctx.home, "hold", *args, "-o", "json", login=login)


def applied(run_cli, city, text=BUDGETS, login="zhao"):
    path = city.folder / "budgets.yaml"
    path.write_text(text)
    return budget(run_cli, city, "apply", path, "--yes", "-o", "json", login=login)


def test_budgets_are_finances_to_set(city, run_cli):
    assert applied(run_cli, city, login="op").exit_code == 5
    done = applied(run_cli, city)
    changed = applied(run_cli, city, BUDGETS.replace("500.00", "600.00"))

    assert done.exit_code == 0 and len(json.loads(done.stdout)) == 3
    assert [(row["unit"], row["before"], row["after"]) for row in json.loads(changed.stdout)] == [
        ("edu", "500.00", "600.00")
    ]
    assert json.loads(applied(run_cli, city, BUDGETS.replace("500.00", "600.00")).stdout) == []


def test_every_fault_of_a_budget_file_is_named(city, run_cli):
    text = (
        BUDGETS.replace("unit: edu", "unit: mars")
        .replace('"300.00"', "300.00")
        .replace("kind: cloud", "kind: tea")
    )
    refused = applied(run_cli, city, text)
    twice = applied(run_cli, city, BUDGETS + BUDGETS.split("\n", 1)[1])

    assert refused.exit_code == 3 and refused.stderr.count("budgets.yaml:") >= 3
    assert twice.exit_code == 3 and "budgets.yaml:5:5" in twice.stderr


def test_a_budget_is_read_against_what_was_settled(city, run_cli):
    applied(run_cli, city)
    city.until(at(11, 2))
    close_month(city)
    city.until(at(12, 1))
    run_cli(city.ctx.home, "settle", "draft", "2026-11", login="op")
    rows = json.loads(budget(run_cli, city, "list", "--year", "2026", "-o", "json").stdout)
    own = json.loads(budget(run_cli, city, "list", "-o", "json", login="li").stdout)

    figures = {(r["unit"], r["kind"]): (r["settled"], r["running"], r["left"]) for r in rows}
    assert figures[("fin", "cloud")] == ("160.00", "160.00", "680.00")
    assert figures[("fin", "extranet")] == (None, None, None)
    assert {row["unit"] for row in own} == {"edu"}


def test_the_operator_proposes_and_finance_decides(city, run_cli):
    args = ("place", "fin", "--ground", "aged_equipment", "--reason", "2009年购置", "--yes")
    proposed = json.loads(hold(run_cli, city, *args, login="op").stdout)
    with city.ctx.reading() as session:
        assert holds_in_force(session, "fin") == []
    placed = json.loads(hold(run_cli, city, *args).stdout)
    city.until(at(11, 2))
    run_cli(city.ctx.home, "settle", "draft", "2026-10", login="op")
    shown = json.loads(run_cli(city.ctx.home, "settle", "show", "2026-10", "-o", "json", login="op").stdout)

    assert (proposed["state"], proposed["proposed_by"], proposed["placed_by"]) == ("proposed", "op", None)
    assert (placed["hold"], placed["state"], placed["placed_by"]) == (proposed["hold"], "placed", "zhao")
    assert [h["ground"] for h in shown["statements"][0]["holds"]] == ["aged_equipment"]
    assert hold(run_cli, city, *args).exit_code == 5

    lift = ("lift", "1", "--reason", "已更新", "--yes")
    assert hold(run_cli, city, *lift, login="op").exit_code == 5
    assert hold(run_cli, city, *lift).exit_code == 0
    assert hold(run_cli, city, *lift).exit_code == 5
    assert json.loads(hold(run_cli, city, "list").stdout) == []
    assert len(json.loads(hold(run_cli, city, "list", "--history").stdout)) == 1


def test_a_dry_run_of_a_hold_keeps_nothing(city, run_cli):
    args = ("place", "fin", "--ground", "not_on_cloud", "--reason", "x", "--dry-run")

    assert json.loads(hold(run_cli, city, *args).stdout)["state"] == "placed"
    assert json.loads(hold(run_cli, city, "list", "--history").stdout) == []
    assert hold(run_cli, city, "place", "mars", "--ground", "not_on_cloud", "--reason", "x").exit_code == 4


def test_tables_are_read_in_chinese(city, run_cli):
    home = city.ctx.home
    args = ("--ground", "not_adapted", "--reason", "逾期", "--yes")
    placed = run_cli(home, "hold", "place", "fin", *args, login="zhao", lang="zh_CN")
    listed = run_cli(home, "hold", "list", login="zhao", lang="zh_CN")
    applied(run_cli, city)
    budgets = run_cli(home, "budget", "list", login="zhao", lang="zh_CN")

    assert (
        "提出人" in placed.stdout
        and "执行中" in placed.stdout
        and "系统未按期改造" in listed.stdout
        and "云资源使用" in budgets.stdout
    )


def rate(item: Item, price: str) -> Rate:
    return Rate(item, None, Per.MONTH, Basis.HELD, (Step(None, Decimal(price)),))


def test_a_saving_is_the_price_difference_since_execution(city):
    book = PriceBook(
        [
            Tariff(
                "std", ("gov",), date(2026, 1, 1), None, (rate(Item.VCPU, "46"), rate(Item.MEMORY_GIB, "17"))
            )
        ],
        ZONE,
    )
    with city.ctx.writing() as session:
        ids = (city.ids["tax-1"], city.ids["fin-sys"], city.ids["fin"], city.ids["gov"])
        session.add(a_case(*ids))
        session.flush()
        for to_size, start, end in (
            (Size(1, 2048).as_json(), at(10, 16), None),
            (Size(1, 2048).as_json(), at(9, 1), at(10, 2)),
            (Size(1, 2048).as_json(), at(11, 1), None),
        ):
            session.add(
                SavingRow(
                    case_id=1,
                    vm_id=ids[0],
                    pool_id=ids[3],
                    unit_id=ids[2],
                    from_size=Size(2, 4096).as_json(),
                    to_size=to_size,
                    start=start,
                    end=end,
                )
            )
    with city.ctx.reading() as session:
        found = savings(session, book, at(10, 1), at(11, 1))

    # 80.00 a month: 1 day of 31 until it was rolled back, and 16 days of 31.
    assert [(row.start, row.end, row.monthly_fen, row.amount_fen) for row in found] == [
        (at(10, 1), at(10, 2), 8000, 258),
        (at(10, 16), at(11, 1), 8000, 4129),
    ]


def a_case(vm: int, system: int, unit: int, pool: int) -> CaseRow:
    now = datetime(2026, 9, 1, tzinfo=UTC)
    return CaseRow(
        id=1,
        vm_id=vm,
        system_id=system,
        unit_id=unit,
        pool_id=pool,
        window_start=now,
        window_end=now,
        rule_version=1,
        kind="downsize",
        meters=[],
        state="done",
        from_size={},
        opened_by="x",
        opened_at=now,
        round=1,
    )
