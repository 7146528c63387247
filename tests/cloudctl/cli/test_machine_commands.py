"""`cloudctl vm`, `cloudctl change` and `cloudctl inventory drift` as a person or a script calls them."""

import json
from datetime import timedelta

import pytest

from cloudctl.core.errors import Unreachable
from cloudctl.core.outbox import notices
from cloudctl.operations.machines.change_lock import held_change
from cloudctl.operations.machines.execute_change import begin_change, change_machines
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.resume_changes import resume_changes
from cloudctl.operations.machines.show_change import list_changes
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.steps import create_step, delete_step, resize_step
from provisioning.tables import PoolRow, VmRow
from tests.provisioning.estate import HALF, SMALL, build_estate, declared_vm, planned_vm


@pytest.fixture
def estate(ctx):
    """Machine m of system tax stands on the simulated cloud; p is declared in the vendor's pool."""
    built = build_estate(ctx)
    vm = planned_vm(ctx, "m", built.lab, built.tax)
    change_machines(ctx, [create_step(vm, "m", SMALL)], "made")
    declared_vm(ctx, "p", built)
    ctx.clock.advance(timedelta(hours=1))
    return built


def fault(ctx, *steps, **others):
    write_faults(ctx.home / "clouds" / "lab", Faults(steps=steps, **others))


def test_machines_are_listed_with_what_they_hold(ctx, estate, run_cli):
    result = run_cli(ctx.home, "vm", "list", "-o", "json")
    assert result.exit_code == 0
    first, second = json.loads(result.stdout)
    assert first == {
        "vm": "m",
        "system": "tax",
        "unit": "fin",
        "pool": "lab",
        "host": "n1",
        "state": "active",
        "vcpus": 4,
        "memory_mib": 8192,
        "storage_gib": {"ssd": 100},
        "held_since": "2026-10-01T00:00:00+08:00",
        "created_at": "2026-10-01T00:00:00+08:00",
        "shelved_at": None,
        "retired_at": None,
    }
    assert (second["vm"], second["pool"], second["host"]) == ("p", "pub", None)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--pool", "pub"], ["p"]),
        (["--unit", "fin"], ["m", "p"]),
        (["--system", "land"], []),
        (["--unit", "nat"], []),
    ],
)
def test_the_list_is_narrowed(ctx, estate, run_cli, arguments, names):
    result = run_cli(ctx.home, "vm", "list", *arguments, "-o", "json")
    assert [row["vm"] for row in json.loads(result.stdout)] == names


@pytest.mark.parametrize(
    "arguments",
    [
        ["vm", "show", "zzz"],
        ["vm", "list", "--pool", "zzz"],
        ["vm", "list", "--unit", "zzz"],
        ["vm", "stop", "zzz", "--yes"],
        ["vm", "transfer", "m", "--to", "zzz", "--yes"],
        ["change", "show", "99"],
        ["change", "rollback", "99", "--yes"],
        ["inventory", "drift", "--pool", "zzz"],
    ],
    ids=" ".join,
)
def test_what_does_not_exist_is_not_found(ctx, estate, run_cli, arguments):
    result = run_cli(ctx.home, *arguments)
    assert result.exit_code == 4
    assert "Traceback" not in result.stderr


def test_a_machine_is_shown_with_its_power_and_history(ctx, estate, run_cli):
    run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--yes")
    shown = json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)
    assert (shown["power"], shown["vcpus"], shown["change_in_hand"]) == ("running", 2, None)
    assert [row["vcpus"] for row in shown["history"]] == [4, 2]
    assert len(shown["addresses"]) == 1
    fault(ctx, pool_down=True)
    shown = json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)
    assert (shown["power"], shown["addresses"]) == (None, [])


def test_a_command_prints_its_plan_and_does_nothing_without_an_answer(ctx, estate, run_cli):
    result = run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--memory-mib", "4096")
    assert result.exit_code == 5
    assert "resize" in result.stdout and "--yes" in result.stderr
    assert json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["vcpus"] == 4


