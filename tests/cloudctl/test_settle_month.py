"""A month from draft to seal through the command line, its refusals on the way, and what it leaves behind."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.outbox import notices
from cloudctl.core.quantity import Size
from cloudctl.operations.settlement.approve_statements import approve_statements
from cloudctl.operations.settlement.draft_settlement import draft_settlement
from tests.cloudctl.settled_city import City, at


@pytest.fixture
def city(ctx, as_person, tmp_path) -> City:
    city = City(ctx, as_person, tmp_path).found()
    city.machine("tax-1", "fin", Size(2, 4096, {"ssd": 100}), at(9, 1))
    city.machine("tax-2", "fin", Size(4, 8192), at(10, 16), pool="pub")
    city.machine("edu-1", "edu", Size(8, 16384), at(9, 1))
    city.tariffs()
    city.resize("tax-1", "fin", Size(4, 4096, {"ssd": 100}), at(10, 11))
    city.samples("tax-1", at(10, 1), at(11, 1), step=3_600_000_000)
    city.until(at(11, 2))
    return city


def shown(run_cli, city, what="2026-10", login="op"):
    result = run_cli(city.ctx.home, "settle", "show", what, "-o", "json", login=login)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def settle(run_cli, city, login, *args):
    return run_cli(city.ctx.home, "settle", *args, "--yes", login=login)


def statement(document, unit, provider="浪潮"):
    return next(s for s in document["statements"] if (s["unit"], s["provider"]) == (unit, provider))


def test_a_resize_gives_two_lines_that_add_up(city, run_cli):
    assert run_cli(city.ctx.home, "settle", "draft", "2026-10", login="op").exit_code == 0
    document = shown(run_cli, city)

    fin = statement(document, "fin")
    cpu = [line for line in fin["lines"] if line["item"] == "vcpu"]
    assert [(line["quantity"], line["start"], line["end"]) for line in cpu] == [
        (2, "2026-10-01T00:00:00+08:00", "2026-10-11T00:00:00+08:00"),
        (4, "2026-10-11T00:00:00+08:00", "2026-11-01T00:00:00+08:00"),
    ]
    # 92.00 × 10/31 and 184.00 × 21/31, each rounded by itself.
    assert [line["amount"] for line in cpu] == ["29.68", "124.65"]
    assert statement(document, "edu")["total"] == "640.00"
    assert Decimal(fin["total"]) == sum(Decimal(line["amount"]) for line in fin["lines"])
    assert Decimal(document["total"]) == sum(Decimal(s["total"]) for s in document["statements"])
    assert document["state"] == "drafted" and document["currency"] == "CNY"
    assert {line["measured_hours"] + line["missing_hours"] for line in cpu} == {240.0, 504.0}
    assert [line["missing_hours"] for line in cpu] == [0.0, 0.0]
    assert {line["measured_hours"] for line in statement(document, "edu")["lines"]} == {0.0}


def test_a_draft_may_be_made_again_and_again(city, run_cli):
    for _ in range(3):
        assert run_cli(city.ctx.home, "settle", "draft", "2026-10", login="op").exit_code == 0
    document = shown(run_cli, city)

    assert len(document["statements"]) == 3
    assert [s["act"] for s in document["signatures"]] == ["draft"] * 3


def test_a_dry_run_changes_nothing(city, run_cli):
    done = run_cli(city.ctx.home, "settle", "draft", "2026-10", "--dry-run", "-o", "json", login="op")

    assert json.loads(done.stdout)["statements"] == 3
    assert shown(run_cli, city)["state"] == "open"


def test_the_whole_month(city, run_cli):
    home = city.ctx.home
    assert run_cli(home, "settle", "draft", "2026-10", login="op").exit_code == 0
    assert settle(run_cli, city, "op", "issue", "2026-10").exit_code == 0
    document = shown(run_cli, city)
    assert [s["number"] for s in document["statements"]] == [
        "浪潮-2026-0001",
        "浪潮-2026-0002",
        "移动-2026-0001",
    ]
    assert {s["deadline"] for s in document["statements"]} == {"2026-11-10T00:00:00+08:00"}
    with city.ctx.reading() as session:
        assert [n.recipient for n in notices(session)] == [
            "edu@example.gov.cn",
            "fin@example.gov.cn",
            "fin@example.gov.cn",
        ]

    # The edu unit stays silent; fin disputes a line of the first, confirms the other.
    fin = statement(document, "fin")["number"]
    assert settle(run_cli, city, "li", "confirm", fin).exit_code == 5
    assert settle(run_cli, city, "wang", "dispute", fin, "--line", "99", "--reason", "x").exit_code == 4
    assert settle(run_cli, city, "wang", "dispute", fin, "--line", "1", "--reason", "早已降配").exit_code == 0
    assert settle(run_cli, city, "wang", "confirm", "移动-2026-0001").exit_code == 0
    assert shown(run_cli, city)["state"] == "disputed"
    assert settle(run_cli, city, "zhao", "approve", "2026-10").exit_code == 5

    # The operator corrects the evidence and drafts it anew: same number, next revision.
    city.retire("tax-1", at(11, 1, 12))
    assert settle(run_cli, city, "op", "resolve", fin, "--correct", "--reason", "已核").exit_code == 0
    again = statement(shown(run_cli, city), "fin")
    assert (again["number"], again["revision"], again["state"]) == (fin, 2, "drafted")
    assert again["disputes"][0]["answer"] == "correct"
    assert settle(run_cli, city, "op", "issue", "2026-10").exit_code == 0
    assert settle(run_cli, city, "wang", "confirm", fin).exit_code == 0

    # Nobody waits for the silent one any longer than the deadline.
    assert settle(run_cli, city, "zhao", "approve", "2026-10").exit_code == 5
    city.until(at(11, 10))
    assert statement(shown(run_cli, city), "edu")["state"] == "deemed"
    assert settle(run_cli, city, "li", "confirm", "浪潮-2026-0001").exit_code == 5
    assert settle(run_cli, city, "zhao", "close", "2026-10").exit_code == 5
    assert settle(run_cli, city, "op", "approve", "2026-10").exit_code == 5
    assert settle(run_cli, city, "zhao", "approve", "2026-10").exit_code == 0
    assert settle(run_cli, city, "zhao", "close", "2026-10").exit_code == 0

    document = shown(run_cli, city)
    assert document["state"] == "closed" and document["seal"]["hash"]
    assert {s["state"] for s in document["statements"]} == {"closed"}
    assert [s["act"] for s in statement(document, "fin")["signatures"]] == [
        *("issue", "dispute", "correct", "issue", "confirm", "approve")
    ]
    assert run_cli(home, "settle", "verify", "2026-10", login="op").exit_code == 0
    assert run_cli(home, "settle", "draft", "2026-10", login="op").exit_code == 5


def test_a_unit_may_name_the_month_where_it_has_one_statement(city, run_cli):
    assert run_cli(city.ctx.home, "settle", "draft", "2026-10", login="op").exit_code == 0
    assert settle(run_cli, city, "li", "confirm", "2026-10").exit_code == 4
    assert settle(run_cli, city, "op", "issue", "2026-10").exit_code == 0

    several = settle(run_cli, city, "wang", "confirm", "2026-10")
    assert several.exit_code == 5 and "浪潮-2026-0002, 移动-2026-0001" in several.stderr
    assert settle(run_cli, city, "li", "confirm", "2026-09").exit_code == 4
    assert settle(run_cli, city, "li", "confirm", "2026-10").exit_code == 0
    assert statement(shown(run_cli, city), "edu")["state"] == "confirmed"


def test_who_prepared_may_not_approve(city):
    both = city.as_person(city.ctx, "qian", "finance", "operator")
    draft_settlement(both, "2026-10")
    issue_and_wait(city)

    with pytest.raises(Refused, match="prepared"):
        approve_statements(both, "2026-10")
    assert len(approve_statements(city.finance, "2026-10")) == 3


def test_who_confirmed_may_not_approve(city):
    from cloudctl.operations.settlement.answer_statement import confirm_statement
    from cloudctl.operations.settlement.issue_statements import issue_statements

    both = city.as_person(city.ctx, "sun", "finance", "unit", unit="edu")
    draft_settlement(city.operator, "2026-10")
    issue_statements(city.operator, "2026-10")
    confirm_statement(both, "浪潮-2026-0001")
    city.until(at(11, 10))

    with pytest.raises(Refused, match="answered"):
        approve_statements(both, "2026-10")


def issue_and_wait(city):
    from cloudctl.operations.settlement.issue_statements import issue_statements

    issue_statements(city.operator, "2026-10")
    city.until(at(11, 10))


def test_an_upheld_dispute_gives_the_unit_its_time_again(city, run_cli):
    draft_settlement(city.operator, "2026-10")
    assert settle(run_cli, city, "op", "issue", "2026-10").exit_code == 0
    city.until(at(11, 4))
    fin = "浪潮-2026-0002"
    assert settle(run_cli, city, "wang", "dispute", fin, "--line", "1", "--reason", "太贵").exit_code == 0
    assert settle(run_cli, city, "op", "resolve", fin, "--uphold", "--reason", "计量无误").exit_code == 0
    found = statement(shown(run_cli, city), "fin")

    assert (found["state"], found["deadline"]) == ("issued", "2026-11-12T00:00:00+08:00")
    assert settle(run_cli, city, "wang", "dispute", fin, "--line", "1", "--reason", "再议").exit_code == 5


def test_a_month_is_not_drafted_before_it_is_over(city, run_cli):
    assert run_cli(city.ctx.home, "settle", "draft", "2026-11", login="op").exit_code == 5
    assert run_cli(city.ctx.home, "settle", "draft", "2026-13", login="op").exit_code == 3
    assert run_cli(city.ctx.home, "settle", "draft", "october", login="op").exit_code == 3


def test_pool_time_without_a_price_is_refused_with_pool_and_dates(city, run_cli):
    city.tariffs(
        'tariffs: [{code: std, pool: [gov], valid_from: 2026-01-01, items: [{item: vcpu, per: month, price: "1"},'
        '{item: storage_gib, tier: ssd, per: month, price: "1"}]},'
        '{code: std, pool: [pub], valid_from: 2026-10-20, items: [{item: vcpu, per: month, price: "1"}]}]'
    )
    refused = run_cli(city.ctx.home, "settle", "draft", "2026-10", login="op")

    assert refused.exit_code == 5
    assert "pub 2026-10-16T00:00:00+08:00 … 2026-10-20T00:00:00+08:00" in refused.stderr
    assert shown(run_cli, city)["state"] == "open"


def test_evidence_that_moved_is_not_sent_and_not_sealed(city, run_cli):
    draft_settlement(city.operator, "2026-10")
    city.samples("edu-1", at(10, 1), at(10, 2))
    assert settle(run_cli, city, "op", "issue", "2026-10").exit_code == 5
    draft_settlement(city.operator, "2026-10")
    assert settle(run_cli, city, "op", "issue", "2026-10").exit_code == 0
    city.samples("edu-1", at(10, 2), at(10, 3))
    city.until(at(11, 10))
    assert settle(run_cli, city, "zhao", "approve", "2026-10").exit_code == 0
    refused = settle(run_cli, city, "zhao", "close", "2026-10")

    assert refused.exit_code == 5 and "浪潮-2026-0001" in refused.stderr


def test_a_unit_sees_its_own_statements_alone(city, run_cli):
    draft_settlement(city.operator, "2026-10")
    document = shown(run_cli, city, login="li")

    assert [s["unit"] for s in document["statements"]] == ["edu"]
    assert document["total"] == "640.00"


def test_lines_are_exported_and_other_formats_refused(city, run_cli, tmp_path):
    draft_settlement(city.operator, "2026-10")
    home = city.ctx.home
    text = run_cli(home, "settle", "export", "2026-10", login="op").stdout
    target = tmp_path / "oct.json"

    assert text.splitlines()[0].startswith("period,number,revision,unit,")
    assert len(text.splitlines()) == 1 + 6 + 2 + 2
    assert run_cli(home, "settle", "export", "2026-10", "--to", target, login="op").exit_code == 0
    assert json.loads(target.read_text())["period"] == "2026-10"
    assert run_cli(home, "settle", "export", "2026-10", "--format", "focus", login="op").exit_code == 2


def test_tables_speak_to_people(city, run_cli):
    draft_settlement(city.operator, "2026-10")
    issue_and_wait(city)
    home = city.ctx.home
    listed = run_cli(home, "settle", "list", login="op", lang="zh_CN")
    one = run_cli(home, "settle", "show", "浪潮-2026-0001", login="op", lang="zh_CN")

    assert "视同确认" in listed.stdout
    assert "内存" in one.stdout and "陆佰肆拾元整" in one.stderr


def test_a_price_change_splits_at_the_sites_midnight_and_an_unchanged_item_stays_whole(city, run_cli):
    city.tariffs(
        "tariffs: [{code: std, pool: [gov, pub], valid_from: 2026-01-01, valid_to: 2026-10-15, items: "
        '[{item: vcpu, per: month, price: "46.00"}, {item: memory_gib, per: month, price: "17.00"}]},'
        "{code: new, pool: [gov, pub], valid_from: 2026-10-15, items: "
        '[{item: vcpu, per: month, price: "50.00"}, {item: memory_gib, per: month, price: "17.00"}]}]'
    )
    draft_settlement(city.operator, "2026-10")
    lines = statement(shown(run_cli, city), "edu")["lines"]

    assert [(x["item"], x["unit_price"], x["start"][:10], x["end"][:10]) for x in lines] == [
        ("vcpu", "46.00", "2026-10-01", "2026-10-15"),
        ("memory_gib", "17.00", "2026-10-01", "2026-11-01"),
        ("vcpu", "50.00", "2026-10-15", "2026-11-01"),
    ]
    assert lines[0]["end"] == "2026-10-15T00:00:00+08:00"


def test_numbers_have_no_gap_over_months(city, run_cli):
    draft_settlement(city.operator, "2026-10")
    issue_and_wait(city)
    city.until(at(12, 1) + timedelta(hours=1))
    draft_settlement(city.operator, "2026-11")
    assert settle(run_cli, city, "op", "issue", "2026-11").exit_code == 0
    numbers = [s["number"] for s in shown(run_cli, city, "2026-11")["statements"]]

    assert numbers == ["浪潮-2026-0003", "浪潮-2026-0004", "移动-2026-0002"]
