"""`cloudctl request` all the way: asked, checked, granted less, carried out on a simulated cloud; every refusal."""

import json
from datetime import timedelta

import pytest

from cloudctl.core.clock import parse_instant
from cloudctl.core.outbox import notices
from cloudctl.core.tables import EquipmentRow
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from tests.cloudctl.reviewed_city import TARIFFS
from tests.provisioning.estate import build_estate, declared_vm

WEB = "web,count=2,pool=lab,vcpus=4,memory-gib=8,storage=ssd:100"
NEW = ["--purpose", "Filing", "--load", "200 users", "--needed-by", "2026-12-01"]


@pytest.fixture
def estate(ctx, as_person):
    """Finance asks for system tax; olga and otto operate, pan and pip judge, pfin judges and is of finance."""
    built = build_estate(ctx)
    for login, roles, unit in (
        ("olga", ["operator"], None),
        ("otto", ["operator"], None),
        ("wang", ["unit"], "fin"),
        ("nan", ["unit"], "nat"),
        ("pan", ["panel"], None),
        ("pfin", ["panel"], "fin"),
        ("both", ["operator", "approver"], None),
        ("zhao", ["finance"], None),
    ):
        as_person(ctx, login, *roles, unit=unit)
    path = ctx.home / "tariffs.yaml"
    path.write_text(TARIFFS)
    apply_tariffs(as_person(ctx, "zhao"), path)
    return built


@pytest.fixture
def call(estate, home, run_cli):
    """call(login, "request", …): stdout as JSON where asked for; AssertionError for another exit code."""

    def run(login, *args, code=0):
        result = run_cli(home, "request", *args, login=login)
        assert result.exit_code == code, result.stderr
        return json.loads(result.stdout) if "json" in args and code == 0 else result

    return run


@pytest.fixture
def ask(call):
    """ask("new", …): the number of the request of system tax; ask(…, login="olga")."""

    def submit(kind, *args, login="wang"):
        words = ["submit", kind, "--system", "tax", *NEW, *args, "--yes", "-o", "json"]
        return call(login, *words)[0]["request"]

    return submit


@pytest.fixture
def asked(ask):
    return ask("new", "--machine", WEB)


@pytest.fixture
def checked(call, asked):
    call("olga", "check", asked, "--yes")
    return asked


@pytest.fixture
def granted(call, checked):
    call("pan", "approve", checked, "--grant", "web,vcpus=2", "--reason", "Half will do", "--yes")
    return checked


def shown(call, number):
    return call("olga", "show", number, "-o", "json")


def machines(home, run_cli, *args):
    return json.loads(run_cli(home, "vm", "list", *args, "-o", "json", login="olga").stdout)


def test_the_whole_way(call, ctx, home, run_cli, granted):
    executed = call("otto", "execute", granted, "--yes")

    assert f"Request {granted}: done." in executed.stderr
    rows = machines(home, run_cli)
    assert [(row["vm"], row["vcpus"], row["memory_mib"], row["unit"]) for row in rows] == [
        ("web-1", 2, 8192, "fin"),
        ("web-2", 2, 8192, "fin"),
    ]
    assert len({row["host"] for row in rows}) == 2
    row = shown(call, granted)
    assert (row["state"], row["vms"], row["executed_by"]) == ("done", ["web-1", "web-2"], "otto")
    assert [event["step"] for event in row["history"]] == [
        "submit",
        "check",
        "approve",
        "execute",
        "carried_out",
    ]
    with ctx.reading() as session:
        about = [notice.recipient for notice in notices(session, f"request:{granted}")]
    assert about == ["operator", "panel", "fin", "operator", "fin"]
    audit = json.loads(run_cli(home, "audit", "verify", "-o", "json", login="olga").stdout)
    assert audit["ok"] is True


def test_asked_granted_and_cut_are_kept_and_added_up(call, granted):
    # 2 × (4 × 46 + 8 × 17 + 100 × 0.70) = 780.00; granted 2 × (2 × 46 + 136 + 70) = 596.00.
    (row,) = call("olga", "totals", "--year", "2026", "-o", "json")

    assert (row["unit"], row["year"], row["requests"]) == ("fin", 2026, 1)
    assert (row["asked_monthly"], row["granted_monthly"], row["cut_monthly"]) == (
        "780.00",
        "596.00",
        "184.00",
    )
    assert row["reduction_rate"] == pytest.approx(184 / 780, abs=1e-4)
    assert (row["asked"]["vcpus"], row["granted"]["vcpus"], row["vcpus_reduction_rate"]) == (8, 4, 0.5)
    table = call("olga", "totals")
    assert "23.59%" in table.stdout
    assert "23.59%" in call("olga", "list").stdout
    assert call("olga", "totals", "--year", "2025", "-o", "json") == []


