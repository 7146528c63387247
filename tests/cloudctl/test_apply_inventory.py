"""Plan and apply: the ledger and the clouds come to the file, once; what must not happen is refused whole."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from cloudctl.core.errors import InvalidInput, Refused
from cloudctl.core.estate import find_unit, units
from cloudctl.core.identity import Role
from cloudctl.core.inventory.plan import load_plan, save_plan
from cloudctl.core.quantity import Size
from cloudctl.core.tables import AuditRow
from cloudctl.operations.estate.apply_inventory import apply_inventory
from cloudctl.operations.estate.export_inventory import export_inventory
from cloudctl.operations.estate.plan_inventory import plan_again
from cloudctl.operations.estate.read_estate import read_estate
from cloudctl.operations.machines.execute_change import ChangeFailed, change_machines
from cloudctl.operations.machines.plan_vm import plan_resize
from metering.allocations import current_allocations, size_of
from metering.store import Seal, mark_sealed
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.model import LiveRange
from provisioning.steps import create_step
from provisioning.store import changes, find_vm, hosts, open_pool_driver, pools, vms
from tests.cloudctl.small_inventory import MACHINES, NOW, apply, held, kinds, local, many, plan_of, text_of


def test_the_first_apply_brings_everything_and_the_second_has_nothing_to_do(ctx):
    outcome = apply(ctx)

    with ctx.reading() as session:
        names = {row.name: row.state for row in vms(session)}
        pool = next(pool for pool in pools(session) if pool.code == "lab")
        driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
        seen = {machine.name: machine.size for machine in driver.observe().machines}
        driver.close()
        ids = {row.name: row.id for row in vms(session)}
        sizes = {vm_id: size_of(row) for vm_id, row in current_allocations(session, pool.id).items()}
    assert names == {"db": "active", "web": "active", "204": "active"}
    assert seen == {"db": sizes[ids["db"]], "web": sizes[ids["web"]]}
    assert outcome.change is not None
    assert plan_of(ctx, text_of()).steps == ()
    assert apply(ctx).steps == 0


def test_a_declared_history_becomes_exact_allocations(ctx):
    apply(ctx)

    assert held(ctx, "204") == [
        (local("2026-08-01"), local("2026-09-01"), 1, "fin"),
        (local("2026-09-01"), None, 4, "fin"),
    ]


def test_every_step_is_in_the_audit_chain(ctx):
    plan = plan_of(ctx, text_of())
    apply_inventory(ctx, plan)

    with ctx.reading() as session:
        actions = [(row.action, row.subject) for row in session.query(AuditRow).order_by(AuditRow.sequence)]
    assert ("unit.add", "fin") in actions
    assert ("host.add", "lab/h1") in actions
    assert ("vm.declare", "204") in actions
    assert ("vm.create", "db") in actions
    assert ("inventory.apply", plan.checksum) in actions


def test_changed_records_are_shown_with_what_changes_alone(ctx):
    apply(ctx)

    plan = plan_of(
        ctx, text_of().replace("财政局", "财政局（新）").replace("condition: aged", "condition: failed")
    )

    assert [(step.target, step.before, step.after) for step in plan.steps] == [
        ("unit:fin", {"name": "财政局"}, {"name": "财政局（新）"}),
        ("equipment:srv", {"condition": "aged"}, {"condition": "failed"}),
    ]
    apply_inventory(ctx, plan)
    with ctx.reading() as session:
        assert find_unit(session, "fin").name == "财政局（新）"


def test_a_section_left_out_is_left_alone_and_an_empty_one_empties(ctx):
    apply(ctx)

    assert plan_of(ctx, "version: 1\n").steps == ()
    assert kinds(plan_of(ctx, "version: 1\nequipment: []\n")) == [("remove", "equipment:srv")]


def test_a_section_left_out_is_still_known_to_the_others(ctx):
    apply(ctx)

    plan = plan_of(ctx, "version: 1\nequipment: [{code: new, unit: edu, kind: other, condition: working}]\n")

    assert kinds(plan) == [("add", "equipment:new"), ("remove", "equipment:srv")]
    with pytest.raises(InvalidInput, match=r"inventory\.yaml:1:1 \(equipment: srv\): There is no unit “fin”"):
        plan_of(ctx, "version: 1\nunits: [{code: edu, name: 教育局}]\n")
    with pytest.raises(InvalidInput, match="There is no unit “nix”"):
        plan_of(ctx, "version: 1\nequipment: [{code: new, unit: nix, kind: other, condition: working}]\n")


def test_the_founder_is_in_no_inventory_and_stays(ctx):
    apply(ctx)

    assert plan_of(ctx, "version: 1\npeople: []\n").steps[0].target == "person:wang"
    apply(ctx, "version: 1\npeople: []\n", force=True)
    assert plan_of(ctx, "version: 1\npeople: []\n").steps == ()
    with ctx.reading() as session:
        assert read_estate(session).founders


# Who holds what


def test_a_system_that_changes_hands_takes_its_machines_along_from_now_on(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(days=1))

    apply(ctx, text_of().replace("name: 非税, unit: fin", "name: 非税, unit: edu"))

    assert held(ctx, "db") == [(NOW, ctx.clock.now(), 8, "fin"), (ctx.clock.now(), None, 8, "edu")]
    assert held(ctx, "204")[-2:] == [
        (local("2026-09-01"), ctx.clock.now(), 4, "fin"),
        (ctx.clock.now(), None, 4, "edu"),
    ]
    assert plan_of(ctx, text_of().replace("name: 非税, unit: fin", "name: 非税, unit: edu")).steps == ()


def test_a_machine_that_changes_its_system_is_held_for_the_other_unit_from_now_on(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(days=1))
    moved = MACHINES | {
        name: MACHINES[name].replace("system: tax", "system: school") for name in ("db", "204")
    }

    assert kinds(plan_of(ctx, text_of(moved))) == [("transfer", "204"), ("transfer", "db")]
    apply(ctx, text_of(moved))

    assert [row[3] for row in held(ctx, "db")] == ["fin", "edu"]
    assert [row[3] for row in held(ctx, "204")] == ["fin", "fin", "edu"]
    assert plan_of(ctx, text_of(moved)).steps == ()


@pytest.mark.parametrize(
    ("was", "becomes"),
    [("system: tax, pool: pub", "system: school, pool: pub"), ("vcpus: 4}]", "vcpus: 5}]")],
)
def test_a_machine_in_hand_is_neither_handed_over_nor_corrected(ctx, was, becomes):
    apply(ctx)
    outcome = change_machines(ctx, plan_resize(ctx, "204", vcpus=2).steps, "smaller")
    assert outcome.state == "ordered"
    before = held(ctx, "204")

    with pytest.raises(Refused, match=f"204 is in hand: change {outcome.change} by {ctx.actor.login}, since"):
        apply(ctx, text_of().replace(was, becomes))

    assert held(ctx, "204") == before


def test_a_corrected_history_moves_sizes_and_never_owners(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(days=1))
    handed = text_of().replace("name: 非税, unit: fin", "name: 非税, unit: edu")
    apply(ctx, handed)

    corrected = handed.replace("from: 2026-09-01", "from: 2026-08-20")
    assert kinds(plan_of(ctx, corrected)) == [("correct", "204")]
    apply(ctx, corrected)

    assert held(ctx, "204") == [
        (local("2026-08-01"), local("2026-08-20"), 1, "fin"),
        (local("2026-08-20"), ctx.clock.now(), 4, "fin"),
        (ctx.clock.now(), None, 4, "edu"),
    ]
    assert plan_of(ctx, corrected).steps == ()


def test_a_closed_month_is_corrected_by_no_declaration(ctx):
    apply(ctx)
    before = held(ctx, "204")
    with ctx.writing() as session:
        mark_sealed(session, [], Seal(local("2026-08-01"), local("2026-09-01")), ctx.clock.now())

    for text in (
        text_of().replace("from: 2026-09-01", "from: 2026-08-20"),
        text_of(MACHINES | {"205": MACHINES["204"]}),
    ):
        with pytest.raises(Refused, match="is settled and closed"):
            apply(ctx, text)
    assert held(ctx, "204") == before
    apply(ctx, text_of().replace("from: 2026-09-01", "from: 2026-09-02"))
    assert held(ctx, "204")[-1][0] == local("2026-09-02")


# Nothing or everything


def test_a_machine_that_fits_nowhere_leaves_nothing_behind(ctx):
    text = text_of(MACHINES | {"huge": "system: tax, pool: lab, vcpus: 2, memory_mib: 99999"})

    with pytest.raises(Refused, match="No host can take huge"):
        apply(ctx, text)

    with ctx.reading() as session:
        assert (list(units(session)), list(vms(session)), list(hosts(session))) == ([], [], [])
        assert list(changes(session)) == []


def test_a_change_that_a_cloud_refuses_is_undone_and_planned_again(ctx):
    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True)
    (folder / "faults.json").write_text('{"steps": [{"name": "web", "kind": "create", "does": "refuse"}]}')

    with pytest.raises(ChangeFailed):
        apply(ctx)

    assert kinds(plan_of(ctx, text_of())) == [("create", "db"), ("create", "web")]
    (folder / "faults.json").unlink()
    apply(ctx)
    assert plan_of(ctx, text_of()).steps == ()


def test_only_an_operator_applies_and_only_an_administrator_touches_people(ctx, as_person):
    apply(ctx)
    operator = as_person(ctx, "li", "operator")
    finance = as_person(ctx, "qian", "finance")
    with pytest.raises(Refused, match="roles"):
        apply(finance, text_of().replace("condition: aged", "condition: failed"))

    mighty = text_of().replace("roles: [finance]", "roles: [finance, sysadmin]")
    with pytest.raises(Refused, match="sysadmin, secadmin"):
        apply(operator, mighty, force=True)
    apply(
        operator,
        "version: 1\nequipment: [{code: new, unit: edu, kind: other, condition: working}]\n",
        force=True,
    )
    assert ctx.actor.has(Role.SYSADMIN)


def test_problems_with_the_ledger_come_with_their_places(ctx):
    apply(ctx)
    text = text_of(
        MACHINES
        | {
            "db": MACHINES["db"].replace("ssd: 500", "ssd: 400"),
            "web": MACHINES["web"]
            .replace("pool: lab", "pool: pub")
            .replace(", network: office", ", since: 2026-09-01T00:00:00+08:00"),
        }
    )

    with pytest.raises(InvalidInput) as refused:
        plan_of(ctx, text)
    assert [str(fault) for fault in refused.value.problems] == [
        "inventory.yaml:17:84: Storage cannot shrink in place: the machine holds 500 GiB of ssd.",
        "inventory.yaml:18:38: The machine stands in pool lab; it cannot change its pool.",
    ]


# The way back


def test_an_export_plans_to_nothing_here_and_to_the_same_elsewhere(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(days=1))
    ended = MACHINES | {"204": MACHINES["204"] + ", until: 2026-09-15T00:00:00+08:00"}
    apply(ctx, text_of(ended).replace("name: 非税, unit: fin", "name: 非税, unit: edu"), force=True)

    exported = export_inventory(ctx)

    assert plan_of(ctx, exported).steps == ()
    assert export_inventory(ctx) == exported


def test_an_export_plans_to_nothing_when_an_image_that_machines_were_made_from_is_gone(ctx):
    apply(ctx)
    gone = text_of({name: rest.replace(", image: debian12", "") for name, rest in MACHINES.items()})
    apply(ctx, gone.replace("images: [{code: debian12, pool: lab, source: debian-12.qcow2}]", "images: []"))

    exported = export_inventory(ctx)

    assert "debian12" not in exported
    assert plan_of(ctx, exported).steps == ()
    assert plan_of(ctx, "version: 1\nequipment: []\n").steps != (), "and a file without machines is taken in"


def test_an_empty_home_exports_what_plans_to_nothing(ctx):
    assert plan_of(ctx, export_inventory(ctx)).steps == ()


def test_four_thousand_machines_are_planned_in_a_few_seconds(ctx):
    text = text_of(many(4000))

    began = time.process_time()
    plan = plan_of(ctx, text)
    fresh = time.process_time() - began
    assert sum(step.kind == "declare" for step in plan.steps) == 4000
    apply_inventory(ctx, plan)
    began = time.process_time()
    assert plan_of(ctx, text).steps == ()
    assert max(fresh, time.process_time() - began) < 6


def test_a_resize_is_live_as_far_as_the_machine_in_its_cloud_bears_it(ctx, monkeypatch):
    apply(ctx)
    larger = MACHINES | {"db": MACHINES["db"].replace("vcpus: 8", "vcpus: 12")}
    (step,) = plan_of(ctx, text_of(larger)).steps
    assert (step.kind, step.is_live) == ("resize", True)
    seen = EmbeddedDriver.observe
    monkeypatch.setattr(EmbeddedDriver, "observe", lambda driver: no_more_than(10, seen(driver)))
    (step,) = plan_of(ctx, text_of(larger)).steps
    assert not step.is_live, "its cloud says that it grows no further while it runs"


def no_more_than(vcpus, observation):
    machines = [replace(each, live=LiveRange(1, vcpus, 1 << 20)) for each in observation.machines]
    return replace(observation, machines=tuple(machines))


# Adoption


def found_in_the_cloud(ctx, name, size):
    """A machine that somebody made in the pool's cloud without asking us."""
    with ctx.reading() as session:
        pool = next(pool for pool in pools(session) if pool.code == "lab")
        driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
    driver.apply(create_step(-1, name, size, host="h1"))
    driver.close()
    with closing(sqlite3.connect(ctx.home / "clouds" / "lab" / "cloud.sqlite")) as cloud, cloud:
        cloud.execute("UPDATE machine SET vm_id = NULL WHERE name = ?", (name,))


