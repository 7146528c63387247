"""The estate on the command line: plan, apply, show, export, the lists, and people's roles."""

import json
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "inventory.yaml"
SMALL = """version: 1
site: {name: 示例市, timezone: Asia/Shanghai, currency: CNY, language: en}
units: [{code: fin, name: 财政局, contact: fin@example.gov.cn}]
systems: [{code: tax, name: 非税, unit: fin}]
pools: [{code: pub, name: 公有云, driver: external}]
vms: [{name: a, system: tax, pool: pub, vcpus: 2, memory_mib: 1024, since: "2026-08-01T00:00:00+08:00"}]
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_the_example_estate_is_applied_shown_and_exported(home, run_cli, tmp_path):
    planned = json.loads(run_cli(home, "inventory", "plan", EXAMPLE, "-o", "json").stdout)
    applied = run_cli(home, "inventory", "apply", EXAMPLE, "--yes", "-o", "json")

    assert set(planned) == {"checksum", "steps"}
    assert set(planned["steps"][0]) == {"step", "kind", "target", "before", "after", "live"}
    assert applied.exit_code == 0, applied.stderr
    assert json.loads(applied.stdout) == planned
    assert run_cli(home, "inventory", "plan", EXAMPLE, "--check").exit_code == 0
    assert run_cli(home, "inventory", "drift", "--check").exit_code == 0
    exported = tmp_path / "exported.yaml"
    assert run_cli(home, "inventory", "export", exported).exit_code == 0
    assert run_cli(home, "inventory", "plan", exported, "--check").exit_code == 0
    shown = json.loads(run_cli(home, "inventory", "show", "-o", "json").stdout)
    assert (shown["units"], shown["machines"], shown["hosts"]) == (13, 53, 10)


def test_a_check_with_something_to_do_exits_with_7(home, run_cli, small):
    result = run_cli(home, "inventory", "plan", small, "--check", "-o", "json")

    assert result.exit_code == 7
    kinds = [(step["kind"], step["target"]) for step in json.loads(result.stdout)["steps"]]
    assert kinds[-1] == ("declare", "a")


def test_times_of_a_plan_are_in_the_sites_zone(home, run_cli, small):
    result = run_cli(home, "inventory", "plan", small, "-o", "json")

    sizes = json.loads(result.stdout)["steps"][-1]["after"]["sizes"]
    assert sizes[0]["from"] == "2026-08-01T00:00:00+08:00"


def test_without_a_terminal_and_without_yes_nothing_is_applied(home, run_cli, small):
    assert run_cli(home, "inventory", "apply", small).exit_code == 5
    assert run_cli(home, "inventory", "plan", small, "--check").exit_code == 7


def test_a_dry_run_prints_and_changes_nothing(home, run_cli, small):
    result = run_cli(home, "inventory", "apply", small, "--dry-run", "-o", "json")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["steps"]
    assert run_cli(home, "inventory", "plan", small, "--check").exit_code == 7


def test_a_saved_plan_is_applied_once(home, run_cli, small, tmp_path):
    saved = tmp_path / "plan.json"

    assert run_cli(home, "inventory", "plan", small, "--save", saved).exit_code == 0
    assert run_cli(home, "inventory", "apply", saved, "--yes").exit_code == 0
    stale = run_cli(home, "inventory", "apply", saved, "--yes")
    assert stale.exit_code == 5
    assert "changed since this plan was saved" in stale.stderr


def test_a_plan_beyond_the_limit_is_shown_and_refused_without_force(home, run_cli, small):
    run_cli(home, "inventory", "apply", small, "--yes")
    small.write_text(SMALL.partition("vms:")[0] + "vms: []\n", encoding="utf-8")

    planned = run_cli(home, "inventory", "plan", small)
    assert (planned.exit_code, "needs --force" in planned.stderr) == (0, True)
    assert run_cli(home, "inventory", "apply", small, "--yes").exit_code == 5
    assert run_cli(home, "inventory", "apply", small, "--yes", "--force").exit_code == 0


def test_the_limit_is_a_setting(home, run_cli, small, monkeypatch):
    run_cli(home, "inventory", "apply", small, "--yes")
    small.write_text(SMALL.partition("vms:")[0] + "vms: []\n", encoding="utf-8")
    monkeypatch.setenv("CLOUDCTL_INVENTORY_PLAN_LIMIT", "1")

    assert run_cli(home, "inventory", "apply", small, "--yes").exit_code == 0


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", "There is no unit “nix” in the inventory."), ("zh_CN", "清单中没有单位“nix”。")],
)
def test_a_broken_file_is_refused_with_all_its_faults(home, run_cli, small, lang, words):
    small.write_text(SMALL.replace("unit: fin}", "unit: nix, colour: red}"), encoding="utf-8")

    result = run_cli(home, "inventory", "apply", small, "--yes", lang=lang)

    assert result.exit_code == 3
    assert f"{small}:4:39: {words}" in result.stderr
    assert f"{small}:4:44: " in result.stderr
    assert "Traceback" not in result.stderr
    assert json.loads(run_cli(home, "unit", "list", "-o", "json").stdout) == []


def test_a_missing_file_is_not_found(home, run_cli, tmp_path):
    assert run_cli(home, "inventory", "plan", tmp_path / "none.yaml").exit_code == 4


def test_an_export_does_not_write_over_a_file_unasked(home, run_cli, small):
    assert run_cli(home, "inventory", "export", small).exit_code == 5
    assert small.read_text(encoding="utf-8") == SMALL


def listed(run_cli, home, *words):
    result = run_cli(home, *words, "-o", "json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("words", [("plan", "--save"), ("export",)], ids=" ".join)
def test_a_place_that_cannot_be_written_is_told_by_its_name(home, run_cli, small, tmp_path, words):
    file = [small] if words[0] == "plan" else []
    told = run_cli(home, "inventory", words[0], *file, *words[1:], tmp_path / "missing" / "x")
    assert told.exit_code == 6 and f"{tmp_path}/missing/x cannot be read or written" in told.stderr


def test_the_estate_is_listed_and_shown(home, run_cli):
    run_cli(home, "inventory", "apply", EXAMPLE, "--yes")

    units = {row["code"]: row for row in listed(run_cli, home, "unit", "list")}
    assert (units["fin"]["systems"], units["fin"]["machines"], units["fin"]["vcpus"]) == (2, 6, 40)
    assert listed(run_cli, home, "unit", "show", "hr")["equipment"] == ["hr-srv-1", "hr-store-1"]
    tax = listed(run_cli, home, "system", "show", "tax")
    assert (tax["unit"], tax["vms"]) == ("fin", ["tax-app-1", "tax-db-1", "tax-web-1"])
    assert [row["machines"] for row in listed(run_cli, home, "pool", "list")] == [16, 31, 6]
    assert listed(run_cli, home, "pool", "show", "gov")["options"]["overcommit"] == {
        "cpu": 4.0,
        "memory": 1.0,
    }
    hosts = listed(run_cli, home, "host", "list")
    assert sum(row["vcpus"] for row in hosts if row["pool"] == "ded") == 132
    assert listed(run_cli, home, "host", "show", "gov-n1")["vms"]
    assert len(listed(run_cli, home, "image", "list")) == 3
    assert listed(run_cli, home, "image", "show", "debian12")["pool"] == "gov"
    server = listed(run_cli, home, "equipment", "show", "fin-srv-3")
    assert (server["yearly_total"], server["currency"]) == ("12700.00", "CNY")
    assert server["yearly_cost"]["power"] == "3500.00"


def test_every_list_is_a_table_for_people(home, run_cli):
    run_cli(home, "inventory", "apply", EXAMPLE, "--yes")

    for group in ("unit", "system", "pool", "host", "image", "equipment", "user"):
        for lang in ("en", "zh_CN"):
            result = run_cli(home, group, "list", lang=lang)
            assert result.exit_code == 0, result.stderr
            assert len(result.stdout.splitlines()) > 3
    assert "老化" in run_cli(home, "equipment", "list", lang="zh_CN").stdout
    assert "备用" in run_cli(home, "system", "show", "command", lang="zh_CN").stdout


def test_an_image_of_two_pools_needs_its_pool(home, run_cli):
    run_cli(home, "inventory", "apply", EXAMPLE, "--yes")

    unclear = run_cli(home, "image", "show", "openeuler24")
    assert (unclear.exit_code, "gov/openeuler24" in unclear.stderr) == (4, True)
    assert run_cli(home, "image", "show", "ded/openeuler24").exit_code == 0


@pytest.mark.parametrize("group", ["unit", "system", "pool", "host", "image", "equipment", "user"])
def test_what_is_not_there_is_not_found(home, run_cli, group):
    result = run_cli(home, group, "show", "nix")

    assert (result.exit_code, result.stdout) == (4, "")


def test_people_are_added_and_get_and_lose_roles(home, run_cli, small):
    run_cli(home, "inventory", "apply", small, "--yes")

    added = run_cli(
        home, "user", "add", "wang", "--name", "王某", "--unit", "fin", "--role", "finance", "--yes"
    )
    assert added.exit_code == 0, added.stderr
    assert run_cli(home, "user", "grant", "wang", "unit", "--yes").exit_code == 0
    assert run_cli(home, "user", "revoke", "wang", "finance", "--yes").exit_code == 0
    assert listed(run_cli, home, "user", "show", "wang") == {
        "login": "wang",
        "name": "王某",
        "unit": "fin",
        "roles": ["unit"],
        "founder": False,
    }
    actions = [row["action"] for row in listed(run_cli, home, "audit", "log", "--subject", "wang")]
    assert actions == ["person.add", "person.grant", "person.revoke"]


def test_rights_are_an_administrators_affair(home, run_cli):
    run_cli(home, "user", "add", "wang", "--name", "王某", "--role", "finance", "--role", "operator", "--yes")

    assert run_cli(home, "user", "grant", "wang", "sysadmin", "--yes", login="wang").exit_code == 5
    assert run_cli(home, "user", "add", "li", "--name", "李某", "--yes", login="wang").exit_code == 5
    assert [row["login"] for row in listed(run_cli, home, "user", "list") if not row["founder"]] == ["wang"]


def test_nobody_takes_the_last_administrators_right(home, run_cli):
    (founder,) = listed(run_cli, home, "user", "list")

    refused = run_cli(home, "user", "revoke", founder["login"], "sysadmin", "--yes")
    assert (refused.exit_code, "Nobody would be left" in refused.stderr) == (5, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "a b", "--name", "x"), 3),
        (("add", "x", "--name", ""), 3),
        (("add", "x", "--name", "x", "--unit", "nix"), 4),
        (("add", "x", "--name", "x", "--role", "unit"), 5),
        (("add", "x", "--name", "x", "--role", "boss"), 2),
        (("grant", "nix", "panel"), 4),
        (("revoke", "nix", "panel"), 4),
    ],
)
def test_a_wrong_person_is_refused(home, run_cli, words, code):
    result = run_cli(home, "user", *words, "--yes")

    assert result.exit_code == code, result.stderr


def test_adding_asks_and_a_dry_run_adds_nobody(home, run_cli):
    assert run_cli(home, "user", "add", "wang", "--name", "王某").exit_code == 5
    assert run_cli(home, "user", "add", "wang", "--name", "王某", "--dry-run").exit_code == 0
    assert len(listed(run_cli, home, "user", "list")) == 1
