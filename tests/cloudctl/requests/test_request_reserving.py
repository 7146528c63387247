"""The technical check, and the room and money that a grant keeps."""

from datetime import timedelta

import pytest

from cloudctl.core.tables import EquipmentRow
from provisioning.drivers.embedded.faults import Faults, write_faults
from tests.cloudctl.requests.asking import WEB, shown


def test_the_check_names_what_it_looked_at(call, asked):
    found = call("olga", "check", asked, "--dry-run", "-o", "json")

    assert found["passed"] is True
    assert found["monthly_price"] == "780.00"
    assert {row["subject"] for row in found["findings"]} == {
        "image", "network", "capacity", "quota", "price", "budget", "hold",
    }  # fmt: skip
    assert shown(call, asked)["state"] == "submitted"


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
    assert "nothing to do" not in call("olga", "expire", "--yes").stderr
    assert "There is nothing to do." in call("olga", "expire").stderr
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


def test_a_machine_put_aside_reserves_no_growth(call, ask, home, run_cli, granted):
    def free():
        (lab, _) = call("olga", "survey", "forecast", "-o", "json")
        return lab["free"]["vcpus"]

    call("otto", "execute", granted, "--yes")
    before = free()
    number = ask("resize", "--machine", "web-1,vcpus=8")
    call("olga", "check", number, "--yes")
    call("pan", "approve", number, "--yes")
    assert free() == before - 6
    assert run_cli(home, "vm", "retire", "web-1", "--yes", login="otto").exit_code == 0
    assert free() == before, "put aside it keeps what it held"