def test_a_machine_nobody_answers_for_is_adopted_as_it_is_and_then_resized(ctx):
    apply(ctx)
    ctx.clock.advance(timedelta(hours=1))
    found_in_the_cloud(ctx, "wild", Size(2, 4096, {"ssd": 50}))
    ctx.clock.advance(timedelta(hours=1))
    text = text_of(
        MACHINES | {"wild": "system: school, pool: lab, vcpus: 4, memory_mib: 4096, storage_gib: {ssd: 50}"}
    )

    assert kinds(plan_of(ctx, text)) == [("adopt", "wild"), ("resize", "wild")]
    apply(ctx, text)

    with ctx.reading() as session:
        pool = next(pool for pool in pools(session) if pool.code == "lab")
        driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
        (machine,) = [machine for machine in driver.observe().machines if machine.name == "wild"]
        row = find_vm(session, "wild")
        driver.close()
    assert (machine.vm_id, row.state, row.host, row.external_id) == (
        row.id,
        "active",
        "h1",
        machine.external_id,
    )
    assert machine.size == Size(4, 4096, {"ssd": 50})
    assert held(ctx, "wild")[-1][1:] == (None, 4, "edu")
    assert plan_of(ctx, text).steps == ()


def test_a_plan_to_create_is_refused_when_the_cloud_has_got_such_a_machine_meanwhile(ctx, tmp_path):
    apply(ctx)
    text = text_of(MACHINES | {"wild": "system: school, pool: lab, vcpus: 2, memory_mib: 4096"})
    save_plan(plan_of(ctx, text), tmp_path / "plan.json")
    found_in_the_cloud(ctx, "wild", Size(2, 4096))

    with pytest.raises(Refused, match="changed since this plan was saved"):
        plan_again(ctx, load_plan(tmp_path / "plan.json"), "plan.json")