def test_a_dry_run_prints_the_plan_as_inventory_plan_does(ctx, estate, run_cli):
    result = run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--dry-run", "-o", "json")
    plan = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(plan) == ["checksum", "steps"]
    assert plan["steps"] == [
        {
            "step": 1,
            "kind": "resize",
            "target": "m",
            "before": {"vcpus": 4, "memory_mib": 8192, "storage_gib": {"ssd": 100}},
            "after": {"vcpus": 2, "memory_mib": 8192, "storage_gib": {"ssd": 100}},
            "live": True,
        }
    ]
    assert json.loads(run_cli(ctx.home, "change", "list", "-o", "json").stdout)[-1]["change"] == 1


def test_a_machine_is_stopped_started_restarted_and_retired(ctx, estate, run_cli):
    def power():
        return json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["power"]

    assert run_cli(ctx.home, "vm", "start", "m", "--yes").exit_code == 5, "it runs"
    assert run_cli(ctx.home, "vm", "stop", "m", "--yes").exit_code == 0
    assert power() == "off"
    assert run_cli(ctx.home, "vm", "reboot", "m", "--yes").exit_code == 5, "it is off"
    assert run_cli(ctx.home, "vm", "start", "m", "--yes").exit_code == 0
    assert power() == "running"
    assert run_cli(ctx.home, "vm", "reboot", "m", "--yes").exit_code == 0
    assert run_cli(ctx.home, "vm", "retire", "m", "--now", "--reason", "replaced", "--yes").exit_code == 0
    shown = json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)
    assert (shown["state"], shown["vcpus"], shown["host"]) == ("retired", None, None)
    assert json.loads(run_cli(ctx.home, "vm", "list", "--pool", "lab", "-o", "json").stdout) == []
    assert len(json.loads(run_cli(ctx.home, "vm", "list", "--all", "-o", "json").stdout)) == 2


def test_a_power_cycle_is_said_before_it_is_asked_for_and_announced_to_the_unit(ctx, estate, run_cli):
    asked = run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--power-cycle")
    assert asked.exit_code == 5 and "Switched off and on again for this, if they run: m." in asked.stderr
    run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--power-cycle", "--yes")
    run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "4", "--yes")
    with ctx.reading() as session:
        (notice,) = notices(session)
    assert (notice.recipient, notice.about) == ("fin", "change:2") and "m" in notice.body


def test_a_machine_is_moved(ctx, estate, run_cli):
    assert run_cli(ctx.home, "vm", "migrate", "m", "--to", "n3", "--yes").exit_code == 0
    assert run_cli(ctx.home, "vm", "migrate", "m", "--to", "n3", "--yes").exit_code == 5
    assert json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["host"] == "n3"


def test_a_transfer_gives_each_unit_its_own_allocation(ctx, estate, run_cli):
    assert run_cli(ctx.home, "vm", "transfer", "m", "--to", "tax", "--yes").exit_code == 5
    assert run_cli(ctx.home, "vm", "transfer", "m", "--to", "land", "--dry-run").exit_code == 0
    assert run_cli(ctx.home, "vm", "transfer", "m", "--to", "land", "--yes").exit_code == 0
    history = json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["history"]
    assert [(row["unit"], row["end"]) for row in history] == [
        ("fin", "2026-10-01T01:00:00+08:00"),
        ("nat", None),
    ]
    assert history[1]["start"] == "2026-10-01T01:00:00+08:00"


@pytest.mark.parametrize(
    "arguments", [[], ["--storage", "ssd"], ["--storage", "ssd=0"], ["--storage", "=5"], ["--vcpus", "0"]]
)
def test_a_resize_that_says_nothing_sensible_is_a_usage_error(ctx, estate, run_cli, arguments):
    assert run_cli(ctx.home, "vm", "resize", "m", *arguments, "--yes").exit_code == 2


