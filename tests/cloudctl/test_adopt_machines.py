"""Machines that were there before cloudctl: listed with their likely owners, decided on in a sheet, taken over."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta

import openpyxl
import pytest

from cloudctl.core.errors import InvalidInput, Refused, Unreachable
from cloudctl.core.quantity import Size
from cloudctl.operations.machines.adopt_machines import adopt_machines
from cloudctl.operations.machines.adoption_sheet import make_adoption_sheet, read_adoption_sheet
from cloudctl.operations.machines.list_orphans import list_orphans
from cloudctl.operations.machines.rebuild_owners import plan_rebuilding
from metering.allocations import current_allocations
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.steps import create_step
from provisioning.store import find_vm, keep_vm_ids_ahead, open_pool_driver, pools, vm_names
from provisioning.tables import VmRow
from reports.forms.adoption_sheet import LIST_SHEET, column_of
from tests.provisioning.estate import build_estate, planned_vm

ESTATE = """version: 1
site: {name: 试验市, timezone: Asia/Shanghai, currency: CNY, language: en}
units: [{code: fin, name: 财政局}, {code: edu, name: 教育局}]
systems:
- {code: tax, name: 非税, unit: fin}
- {code: tax-web, name: 门户, unit: fin}
- {code: exam, name: 考试, unit: edu}
pools: [{code: lab, name: 演示云, driver: embedded}]
hosts:
- {code: h1, pool: lab, vcpus: 64, memory_mib: 262144, storage_gib: {ssd: 20000}}
"""
SIZE = Size(2, 4096, {"ssd": 50})


@pytest.fixture
def wild(ctx, home, run_cli, tmp_path):
    """wild(name, **labels): makes a machine that carries no id of ours."""
    path = tmp_path / "estate.yaml"
    path.write_text(ESTATE, encoding="utf-8")
    assert run_cli(home, "inventory", "apply", path, "--yes").exit_code == 0
    count = iter(range(-1, -99, -1))

    def make(name, **labels):
        with ctx.reading() as session:
            driver = open_pool_driver(session, pools(session)[0], ctx.home, ctx.clock)
        driver.apply(create_step(next(count), name, SIZE, host="h1"))
        driver.close()
        with closing(sqlite3.connect(home / "clouds" / "lab" / "cloud.sqlite")) as cloud, cloud:
            change = "UPDATE machine SET vm_id = NULL, labels = ? WHERE name = ?"
            cloud.execute(change, (json.dumps(labels), name))

    return make


@pytest.fixture
def three(ctx, wild):
    """Two whose owner speaks for itself, and one that nobody can place."""
    wild("tax-web-1")
    wild("old-box", project="教育局")
    wild("mystery")
    ctx.clock.advance(timedelta(days=3))


def filled(ctx, path, **cells):
    """Makes the sheet and fills cells in: {"mystery": {"decision": …}}; returns the workbook's path."""
    make_adoption_sheet(ctx, path)
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    lines = {page.cell(row, column_of("vm")).value: row for row in range(2, page.max_row + 1)}
    for name, values in cells.items():
        for key, value in values.items():
            page.cell(lines[name], column_of(key)).value = value
    book.save(path)
    return path


def refused(ctx, path):
    with pytest.raises(InvalidInput) as refusal:
        read_adoption_sheet(ctx, path)
    return {problem.place.rpartition("!")[2]: str(problem.message) for problem in refusal.value.problems}


def proposals(ctx):
    found = list_orphans(ctx).found
    return {each.machine.name: (each.proposal.system, each.proposal.rule) for each in found}


def test_owners_are_proposed_by_metadata_then_name_then_project(ctx, wild):
    wild("tax-1", system="exam")
    wild("tax-web-1")
    wild("tax_db")
    wild("taxi-1")
    wild("box-1", project="edu")
    wild("box-2", project="财政局")
    assert proposals(ctx) == {
        "tax-1": ("exam", "metadata"),
        "tax-web-1": ("tax-web", "name"),
        "tax_db": ("tax", "name"),
        "taxi-1": (None, None),
        "box-1": ("exam", "project"),
        "box-2": (None, "project"),
    }


RULES = """rules:
  - {name: "fs-*", pool: lab, system: tax}
  - {project: "edu-*", name: "*web*", system: exam}
  - {metadata: {owner: "zhang?"}, system: tax-web}
"""