def test_the_check_names_what_it_looked_at(call, asked):
    found = call("olga", "check", asked, "--dry-run", "-o", "json")

    assert found["passed"] is True
    assert found["monthly_price"] == "780.00"
    assert {row["subject"] for row in found["findings"]} == {
        "image", "network", "capacity", "quota", "price", "budget", "hold",
    }  # fmt: skip
    assert shown(call, asked)["state"] == "submitted"


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("wang", "none of the roles"),
        ("olga", "none of the roles"),
        ("pfin", "belongs to unit fin"),
    ],
)
def test_who_has_a_part_in_it_does_not_decide(call, checked, login, words):
    for args in (["approve", checked], ["refuse", checked, "--reason", "No"]):
        assert words in call(login, *args, "--yes", code=5).stderr
    assert shown(call, checked)["state"] == "checked"


def test_nobody_decides_their_own_request_nor_the_one_they_checked(call, ask, estate):
    first = ask("new", "--machine", WEB, login="both")
    call("olga", "check", first, "--yes")
    assert "nobody decides their own" in call("both", "approve", first, "--yes", code=5).stderr
    second = ask("new", "--machine", WEB.replace("web", "app"), login="olga")
    call("both", "check", second, "--yes")
    assert "somebody else must decide" in call("both", "approve", second, "--yes", code=5).stderr


def test_who_granted_does_not_carry_out(call, asked):
    call("olga", "check", asked, "--yes")
    call("both", "approve", asked, "--yes")
    assert "somebody else must carry it out" in call("both", "execute", asked, "--yes", code=5).stderr
    call("olga", "execute", asked, "--yes")


def test_steps_out_of_order_are_refused(call, asked):
    assert "waiting for its technical check" in call("pan", "approve", asked, "--yes", code=5).stderr
    assert "waiting for its technical check" in call("otto", "execute", asked, "--yes", code=5).stderr
    call("pan", "refuse", asked, "--reason", "There is room elsewhere", "--yes")
    for args in (["check", asked], ["execute", asked], ["withdraw", asked, "--reason", "x"]):
        call("olga", *args, "--yes", code=5)


def test_a_refusal_has_its_reason_and_counts_as_nothing_granted(call, checked):
    call("pan", "refuse", checked, "--reason", " ", "--yes", code=5)
    call("pan", "refuse", checked, "--reason", "The present machines have room", "--yes")
    (row,) = call("olga", "totals", "-o", "json")
    assert (row["granted_monthly"], row["reduction_rate"]) == ("0.00", 1.0)


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (["--grant", "web,vcpus=2"], 5),
        (["--grant", "web,vcpus=5", "--reason", "More"], 5),
        (["--without", "web", "--reason", "None"], 5),
        (["--grant", "app,vcpus=1", "--reason", "Other"], 5),
        (["--grant", "web,colour=red", "--reason", "?"], 2),
        (["--grant", "web,vcpus=two", "--reason", "?"], 2),
        (["--until", "2027-01-01"], 5),
    ],
)
def test_no_grant_without_a_reason_beyond_the_request_or_of_nothing(call, checked, grant, code):
    call("pan", "approve", checked, *grant, "--yes", code=code)
    assert shown(call, checked)["state"] == "checked"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--machine", "web,pool=nope,vcpus=1,memory-gib=1"], "no pool"),
        (["--machine", "web,pool=lab"], "at least one vCPU"),
        (["--machine", "web,pool=lab,vcpus=1,memory-gib=1,image=x"], "no image"),
        (["--machine", WEB, "--machine", WEB], "stands here twice"),
        (["--machine", WEB, "--until", "2026-11-01"], "ends before"),
        (["--machine", WEB, "--equipment", "old"], "no equipment"),
        ([], "at least one machine"),
    ],
)
def test_all_faults_of_a_request_are_told_and_nothing_is_kept(call, args, words):
    told = call("wang", "submit", "new", "--system", "tax", *NEW, *args, "--yes", code=3)

    assert words in told.stderr
    assert call("olga", "list", "-o", "json") == []


def test_a_unit_asks_for_itself_and_sees_its_own(call, asked):
    call(
        "nan",
        "submit",
        "new",
        "--system",
        "tax",
        *NEW,
        "--machine",
        "x,pool=lab,vcpus=1,memory-gib=1",
        "--yes",
        code=5,
    )
    call("nan", "show", asked, code=5)
    assert call("nan", "list", "-o", "json") == []
    assert call("nan", "totals", "-o", "json") == []
    call("olga", "show", 99, code=4)