def test_a_refusal_names_its_reason_and_every_host_that_has_no_room(ctx, estate, run_cli):
    result = run_cli(ctx.home, "vm", "resize", "m", "--memory-mib", "70000", "--yes")
    assert result.exit_code == 5
    assert "No host can take m" in result.stderr
    assert "n1: needs 70000 MiB of memory, 65536 free" in result.stderr
    assert "宿主机" not in result.stderr
    chinese = run_cli(ctx.home, "vm", "resize", "m", "--memory-mib", "70000", "--yes", lang="zh_CN")
    assert "需要内存 70000 MiB" in chinese.stderr


def test_a_shrinking_disk_is_refused_before_anything_is_done(ctx, estate, run_cli):
    result = run_cli(ctx.home, "vm", "resize", "m", "--storage", "ssd=50", "--yes")
    assert result.exit_code == 5
    assert "a disk cannot shrink in place" in result.stderr and len(list_changes(ctx)) == 1
    assert json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["storage_gib"] == {
        "ssd": 100
    }


def test_a_change_that_got_no_answer_is_shown_and_resumed(ctx, estate, run_cli):
    fault(ctx, StepFault("m", "stop", "drop"))
    assert run_cli(ctx.home, "vm", "stop", "m", "--yes").exit_code == 6
    (row,) = json.loads(run_cli(ctx.home, "change", "list", "--open", "-o", "json").stdout)
    assert (row["change"], row["state"]) == (2, "running")
    shown = json.loads(run_cli(ctx.home, "change", "show", "2", "-o", "json").stdout)
    assert shown["steps"][0]["error"] == "Pool lab: the answer to a step on m was lost."
    fault(ctx)
    assert "uncertain" in run_cli(ctx.home, "change", "resume", "2", "--dry-run").stdout
    assert run_cli(ctx.home, "change", "resume", "2", "--yes").exit_code == 0
    assert json.loads(run_cli(ctx.home, "change", "show", "2", "-o", "json").stdout)["state"] == "done"
    assert run_cli(ctx.home, "change", "resume", "2", "--yes").exit_code == 0, (
        "a finished one is only looked at"
    )


def test_what_is_uncertain_is_found_told_and_named_by_doctor(ctx, estate, run_cli):
    fault(ctx, StepFault("m", "stop", "drop"))
    told = run_cli(ctx.home, "vm", "stop", "m", "--yes")
    assert "Change 2 waits, and nobody knows" in told.stderr and "cloudctl change resume 2" in told.stderr
    (row,) = json.loads(run_cli(ctx.home, "change", "list", "--state", "uncertain", "-o", "json").stdout)
    assert (row["change"], row["standing"], row["next"]) == (2, "uncertain", "cloudctl change resume 2")
    (step,) = json.loads(run_cli(ctx.home, "change", "show", "2", "-o", "json").stdout)["steps"]
    assert (step["standing"], step["started_at"]) == ("uncertain", "2026-10-01T01:00:00+08:00")
    shown = run_cli(ctx.home, "--lang", "zh_CN", "change", "show", "2")
    assert "不确定" in shown.stdout and "尚无人知晓" in shown.stderr
    health = json.loads(run_cli(ctx.home, "doctor", "-o", "json").stdout)
    (finding,) = [each for each in health if each["check"] == "changes"]
    assert finding["health"] == "warning" and "2;" in finding["detail"]
    assert f"change 2 by {ctx.actor.login}, since 2026-10-01T01:00:00+08:00" in second_try(ctx, run_cli)
    with held_change(ctx, 2):
        assert (
            json.loads(run_cli(ctx.home, "change", "show", "2", "-o", "json").stdout)["standing"] == "running"
        )


def second_try(ctx, run_cli):
    refused = run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--yes")
    assert refused.exit_code == 5
    return refused.stderr


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ("lab", "“embedded”", "lacks “migrate”")), ("zh_CN", ("lab", "“embedded”", "不具备“迁移”能力"))],
)
def test_what_a_driver_cannot_do_is_refused_with_its_name_and_the_verb(
    ctx, estate, run_cli, monkeypatch, language, words
):
    monkeypatch.setattr(EmbeddedDriver, "capabilities", frozenset())
    for command in (["vm", "migrate", "m"], ["host", "drain", "n1"]):
        told = run_cli(ctx.home, "--lang", language, *command, "--yes")
        assert told.exit_code == 5 and all(word in told.stderr for word in words), told.stderr
    for command in (["vm", "console", "p"], ["vm", "retire", "m"]):
        told = run_cli(ctx.home, "--lang", language, *command)
        assert told.exit_code == 5 and ("“external”" in told.stderr or "“embedded”" in told.stderr)