def test_a_sites_own_rules_speak_after_metadata_and_before_names(ctx, home, run_cli, wild, tmp_path):
    wild("fs-1", system="exam")
    wild("fs-2")
    wild("tax-1", owner="zhang3")
    wild("tax-2", owner="zhang33")
    wild("web-1", project="edu-2")
    wild("app-1", project="edu-2")
    path = tmp_path / "owners.yaml"
    path.write_text(RULES)
    listed = run_cli(home, "vm", "adopt", "--rules", path, "-o", "json")
    assert listed.exit_code == 0, listed.stderr
    assert {row["vm"]: (row["system"], row["rule"]) for row in json.loads(listed.stdout)} == {
        "fs-1": ("exam", "metadata"),
        "fs-2": ("tax", "site"),
        "tax-1": ("tax-web", "site"),
        "tax-2": ("tax", "name"),
        "web-1": ("exam", "site"),
        "app-1": (None, None),
    }
    sheet = ("vm", "adopt", "--rules", path, "--sheet", tmp_path / "m.xlsx")
    assert run_cli(home, *sheet, "--dry-run").exit_code == 0
    assert not (tmp_path / "m.xlsx").exists()
    made = run_cli(home, *sheet)
    assert made.exit_code == 0, made.stderr
    done = run_cli(home, "vm", "adopt", "--from", tmp_path / "m.xlsx", "--yes")
    assert done.exit_code == 0, done.stderr
    rows = json.loads(run_cli(home, "vm", "list", "-o", "json").stdout)
    assert {row["vm"]: row["system"] for row in rows}["fs-2"] == "tax"


def test_every_fault_of_a_rule_file_is_told_with_its_place(home, run_cli, wild, tmp_path):
    path = tmp_path / "owners.yaml"
    path.write_text('rules:\n  - {name: "x", system: nix}\n  - {pool: mars, system: tax}\n')
    told = run_cli(home, "vm", "adopt", "--rules", path)
    assert told.exit_code == 3
    for words in (":2:", "no system “nix”", ":3:", "no pool “mars”", "name, project or metadata"):
        assert words in told.stderr
    path.write_text('rules:\n  - {nme: "x", system: tax}\n')
    assert "owners.yaml:2:" in run_cli(home, "vm", "adopt", "--rules", path).stderr
    assert run_cli(home, "vm", "adopt", "--rules", tmp_path / "none.yaml").exit_code == 4


def test_the_list_is_what_the_ledger_lacks(ctx, home, run_cli, three):
    rows = json.loads(run_cli(home, "vm", "adopt", "-o", "json").stdout)
    assert [(row["vm"], row["system"], row["unit"]) for row in rows] == [
        ("mystery", None, None),
        ("old-box", "exam", "edu"),
        ("tax-web-1", "tax-web", "fin"),
    ]
    assert run_cli(home, "vm", "adopt").exit_code == 0


def test_a_filled_sheet_is_adopted_from_the_stated_time_and_nothing_else_changes(
    ctx, home, run_cli, three, tmp_path
):
    path = filled(
        ctx,
        tmp_path / "m.xlsx",
        mystery={"decision": "adopt", "system": "tax"},
        **{"old-box": {"decision": "leave"}},
    )
    before = {each.machine.name: each.machine for each in list_orphans(ctx).found}
    at = ctx.clock.now() - timedelta(days=2)
    done = run_cli(home, "vm", "adopt", "--from", path, "--at", at.isoformat(), "--yes")
    assert done.exit_code == 0, done.stderr
    with ctx.reading() as session:
        names, held = vm_names(session), current_allocations(session)
    assert {names[vm]: row.start for vm, row in held.items()} == {"mystery": at, "tax-web-1": at}
    assert list(proposals(ctx)) == ["old-box"]
    with ctx.reading() as session:
        driver = open_pool_driver(session, pools(session)[0], ctx.home, ctx.clock)
    now = {machine.name: machine for machine in driver.observe().machines}
    driver.close()
    for name in ("mystery", "tax-web-1"):
        assert (now[name].size, now[name].state, now[name].host) == (SIZE, before[name].state, "h1")
        assert now[name].labels["system"] in ("tax", "tax-web")