def test_a_dry_run_and_a_missing_yes_change_nothing(call, checked):
    call("pan", "approve", checked, "--dry-run")
    call("pan", "approve", checked, code=5)
    assert shown(call, checked)["state"] == "checked"
    call("pan", "approve", checked, "--yes")
    plan = call("otto", "execute", checked, "--dry-run", "-o", "json")
    assert [(step["kind"], step["target"]) for step in plan] == [("create", "web-1"), ("create", "web-2")]
    assert shown(call, checked)["state"] == "granted"


def test_a_grant_keeps_its_room_until_it_lapses(call, ask, ctx, home, run_cli, estate):
    """Three hosts of 64 GiB: two machines of 60 are granted, so one more fits, and a second does not."""
    big = "pool=lab,vcpus=4,memory-gib=60"
    first = ask("new", "--machine", f"big,count=2,{big}")
    call("olga", "check", first, "--yes")
    call("pan", "approve", first, "--yes")
    second = ask("new", "--machine", f"more,count=2,{big}")
    found = call("olga", "check", second, "--dry-run", "-o", "json")
    assert not found["passed"]
    assert any(row["subject"] == "capacity" and row["verdict"] == "bad" for row in found["findings"])
    call("olga", "check", second, "--yes")
    assert "cannot be granted so" in call("pan", "approve", second, "--yes", code=5).stderr
    ctx.clock.advance(timedelta(days=61))
    assert "lapsed" in call("otto", "execute", first, "--yes", code=5).stderr
    call("olga", "expire", "--yes")
    assert shown(call, first)["state"] == "expired"
    call("pan", "approve", second, "--yes")


def test_others_are_placed_around_a_grant(call, ask, ctx, as_person, estate):
    from cloudctl.core.errors import Refused
    from cloudctl.core.quantity import Size
    from cloudctl.operations.machines.plan_change import plan_change
    from provisioning.steps import create_step
    from tests.provisioning.estate import planned_vm

    big = Size(4, 60 * 1024)
    first = ask("new", "--machine", "big,count=3,pool=lab,vcpus=4,memory-gib=60")
    call("olga", "check", first, "--yes")
    steps = [create_step(planned_vm(ctx, "other", estate.lab, estate.land), "other", big)]
    assert plan_change(ctx, steps).steps
    call("pan", "approve", first, "--yes")
    with pytest.raises(Refused):
        plan_change(ctx, steps)
    call("otto", "execute", first, "--yes")


def test_a_quota_holds_and_counts_what_is_reserved(call, ask, home, granted):
    path = home / "quotas.yaml"
    path.write_text("quotas: [{unit: fin, vcpus: 6, memory_gib: 64}]\n")
    call("wang", "quota", "apply", path, "--yes", code=5)
    call("olga", "quota", "apply", path, "--yes")
    second = ask("new", "--machine", "app,pool=lab,vcpus=3,memory-gib=4")
    found = call("olga", "check", second, "--dry-run", "-o", "json")
    (over,) = [row for row in found["findings"] if row["verdict"] == "bad"]
    assert over["text"] == "Over the unit's quota of vCPUs: 4 held and reserved, 3 more, 6 allowed."
    (row,) = call("wang", "quota", "list", "-o", "json")
    assert (row["vcpus_limit"], row["vcpus_held"], row["machines_limit"]) == (6, 0, None)
    path.write_text("quotas:\n  - {unit: nope, vcpus: -1}\n")
    told = call("olga", "quota", "apply", path, "--yes", code=3)
    assert "quotas.yaml:2:" in told.stderr


def test_a_unit_on_hold_is_granted_nothing_new(call, home, run_cli, checked):
    run_cli(
        home, "hold", "place", "fin", "--ground", "not_adapted", "--reason", "Late", "--yes", login="zhao"
    )
    assert "funding hold" in call("pan", "approve", checked, "--yes", code=5).stderr


def test_a_budget_that_does_not_suffice_stands_against_a_grant(call, home, run_cli, checked):
    path = home / "budgets.yaml"
    path.write_text('budgets: [{year: 2026, unit: fin, kind: cloud, amount: "100.00"}]\n')
    assert run_cli(home, "budget", "apply", path, "--yes", login="zhao").exit_code == 0
    assert "100.00 is left" in call("pan", "approve", checked, "--yes", code=5).stderr


def test_equipment_that_works_needs_a_reason(call, ask, ctx, estate):
    with ctx.writing() as session:
        session.add(
            EquipmentRow(code="srv", unit_id=1, kind="server", condition="working", yearly_cost_fen={})
        )
    first = ask("new", "--machine", WEB, "--equipment", "srv")
    assert "cannot be granted" in call("olga", "check", first, "--yes").stderr
    assert "srv still works" in call("pan", "approve", first, "--yes", code=5).stderr
    call("olga", "check", first, "--reason", "The room is given up", "--yes")
    call("pan", "approve", first, "--yes")