def test_a_change_that_fails_says_what_it_undid_and_in_which_order(ctx, estate, run_cli):
    names = ["a", "b", "c"]
    vms = [planned_vm(ctx, name, estate.lab, estate.tax) for name in names]
    steps = [create_step(vm, name, SMALL) for vm, name in zip(vms, names, strict=True)]
    fault(ctx, StepFault("c", "create", "refuse"))
    number = begin_change(ctx, steps, "made")
    for language, word in (("en", "create {}: undone"), ("zh_CN", "创建 {}：已撤销")):
        told = run_cli(ctx.home, "--lang", language, "change", "resume", str(number), "--yes")
        assert told.exit_code == 5
        undone = [told.stderr.find(word.format(name)) for name in ("b", "a")]
        assert 0 < undone[0] < undone[1], told.stderr
        assert word.format("c") not in told.stderr, "what was refused had done nothing"
        number = begin_change(ctx, steps, "made again")


def test_a_work_order_is_reported_done(ctx, estate, run_cli):
    ordered = run_cli(ctx.home, "vm", "resize", "p", "--vcpus", "2", "--yes")
    assert ordered.exit_code == 0 and "--done-at" in ordered.stderr
    wrong = run_cli(ctx.home, "change", "resume", "2", "--done-at", "2026-10-01T00:30:00", "--yes")
    assert wrong.exit_code == 3, "a time without an offset"
    done = run_cli(ctx.home, "change", "resume", "2", "--done-at", "2026-10-01T00:30:00+08:00", "--yes")
    assert done.exit_code == 0
    shown = json.loads(run_cli(ctx.home, "vm", "show", "p", "-o", "json").stdout)
    assert (shown["vcpus"], shown["held_since"]) == (2, "2026-10-01T00:30:00+08:00")


def test_a_change_is_rolled_back(ctx, estate, run_cli):
    run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "2", "--yes")
    ctx.clock.advance(timedelta(hours=1))
    assert run_cli(ctx.home, "change", "rollback", "2", "--dry-run").exit_code == 0
    assert run_cli(ctx.home, "change", "rollback", "2", "--reason", "slow", "--yes").exit_code == 0
    assert json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["vcpus"] == 4
    assert run_cli(ctx.home, "change", "rollback", "2", "--yes").exit_code == 5
    assert run_cli(ctx.home, "change", "rollback", "1", "--dry-run").exit_code == 0


def test_what_was_changed_behind_our_back_is_taken_back_or_taken_over(ctx, estate, run_cli):
    def behind_our_back(change):
        with opened_drivers(ctx, [estate.lab]) as drivers, drivers[estate.lab]._store.writing() as connection:
            connection.execute(f"UPDATE machine SET {change}")

    def drift():
        return [
            row["kind"] for row in json.loads(run_cli(ctx.home, "inventory", "drift", "-o", "json").stdout)
        ]

    held = json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["history"]
    behind_our_back("vcpus = 8")
    assert drift() == ["other_size"]
    assert run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "4", "--yes").exit_code == 0, (
        "back to what it holds"
    )
    assert (drift(), json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["history"]) == (
        [],
        held,
    )
    assert run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "4", "--yes").exit_code == 5
    behind_our_back("vcpus = 8")
    assert run_cli(ctx.home, "vm", "resize", "m", "--vcpus", "8", "--yes").exit_code == 0, (
        "what it has, it holds"
    )
    behind_our_back("host = 'n2'")
    assert drift() == ["other_host"]
    assert run_cli(ctx.home, "vm", "migrate", "m", "--to", "lab/n2", "-y").exit_code == 0
    assert drift() == []
    assert json.loads(run_cli(ctx.home, "vm", "show", "m", "-o", "json").stdout)["vcpus"] == 8


