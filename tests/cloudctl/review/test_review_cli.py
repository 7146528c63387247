"""`cloudctl review` and `cloudctl exemption` end to end: formats, exit codes, dry runs, from open to done and back."""

import json
from datetime import timedelta

import pytest

from cloudctl.core.clock import parse_instant
from tests.cloudctl.reviewed_city import City, at


@pytest.fixture
def city(ctx, as_person):
    city = City(ctx, as_person).found()
    for name, use in (("low", {"cpu": 0.2, "memory": 0.3}), ("bursty", {"cpu": [0.02] * 49 + [1.0]})):
        city.machine(name)
        city.october(name, **use)
    ctx.clock.move_to(at(11, 2))
    return city


@pytest.fixture
def call(city, home, run_cli):
    """call(login, "review", …): stdout as JSON where asked for; AssertionError unless the exit code is as expected."""

    def run(login, *args, code=0):
        result = run_cli(home, *args, login=login)
        assert result.exit_code == code, result.stderr
        return json.loads(result.stdout) if "json" in args and code == 0 else result

    return run


@pytest.fixture
def case(call):
    opened = call("olga", "review", "open", "--window-end", "2026-11-01", "-o", "json")
    return next(row["case"] for row in opened if row["vm"] == "low")


def listed(call, number):
    return next(row for row in call("olga", "review", "list", "-o", "json") if row["case"] == number)


def decided(call, case):
    call("olga", "review", "notify", case, "--yes")
    call("wang", "review", "answer", case, "--argue", "Year-end load", "--yes")
    for login in ("pan", "pei", "pip"):
        call(login, "review", "vote", case, "cut", "--reason", "Half unused", "--yes")
    call("olga", "review", "decide", case, "--yes")


def watched(call, city, case):
    decided(call, case)
    call("olga", "review", "schedule", case, "--yes")
    city.ctx.clock.move_to(at(11, 7, 22))
    call("otto", "review", "execute", case, "--yes")


def test_the_list_is_as_the_contract_says(call, case):
    row = listed(call, case)

    assert set(row) >= {
        "case",
        "vm",
        "unit",
        "system",
        "kind",
        "meters",
        "state",
        "from",
        "to",
        "monthly_saving",
        "currency",
    }
    assert (row["vm"], row["unit"], row["system"], row["kind"]) == ("low", "fin", "tax", "downsize")
    assert (row["meters"], row["state"]) == (["cpu", "memory"], "marked")
    assert row["from"] == {"vcpus": 8, "memory_mib": 16384, "storage_gib": {"ssd": 100}}
    assert row["to"] == {"vcpus": 2, "memory_mib": 6144, "storage_gib": {"ssd": 100}}
    assert (row["monthly_saving"], row["currency"]) == ("446.00", "CNY")
    assert row["window_end"] == "2026-11-01T00:00:00+08:00"


def test_tables_speak_both_languages(call, case, run_cli, home):
    english = call("olga", "review", "list")
    chinese = run_cli(home, "review", "list", login="olga", lang="zh_CN")

    assert "bursty: keep" in english.stdout and "8 vCPU, 16 GiB, ssd 100 GiB" in english.stdout
    assert "负载突发：保留" in chinese.stdout and "建议规格" in chinese.stdout
    for lang in ("en", "zh_CN"):
        shown = run_cli(home, "review", "show", case, login="olga", lang=lang)
        assert shown.exit_code == 0 and "20.00%" in shown.stdout


def test_opening_again_and_dry_runs_change_nothing(call, city, home, run_cli):
    planned = call("olga", "review", "open", "--window-end", "2026-11-01", "--dry-run", "-o", "json")
    assert [row["case"] for row in planned] == [None, None]
    assert call("olga", "review", "list", "-o", "json") == []
    first = call("olga", "review", "open", "--from", "2026-10-02", "--to", "2026-11-01", "-o", "json")
    again = call("olga", "review", "open", "--until", "2026-11-01", "-o", "json")

    assert len(first) == 2 and again == []
    case = first[0]["case"]
    call("olga", "review", "notify", case, "--dry-run")
    assert listed(call, case)["state"] == first[0]["state"]