def test_after_adoption_the_exported_inventory_plans_to_nothing(ctx, home, run_cli, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx", mystery={"decision": "adopt", "system": "tax"})
    assert run_cli(home, "vm", "adopt", "--from", path, "--at", "2026-10-01", "--dry-run").exit_code == 0
    assert run_cli(home, "vm", "adopt", "--from", path, "--yes").exit_code == 0
    exported = tmp_path / "inventory.yaml"
    exported.write_text(run_cli(home, "inventory", "export").stdout, encoding="utf-8")
    planned = json.loads(run_cli(home, "inventory", "plan", exported, "-o", "json").stdout)
    assert planned["steps"] == []
    assert "mystery" in exported.read_text(encoding="utf-8")
    assert run_cli(home, "inventory", "drift", "--check").exit_code == 0


def test_what_lies_in_storage_that_its_pool_names_no_tier_for_is_exported_as_it_is(
    home, run_cli, wild, tmp_path
):
    wild("tax-1")
    tiered = tmp_path / "tiered.yaml"
    tiered.write_text(
        ESTATE.replace("driver: embedded}", "driver: embedded, tiers: {hdd: default}}").replace("ssd", "hdd")
    )
    assert run_cli(home, "inventory", "apply", tiered, "--yes").exit_code == 0
    assert run_cli(home, "vm", "adopt", "tax-1", "--system", "tax", "--yes").exit_code == 0
    exported = tmp_path / "inventory.yaml"
    assert run_cli(home, "inventory", "export", exported).exit_code == 0
    planned = run_cli(home, "inventory", "plan", exported, "-o", "json")
    assert planned.exit_code == 0, planned.stderr
    assert json.loads(planned.stdout)["steps"] == []
    text = exported.read_text(encoding="utf-8")
    assert "ssd: 50" in text
    other = text.replace("name: tax-1", "name: tax-2")
    exported.write_text(other, encoding="utf-8")
    assert "has no storage tier “ssd”" in run_cli(home, "inventory", "plan", exported).stderr


def test_every_problem_of_a_sheet_is_told_with_its_cell(ctx, three, tmp_path):
    path = filled(
        ctx,
        tmp_path / "m.xlsx",
        mystery={"decision": "adopt"},
        **{"old-box": {"decision": "maybe", "system": 7}, "tax-web-1": {"system": "nix", "vcpus": 3}},
    )
    assert refused(ctx, path) == {
        "L2": "Say which system takes it over.",
        "K3": "“maybe” is no decision: 接管, 不管, adopt, leave.",
        "L3": "Text is wanted here, not 7.",
        "L4": "There is no system “nix”.",
        "F4": "The cloud says 2 here; make a new sheet.",
    }


def test_formulas_merged_cells_and_hidden_rows_are_refused(ctx, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx", mystery={"system": '=CONCATENATE("t","ax")'})
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    page.merge_cells("A3:B3")
    page.row_dimensions[4].hidden = True
    book.save(path)
    assert set(refused(ctx, path)) == {"L2", "A3", "A4"}


def test_another_workbook_is_refused_by_its_headings(ctx, three, tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"] = "names"
    book.save(tmp_path / "other.xlsx")
    assert refused(ctx, tmp_path / "other.xlsx")["A1"].startswith("Here the heading")


def test_a_sheet_that_lost_its_machines_is_refused(ctx, tmp_path):
    book = openpyxl.Workbook()
    book.active.title = LIST_SHEET
    book.save(tmp_path / "lost.xlsx")
    with pytest.raises(InvalidInput):
        read_adoption_sheet(ctx, tmp_path / "lost.xlsx")


def test_a_row_twice_and_a_machine_that_is_gone_are_refused(ctx, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx", mystery={"decision": "adopt", "system": "tax"})
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    for column in range(1, column_of("system") + 1):
        page.cell(5, column).value = page.cell(2, column).value
        page.cell(6, column).value = page.cell(2, column).value
    page.cell(6, column_of("external_id")).value = "sim-99"
    book.save(path)
    assert refused(ctx, path) == {
        "B5": "Row 2 speaks of this machine too.",
        "B6": "No cloud shows this machine without an owner any more.",
    }


def test_of_two_rows_that_say_otherwise_neither_is_taken(ctx, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx", mystery={"decision": "adopt", "system": "tax"})
    book = openpyxl.load_workbook(path)
    page = book.worksheets[0]
    for column in range(1, column_of("system")):
        page.cell(5, column).value = page.cell(2, column).value
    page.cell(5, column_of("decision")).value = "leave"
    book.save(path)
    assert refused(ctx, path) == {"B5": "Row 2 speaks of this machine too."}


def test_decisions_on_another_sheet_are_not_passed_over(ctx, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx")
    book = openpyxl.load_workbook(path)
    book.create_sheet("More").append(["lab", "sim-99", "adopt"])
    book.save(path)
    assert refused(ctx, path) == {"A1": "This sheet is not of the form."}


def test_names_that_the_ledger_could_not_keep_are_refused(ctx, wild, tmp_path):
    wild("=cmd|' /C calc'!A0")
    wild("tax 1")
    path = filled(ctx, tmp_path / "m.xlsx", **{"tax 1": {"decision": "adopt", "system": "tax"}})
    (why,) = refused(ctx, path).values()
    assert "no name for the ledger" in why


def test_a_time_that_lies_ahead_is_refused(ctx, three):
    from cloudctl.operations.machines.adopt_vm import plan_adoption

    adoption = plan_adoption(ctx, "mystery", "tax", None)
    with pytest.raises(Refused, match="future"):
        adopt_machines(ctx, [adoption], "", ctx.clock.now() + timedelta(hours=1))


def test_one_that_its_cloud_refuses_is_left_and_can_be_adopted_later(ctx, home, run_cli, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx", mystery={"decision": "adopt", "system": "tax"})
    write_faults(home / "clouds" / "lab", Faults(steps=(StepFault("mystery", "adopt", "refuse"),)))
    outcome = adopt_machines(ctx, read_adoption_sheet(ctx, path), "")
    assert {step.vm: step.state for step in outcome.steps} == {
        "mystery": "failed",
        "old-box": "done",
        "tax-web-1": "done",
    }
    write_faults(home / "clouds" / "lab", Faults())
    assert run_cli(home, "vm", "adopt", "mystery", "--system", "tax", "--yes").exit_code == 0


def test_after_losing_the_ledger_metadata_says_who_owns_what(ctx, home, run_cli, three, tmp_path):
    path = filled(ctx, tmp_path / "m.xlsx", mystery={"decision": "adopt", "system": "tax"})
    assert run_cli(home, "vm", "adopt", "--from", path, "--yes").exit_code == 0
    assert run_cli(home, "vm", "retire", "old-box", "--yes").exit_code == 0
    listed = json.loads(run_cli(home, "vm", "list", "-o", "json").stdout)
    with ctx.reading() as session:
        ids = {name: find_vm(session, name).id for name in ("mystery", "tax-web-1")}

    fresh = tmp_path / "fresh"
    assert run_cli(fresh, "init").exit_code == 0
    (fresh / "cloudctl.toml").write_text('[clock]\nmode = "driven"\n')
    shutil.copy(home / "clock", fresh / "clock")
    assert run_cli(fresh, "inventory", "apply", tmp_path / "estate.yaml", "--yes").exit_code == 0
    shutil.copytree(home / "clouds", fresh / "clouds", dirs_exist_ok=True)
    done = run_cli(fresh, "vm", "adopt", "--rebuild", "--yes")

    assert done.exit_code == 0, done.stderr
    assert "old-box is left" in done.stderr
    again = json.loads(run_cli(fresh, "vm", "list", "-o", "json").stdout)
    keys = ("vm", "system", "unit", "host", "vcpus", "memory_mib", "storage_gib")
    assert [[row[key] for key in keys] for row in again] == [
        [row[key] for key in keys] for row in listed if row["vm"] != "old-box"
    ]
    with closing(sqlite3.connect(fresh / "ledger.sqlite")) as ledger:
        assert dict(ledger.execute("SELECT name, id FROM vm")) == ids
    assert run_cli(fresh, "vm", "adopt", "--rebuild", "--yes").exit_code == 5, (
        "there is nothing left to adopt"
    )


def test_after_rows_with_ids_of_their_own_the_next_id_is_a_new_one(ctx):
    estate = build_estate(ctx)
    with ctx.writing() as session:
        session.add(
            VmRow(id=50, uuid="u", name="kept", pool_id=estate.lab, system_id=estate.tax, state="planned")
        )
        session.flush()
        keep_vm_ids_ahead(session)
    assert planned_vm(ctx, "next", estate.lab, estate.tax) == 51


def test_nothing_is_rebuilt_while_a_pool_keeps_its_ids_to_itself(ctx, home, run_cli, three):
    write_faults(home / "clouds" / "lab", Faults(pool_down=True))
    with pytest.raises(Unreachable):
        plan_rebuilding(ctx)
    assert run_cli(home, "vm", "adopt", "--rebuild", "--dry-run").exit_code == 6


def test_rebuilding_leaves_what_carries_no_owner(ctx, three):
    found = plan_rebuilding(ctx)
    assert (found.adoptions, len(found.left)) == ((), 3)


@pytest.mark.parametrize(
    "words",
    [
        ["x", "--rebuild"],
        ["--rebuild", "--rules", "r.yaml"],
        ["x"],
        ["--system", "tax"],
        ["--sheet", "a", "--from", "b"],
        ["--at", "2026-10-01"],
        ["--sheet", "a", "--at", "2026-10-01"],
        ["--from", "b", "--pool", "lab"],
    ],
)
def test_what_does_not_go_together_is_a_wrong_use(home, run_cli, wild, words):
    assert run_cli(home, "vm", "adopt", *words).exit_code == 2