def test_drift_is_found_and_checked(ctx, estate, run_cli):
    assert json.loads(run_cli(ctx.home, "inventory", "drift", "-o", "json").stdout) == []
    assert run_cli(ctx.home, "inventory", "drift", "--check").exit_code == 0
    with opened_drivers(ctx, [estate.lab]) as drivers:
        drivers[estate.lab].apply(resize_step(1, "m", SMALL, HALF))
        drivers[estate.lab].apply(create_step(777, "alien", HALF, host="n2"))
    result = run_cli(ctx.home, "inventory", "drift", "--check", "-o", "json")
    assert result.exit_code == 7
    alien, resized = json.loads(result.stdout)
    assert (alien["kind"], alien["vm"], alien["expected"]) == ("not_allocated", "alien", None)
    assert (resized["kind"], resized["vm"]) == ("other_size", "m")
    assert (resized["expected"]["vcpus"], resized["found"]["vcpus"]) == (4, 2)
    with opened_drivers(ctx, [estate.lab]) as drivers:
        drivers[estate.lab].apply(delete_step(1, "m", HALF, "n1"))
    kinds = [row["kind"] for row in json.loads(run_cli(ctx.home, "inventory", "drift", "-o", "json").stdout)]
    assert kinds == ["not_allocated", "not_seen"]
    fault(ctx, pool_down=True)
    silent = run_cli(ctx.home, "inventory", "drift", "--check")
    assert silent.exit_code == 6 and "lab: Pool lab does not answer." in silent.stderr


def test_who_is_no_operator_changes_nothing(ctx, estate, run_cli, as_person):
    as_person(ctx, "accountant", "finance")
    result = run_cli(ctx.home, "vm", "stop", "m", "--yes", login="accountant")
    assert result.exit_code == 5
    transfer = run_cli(ctx.home, "vm", "transfer", "m", "--to", "land", "--yes", login="accountant")
    assert transfer.exit_code == 5


@pytest.mark.parametrize("lang", ["zh_CN", "en"])
def test_tables_are_read_in_both_languages(ctx, estate, run_cli, lang):
    run_cli(ctx.home, "vm", "stop", "m", "--yes")
    for arguments in (["vm", "list"], ["vm", "show", "m"], ["change", "list"], ["change", "show", "2"]):
        result = run_cli(ctx.home, *arguments, lang=lang)
        assert result.exit_code == 0
        assert ("虚拟机" in result.stdout or "变更" in result.stdout) == (lang == "zh_CN")


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (["vm", "resize", "p", "--vcpus", "4097"], 2),
        (["vm", "resize", "p", "--memory-mib", str(2**26 + 1)], 2),
        (["vm", "resize", "p", "--storage", f"ssd={2**30 + 1}"], 2),
        (["vm", "resize", "p", "--storage", "ssd=9" + "9" * 5000], 2),
        (["vm", "resize", "p", "--storage", "s d=200"], 2),
        (["vm", "resize", "p", "--storage", "ssd=٣٠٠"], 2),
        (["vm", "resize", "p", "--storage", "ssd=200", "--storage", "ssd=300"], 2),
        (["vm", "migrate", "m", "--to", ""], 5),
        (["vm", "list", "--unit", "nobody", "--system", "tax"], 4),
        (["vm", "list", "--pool", ""], 4),
        (["change", "show", "9" * 30], 3),
        (["change", "resume", "9" * 30, "--yes"], 3),
        (["change", "rollback", "9" * 30, "--yes"], 3),
        (["change", "resume", "1", "--done-at", "", "--yes"], 3),
        (["change", "resume", "1", "--done-at", "2026-10-01T00:30:00+08:00", "--yes"], 5),
    ],
)
def test_what_is_typed_wrong_is_told_and_changes_nothing(ctx, estate, run_cli, words, exit_code):
    told = run_cli(ctx.home, *words, *(["--yes"] if words[1] in ("resize", "migrate") else []))
    assert (told.exit_code, len(list_changes(ctx))) == (exit_code, 1), told.stderr
    assert "Error: " in told.stderr