def test_from_open_to_done_with_a_recusal(call, city, case):
    call("olga", "review", "notify", "--all", "--yes")
    call("wang", "review", "answer", case, "--argue", "Year-end load", "--yes")
    recused = call("pfin", "review", "vote", case, "keep", "--reason", "Ours", "--yes", code=5)
    assert "recused" in recused.stderr
    call("pan", "review", "vote", case, "cut", "--reason", "Unused", "--yes")
    twice = call("pan", "review", "vote", case, "cut", "--reason", "Unused", "--yes", code=5)
    assert "voted" in twice.stderr
    assert "quorum" in call("olga", "review", "decide", case, "--yes", code=5).stderr
    for login in ("pei", "pip"):
        call(login, "review", "vote", case, "cut", "--reason", "Unused", "--yes")
    call("olga", "review", "decide", "--all", "--yes")
    call("olga", "review", "schedule", case, "--yes")
    city.ctx.clock.move_to(at(11, 7, 22))
    assert "somebody else" in call("olga", "review", "execute", case, "--yes", code=5).stderr
    plan = call("otto", "review", "execute", case, "--dry-run", "-o", "json")
    assert [(step["kind"], step["after"]["vcpus"]) for step in plan] == [("resize", 2)]
    call("otto", "review", "execute", case, "--yes")
    executed = parse_instant(call("olga", "review", "show", case, "-o", "json")["executed_at"])
    city.use("low", executed, executed + timedelta(days=14), cpu=0.7)
    city.ctx.clock.move_to(executed + timedelta(days=14))

    (foreseen,) = call("olga", "review", "watch", "--all", "--dry-run", "-o", "json")
    assert (foreseen["verdict"], call("olga", "review", "show", case, "-o", "json")["state"]) == (
        "fine",
        "watching",
    )
    (seen,) = call("olga", "review", "watch", "--all", "-o", "json")

    assert (seen["verdict"], seen["state"]) == ("fine", "done")
    shown = call("olga", "review", "show", case, "-o", "json")
    steps = [event["step"] for event in shown["history"]]
    assert steps == [
        *("open", "notify", "answer", "vote", "vote", "vote", "decide", "schedule"),
        *("execute", "carried_out", "finish"),
    ]
    assert shown["savings"][0]["end"] is None
    assert call("olga", "audit", "verify", "-o", "json")["ok"]


def test_from_open_to_rolled_back(call, city, case):
    watched(call, city, case)
    executed = parse_instant(call("olga", "review", "show", case, "-o", "json")["executed_at"])
    city.use("low", executed, executed + timedelta(days=1), cpu=0.95)
    city.ctx.clock.move_to(executed + timedelta(days=1))
    (seen,) = call("olga", "review", "watch", case, "-o", "json")
    assert seen["verdict"] == "roll_back" and listed(call, case)["rollback_proposed"]

    call("otto", "review", "rollback", case, "--reason", "Too slow", "--yes")

    shown = call("olga", "review", "show", case, "-o", "json")
    assert shown["state"] == "rolled_back" and shown["savings"][0]["end"] == shown["rolled_back_at"]
    vm = next(row for row in call("olga", "vm", "list", "-o", "json") if row["vm"] == "low")
    assert (vm["vcpus"], vm["memory_mib"]) == (8, 16384)


def test_decisions_without_a_terminal_need_yes(call, case):
    for login, *args in (
        ("olga", "notify", case),
        ("olga", "notify", "--all"),
    ):
        assert "--yes" in call(login, "review", *args, code=5).stderr

    assert listed(call, case)["state"] == "marked"


def test_wrong_calls_say_what_is_wrong(call, case):
    call("olga", "review", "show", 999, code=4)
    call("olga", "review", "notify", code=2)
    call("olga", "review", "notify", case, "--all", code=2)
    call("wang", "review", "answer", case, code=2)
    call("wang", "review", "answer", case, "--accept", "--argue", "x", code=2)
    call("pan", "review", "vote", case, "maybe", "--reason", "x", code=2)
    call("olga", "review", "list", "--unit", "nowhere", code=4)
    call("olga", "review", "open", "--window-end", "yesterday", code=3)
    call("olga", "review", "open", "--window-end", "2026-12-01", code=5)
    call("olga", "review", "open", "--to", "2026-11-01", "--window-end", "2026-11-01", code=2)
    call("wang", "review", "open", code=5)
    call("olga", "review", "schedule", case, "--yes", code=5)


def test_appeal_on_the_command_line(call, case):
    decided(call, case)
    call("li", "review", "appeal", case, "--reason", "Not ours", "--yes", code=5)
    call("wang", "review", "appeal", case, "--reason", "New load", "--yes")

    assert listed(call, case)["state"] == "appealed"