def test_a_resize_an_extension_and_a_retirement(call, ask, ctx, home, run_cli, granted):
    call("otto", "execute", granted, "--yes")
    ctx.clock.advance(timedelta(days=1))
    tail = ["--system", "tax", *NEW]
    second = ask("resize", "--machine", "web-1,vcpus=8")
    third = ask("extend", "--machine", "web-1", "--until", "2027-12-31")
    for number in (second, third):
        call("olga", "check", number, "--yes")
    for vcpus, words in ((1, "takes away what it holds"), (2, "has that size already")):
        less = ["--grant", f"web-1,vcpus={vcpus}", "--reason", "Less"]
        assert words in call("pan", "approve", second, *less, "--yes", code=5).stderr
    call("pan", "approve", second, "--grant", "web-1,vcpus=6", "--reason", "Enough", "--yes")
    call("pan", "approve", third, "--until", "2027-06-30", "--reason", "Half a year", "--yes")
    call("otto", "execute", second, "--yes")
    call("otto", "execute", third, "--yes")
    assert machines(home, run_cli)[0]["vcpus"] == 6
    (term,) = call("olga", "terms", "-o", "json")
    vm = json.loads(run_cli(home, "vm", "show", "web-1", "-o", "json", login="olga").stdout)
    assert (vm["request_numbers"], vm["granted_until"]) == ([granted, second, third], "2027-06-30")
    assert (term["vm"], term["until"], term["request"]) == ("web-1", "2027-06-30", third)
    call("wang", "submit", "extend", *tail, "--machine", "web-1", "--until", "2027-06-30", "--yes", code=3)
    fourth = ask("retire", "--machine", "web-2")
    call("olga", "check", fourth, "--yes")
    call("pan", "approve", fourth, "--yes")
    call("otto", "execute", fourth, "--yes")
    assert all(row["vcpus"] is None for row in machines(home, run_cli) if row["vm"] == "web-2")
    (year,) = call("olga", "totals", "-o", "json")
    assert (year["asked"]["vcpus"], year["granted"]["vcpus"]) == (8 + 6, 4 + 4)


def test_a_pool_that_others_run_gets_a_work_order(call, ask, ctx, home, run_cli, estate):
    declared_vm(ctx, "p", estate)
    first = ask("new", "--machine", "ext,pool=pub,vcpus=2,memory-gib=4")
    call("olga", "check", first, "--yes")
    call("pan", "approve", first, "--yes")
    assert "Work orders are out" in call("otto", "execute", first, "--yes").stderr
    assert shown(call, first)["state"] == "executing"
    ctx.clock.advance(timedelta(hours=3))
    done_at = ctx.clock.now() - timedelta(hours=1)
    call("otto", "execute", first, "--done-at", done_at.isoformat(), "--yes")
    assert shown(call, first)["state"] == "done"
    (row,) = [row for row in machines(home, run_cli) if row["vm"] == "ext"]
    assert parse_instant(row["held_since"]) == done_at


def test_a_change_that_fails_leaves_the_grant_and_can_be_tried_again(call, ctx, granted):
    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_faults(folder, Faults(steps=(StepFault("web-2", "create", "refuse", 1),)))
    call("otto", "execute", granted, "--yes", code=5)
    assert shown(call, granted)["state"] == "granted"
    write_faults(folder, Faults())
    call("otto", "execute", granted, "--yes")
    assert shown(call, granted)["vms"] == ["web-1", "web-2"]


def test_a_change_resumed_by_itself_is_concluded_by_the_scheduler(call, ctx, as_person, granted):
    from cloudctl.daemon.jobs import _deadlines, _reconcile

    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_faults(folder, Faults(pool_down=False, steps=(StepFault("web-2", "create", "late", 3600),)))
    call("otto", "execute", granted, "--yes", code=6)
    assert shown(call, granted)["state"] == "executing"
    write_faults(folder, Faults())
    ctx.clock.advance(timedelta(hours=2))
    assert "1 requests concluded" in _reconcile(as_person(ctx, "olga"), ctx.clock.now())
    assert shown(call, granted)["state"] == "done"
    assert "0 grants lapsed" in _deadlines(as_person(ctx, "olga"), ctx.clock.now())


def test_a_pool_that_does_not_answer_is_a_finding_and_stands_against_a_grant(call, ctx, asked):
    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_faults(folder, Faults(pool_down=True))
    found = call("olga", "check", asked, "--dry-run", "-o", "json")
    assert any("does not answer" in row["text"] for row in found["findings"] if row["verdict"] == "bad")
    call("olga", "check", asked, "--yes")
    call("pan", "approve", asked, "--yes", code=5)
    write_faults(folder, Faults())
    call("pan", "approve", asked, "--yes")
    write_faults(folder, Faults(pool_down=True))
    call("otto", "execute", asked, "--yes", code=6)
    assert shown(call, asked)["state"] == "granted"