def test_a_list_is_narrowed_by_system_and_unit_together(ctx, estate, run_cli):
    def names(*words):
        return [row["vm"] for row in json.loads(run_cli(ctx.home, "vm", "list", *words, "-o", "json").stdout)]

    assert names("--system", "tax", "--unit", "fin") == ["m", "p"]
    assert names("--system", "tax", "--unit", "nat") == []


def test_a_tier_that_its_pool_has_not_is_refused_with_those_it_has(ctx, estate, run_cli):
    with ctx.writing() as session:
        pool = session.get_one(PoolRow, estate.pub)
        pool.options = {**pool.options, "tiers": {"ssd": "fast", "hdd": "slow"}}
    refused = run_cli(ctx.home, "vm", "resize", "p", "--storage", "nvme=10", "--yes")
    assert refused.exit_code == 5 and "no storage tier “nvme” (it has hdd, ssd)" in refused.stderr
    assert run_cli(ctx.home, "vm", "resize", "p", "--storage", "hdd=10", "--yes").exit_code == 0


def test_a_pool_of_one_host_says_why_nothing_moves(ctx, run_cli):
    estate = build_estate(ctx, hosts=1)
    vm = planned_vm(ctx, "m", estate.lab, estate.tax)
    change_machines(ctx, [create_step(vm, "m", SMALL)], "made")
    for words in (("vm", "migrate", "m"), ("host", "drain", "n1")):
        told = run_cli(ctx.home, *words, "--yes")
        assert told.exit_code == 5 and "There is no other host that m could go to." in told.stderr


def test_a_pool_that_cannot_be_opened_keeps_no_other_from_answering(
    ctx, estate, run_cli, monkeypatch, tmp_path
):
    (tmp_path / "clouds.yaml").write_text("clouds: {}")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    with ctx.writing() as session:
        session.add(
            PoolRow(code="far", name="Far", driver="openstack", provider="", options={"cloud": "nosuch"})
        )
    with opened_drivers(ctx, [estate.lab]) as drivers:
        drivers[estate.lab].apply(delete_step(1, "m", SMALL, "n1"))
        drivers[estate.lab].apply(create_step(99, "stray", SMALL, host="n1"))
    drift = run_cli(ctx.home, "inventory", "drift", "-o", "json")
    assert drift.exit_code == 6
    assert [row["kind"] for row in json.loads(drift.stdout)] == ["not_seen", "not_allocated"]
    listed = run_cli(ctx.home, "vm", "adopt", "-o", "json")
    assert (listed.exit_code, [row["vm"] for row in json.loads(listed.stdout)]) == (0, ["stray"])
    for told in (drift, listed, run_cli(ctx.home, "vm", "adopt", "nowhere", "--system", "tax")):
        assert "far: " in told.stderr and "OS_CLIENT_CONFIG_FILE" in told.stderr, told.stderr
    assert run_cli(ctx.home, "vm", "adopt", "nowhere", "--system", "tax").exit_code == 6, "it may be there"
    assert run_cli(ctx.home, "vm", "adopt", "nowhere", "--system", "tax", "--pool", "lab").exit_code == 4


def test_a_change_whose_pool_cannot_be_opened_keeps_no_other_from_being_resumed(ctx, estate, run_cli):
    two = planned_vm(ctx, "two", estate.lab, estate.tax)
    fault(ctx, StepFault("m", "stop", "drop"), StepFault("two", "create", "drop"))
    assert run_cli(ctx.home, "vm", "stop", "m", "--yes").exit_code == 6
    with pytest.raises(Unreachable):
        change_machines(ctx, [create_step(two, "two", SMALL)], "made")
    fault(ctx)
    with ctx.writing() as session:
        broken = PoolRow(code="far", name="Far", driver="vanished", provider="", options={})
        session.add(broken)
        session.flush()
        session.get_one(VmRow, 1).pool_id = broken.id
    resumed = resume_changes(ctx)
    assert (resumed.busy, resumed.ended) == ((2,), (3,))
    assert run_cli(ctx.home, "vm", "show", "m").exit_code == 0