def test_exemptions_are_added_listed_and_ended(call, city):
    added = ("exemption", "add", "low", "--kind", "standby", "--owner", "wang", "--reason", "Second of two")
    call("olga", *added, "--until", "2026-11-01", "--yes", code=5)
    call("olga", *added, "--until", "2027-01-01", "--dry-run")
    assert call("olga", "exemption", "list", "-o", "json") == []
    call("olga", *added, "--until", "2027-01-01", "--yes")
    call("olga", *added, "--until", "2027-01-01", "--yes", code=5)
    call(
        "olga",
        "exemption",
        "add",
        "ghost",
        "--owner",
        "wang",
        "--reason",
        "x",
        "--until",
        "2027-01-01",
        code=4,
    )
    call("wang", *added, "--until", "2027-01-01", "--yes", code=5)
    (row,) = call("olga", "exemption", "list", "-o", "json")
    opened = call("olga", "review", "open", "--window-end", "2026-11-01", "-o", "json")
    call("olga", "exemption", "end", row["exemption"], "--yes")

    assert (row["vm"], row["kind"], row["owner"], row["end"]) == (
        "low",
        "standby",
        "wang",
        "2027-01-01T00:00:00+08:00",
    )
    assert {case["vm"]: case["state"] for case in opened} == {"bursty": "decided", "low": "exempt"}
    assert call("olga", "exemption", "list", "-o", "json") == []
    call("olga", "exemption", "end", row["exemption"], "--yes", code=5)


def test_the_rule_is_changed_by_two_people(call, city, as_person, tmp_path):
    as_person(city.ctx, "shi", "secadmin")
    document = call("shi", "review", "rule", "show", "-o", "json")["rule"]
    strict = tmp_path / "strict.yaml"
    strict.write_text(
        json.dumps(document | {"valid_from": "2026-10-15", "mark": document["mark"] | {"mean_below": "0.70"}})
    )
    broken = tmp_path / "broken.yaml"
    broken.write_text(json.dumps(document | {"mark": {"mean_below": 0.7, "window_days": 0}, "extra": 1}))

    wrong = call("shi", "review", "rule", "propose", broken, "--yes", code=3)
    assert wrong.stderr.count(f"{broken}:1:") >= 4
    call("olga", "review", "rule", "propose", strict, "--yes", code=5)
    call("shi", "review", "rule", "propose", strict, "--dry-run")
    assert len(call("shi", "review", "rule", "list", "-o", "json")) == 1
    call("shi", "review", "rule", "propose", strict, "--yes")
    call("shi", "review", "rule", "approve", 2, "--yes", code=5)
    states = [row["state"] for row in call("shi", "review", "rule", "list", "-o", "json")]
    call("pan", "review", "rule", "approve", 2, "--yes")
    call("pei", "review", "rule", "approve", 2, "--yes", code=5)

    assert states == ["in_force", "proposed"]
    assert [row["state"] for row in call("pan", "review", "rule", "list", "-o", "json")] == [
        "approved",
        "in_force",
    ]
    october = call("olga", "review", "open", "--window-end", "2026-11-01", "-o", "json")
    assert {row["rule_version"] for row in october} == {2}
    low = next(row for row in october if row["vm"] == "low")
    # At 60 % memory and storage were fine by version 1.
    assert low["meters"] == ["cpu", "memory", "storage"]


def test_a_secret_ballot_shows_counts_alone_and_only_when_decided(call, case, home):
    (home / "cloudctl.toml").write_text('[clock]\nmode = "driven"\n[review]\nsecret_ballot = true\n')
    call("olga", "review", "notify", case, "--yes")
    call("wang", "review", "answer", case, "--argue", "No", "--yes")
    for login in ("pan", "pei", "pip"):
        call(login, "review", "vote", case, "keep", "--reason", "So I think", "--yes")
    before = call("olga", "review", "show", case, "-o", "json")["votes"]
    call("olga", "review", "decide", case, "--yes")
    after = call("olga", "review", "show", case, "-o", "json")

    assert (before["cast"], before["counts"], before["ballots"]) == (3, None, [])
    assert after["votes"]["counts"]["keep"] == 3 and after["votes"]["ballots"] == []
    assert "vote" not in [event["step"] for event in after["history"]]


def test_every_home_has_the_packaged_rule_and_a_rule_in_force_is_never_changed(ctx, call):
    from sqlalchemy.exc import DBAPIError

    from policies.rule import packaged_rule

    assert call("olga", "review", "rule", "show", "1", "-o", "json")["rule"] == packaged_rule().as_json()
    for change in ("UPDATE review_rule SET hash = ''", "DELETE FROM review_rule"):
        with pytest.raises(DBAPIError), ctx.writing() as session:
            session.connection().exec_driver_sql(change)
