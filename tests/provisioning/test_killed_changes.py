"""A change whose process is killed at any point, and resumed, ends as if nobody had killed it."""

import json
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cloudctl.core.audit import verify
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context, open_context
from cloudctl.operations.machines.evacuate_host import plan_evacuation
from cloudctl.operations.machines.execute_change import begin_change, change_machines, journal_change
from cloudctl.operations.machines.plan_vm import plan_retire
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.steps import (
    create_step,
    delete_step,
    migrate_step,
    reboot_step,
    resize_step,
    shelve_step,
    stop_step,
    unshelve_step,
)
from tests.provisioning.estate import HALF, SMALL, build_estate, planned_vm

PROGRAM = Path(__file__).with_name("killed_run.py")


def prepare(ctx: Context, *, is_undone: bool) -> int:
    """Machines a to d stand; a change with all kinds of steps waits in the journal. Its number.

    is_undone: the cloud will refuse its last step, and nothing in it is beyond being taken back.
    """
    estate = build_estate(ctx)
    ids = {name: planned_vm(ctx, name, estate.lab, estate.tax) for name in "abcdef"}
    change_machines(ctx, [create_step(ids[name], name, SMALL) for name in "abcd"], "before")
    ctx.clock.advance(timedelta(hours=5, seconds=7))  # type: ignore[attr-defined]
    storage = 100 if is_undone else 200
    steps = [
        create_step(ids["e"], "e", SMALL),
        resize_step(ids["a"], "a", SMALL, HALF),
        resize_step(ids["b"], "b", SMALL, Size(8, 8192, {"ssd": storage}), is_live=False),
        migrate_step(ids["c"], "c", None, None),
        reboot_step(ids["b"], "b", ctx.clock.now()),
        stop_step(ids["d"], "d"),
        *([] if is_undone else [delete_step(ids["d"], "d", SMALL, None)]),
        create_step(ids["f"], "f", HALF),
    ]
    if is_undone:
        write_faults(ctx.home / "clouds" / "lab", Faults(steps=(StepFault("f", "create", "refuse"),)))
    return begin_change(ctx, steps, "under test")


@pytest.mark.parametrize("late", [False, True], ids=["at_once", "an_hour_later"])
def test_a_change_killed_anywhere_ends_the_same(ctx, tmp_path, late):
    points = kill_everywhere(ctx.home, tmp_path / "work", prepare(ctx, is_undone=False), late)
    assert points == 40, "eight steps, three samples: a commit or a call has gone unwatched, or come"
    whole = snapshot(tmp_path / "work" / "whole", with_instants=not late)
    assert whole["change"] == "done"
    assert_same(tmp_path / "work", points, whole, with_instants=not late)


def test_an_undo_killed_anywhere_ends_the_same(ctx, tmp_path):
    points = kill_everywhere(ctx.home, tmp_path / "work", prepare(ctx, is_undone=True), late=False)
    whole = snapshot(tmp_path / "work" / "whole", with_instants=True)
    assert whole["change"] == "undone"
    assert [(row[0], row[3], *row[4:6]) for row in whole["machines"]] == [
        (name, "running", 4, 8192) for name in "abcd"
    ]
    assert_same(tmp_path / "work", points, whole, with_instants=True)


def test_a_change_killed_anywhere_and_taken_back_leaves_ledger_and_cloud_agreed(ctx, tmp_path):
    change = prepare(ctx, is_undone=False)
    points = kill_everywhere(ctx.home, tmp_path / "work", change, False, "--taken-back")
    assert points == 40
    for number in range(1, points + 1):
        home = tmp_path / "work" / str(number)
        assert_instants_agree(home)
        left = snapshot(home, with_instants=False)
        assert left["change"] in ("undone", "failed", "done"), f"killed at point {number}"
        held = rows(home / "ledger.sqlite")(
            "SELECT name, host, vcpus, storage_gib FROM allocation JOIN vm ON vm.id = vm_id"
            ' WHERE "end" IS NULL ORDER BY name'
        )
        shown = rows(home / "clouds" / "lab" / "cloud.sqlite")(
            "SELECT name, host, vcpus, storage_gib FROM machine ORDER BY name"
        )
        assert [(*row[:3], json.loads(row[3])) for row in held] == [
            (*row[:3], json.loads(row[3])) for row in shown
        ], f"killed at point {number}"


def prepare_retiring(ctx: Context) -> int:
    """a is to be put aside, b brought back, c deleted after it was put aside."""
    estate = build_estate(ctx)
    ids = {name: planned_vm(ctx, name, estate.lab, estate.tax) for name in "abc"}
    change_machines(ctx, [create_step(ids[name], name, SMALL) for name in "abc"], "before")
    ctx.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    for name in "bc":
        change_machines(ctx, plan_retire(ctx, name).steps, "before")
    ctx.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    steps = [
        stop_step(ids["a"], "a"),
        shelve_step(ids["a"], "a"),
        unshelve_step(ids["b"], "b"),
        delete_step(ids["c"], "c", SMALL, None),
    ]
    return begin_change(ctx, steps, "under test")


@pytest.mark.parametrize("late", [False, True], ids=["at_once", "an_hour_later"])
def test_a_retirement_killed_anywhere_ends_the_same(ctx, tmp_path, late):
    points = kill_everywhere(ctx.home, tmp_path / "work", prepare_retiring(ctx), late)
    assert points == 22, "four steps, two samples: a commit or a call has gone unwatched, or come"
    whole = snapshot(tmp_path / "work" / "whole", with_instants=not late)
    assert [(row[0], row[3]) for row in whole["machines"]] == [("a", "shelved"), ("b", "running")]
    assert whole["vms"][0][:2] == ("a", "shelved") and whole["vms"][2][:2] == ("c", "retired")
    assert_same(tmp_path / "work", points, whole, with_instants=not late)


def prepare_evacuation(ctx: Context) -> int:
    """n1 is dead and fenced; its machines a and b are to start elsewhere, c's cloud will refuse."""
    estate = build_estate(ctx)
    ids = {name: planned_vm(ctx, name, estate.lab, estate.tax) for name in "abc"}
    change_machines(ctx, [create_step(ids[name], name, SMALL, host="n1") for name in "abc"], "before")
    ctx.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    faults = Faults(hosts_down=("n1",), steps=(StepFault("b", "evacuate", "refuse"),))
    write_faults(ctx.home / "clouds" / "lab", faults)
    plan = plan_evacuation(ctx, "n1")
    with ctx.writing() as session:
        return journal_change(ctx, session, plan.steps, "under test", goes_on=True)


def test_an_evacuation_killed_anywhere_ends_the_same(ctx, tmp_path):
    points = kill_everywhere(ctx.home, tmp_path / "work", prepare_evacuation(ctx), late=False)
    assert points == 15, "three steps: a commit or a call has gone unwatched, or come"
    whole = snapshot(tmp_path / "work" / "whole", with_instants=True)
    assert whole["change"] == "failed", "one was refused, the others stand"
    assert [(name, host == "n1") for name, _, host, *_ in whole["machines"]] == [
        ("a", False),
        ("b", True),
        ("c", False),
    ]
    assert_same(tmp_path / "work", points, whole, with_instants=True)


def assert_same(work: Path, points: int, whole: dict[str, Any], *, with_instants: bool) -> None:
    for number in range(1, points + 1):
        assert snapshot(work / str(number), with_instants=with_instants) == whole, f"killed at point {number}"
        assert_instants_agree(work / str(number))


def kill_everywhere(home: Path, work: Path, change: int, late: bool, *options: str) -> int:
    work.mkdir()
    command = [sys.executable, str(PROGRAM), str(home), str(work), str(change), *options]
    command += ["--late"] if late else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def snapshot(home: Path, *, with_instants: bool) -> dict[str, Any]:
    """All that a change leaves behind, in cloud and ledger; counters move with the time of the resumption."""
    ledger, cloud = rows(home / "ledger.sqlite"), rows(home / "clouds" / "lab" / "cloud.sqlite")
    return {
        "change": ledger("SELECT state FROM change ORDER BY id DESC LIMIT 1")[0][0],
        "steps": ledger(
            'SELECT position, kind, state, "after" FROM change_step ORDER BY change_id, position'
        ),
        "vms": ledger("SELECT name, state, host, external_id, shelved_at IS NULL FROM vm ORDER BY name"),
        "allocations": ledger(
            'SELECT vm_id, vcpus, memory_mib, storage_gib, reason, "end" IS NULL FROM allocation ORDER BY id'
        ),
        "intervals": ledger('SELECT vm_id, start, "end" FROM allocation ORDER BY id')
        if with_instants
        else None,
        "recorded": ledger("SELECT action, subject FROM audit_entry WHERE action LIKE 'vm.%' ORDER BY 1, 2"),
        "machines": cloud(
            "SELECT name, vm_id, host, state, vcpus, memory_mib, storage_gib, boots FROM machine ORDER BY name"
        ),
        "counters": cloud("SELECT * FROM machine ORDER BY name") if with_instants else None,
        "gone": cloud("SELECT vm_id, number FROM tombstone ORDER BY vm_id"),
        "left_behind": cloud("SELECT vm_id, host FROM remnant ORDER BY vm_id"),
    }


def assert_instants_agree(home: Path) -> None:
    """What the ledger says began when, the cloud's own record says too; every machine stands once in each."""
    ledger, cloud = rows(home / "ledger.sqlite"), rows(home / "clouds" / "lab" / "cloud.sqlite")
    held = ledger(
        "SELECT vm_id, start FROM allocation JOIN vm ON vm.id = vm_id JOIN pool ON pool.id = vm.pool_id"
        " WHERE \"end\" IS NULL AND pool.code = 'lab' ORDER BY vm_id"
    )
    since = cloud(
        "SELECT vm_id, size_us, born_us, state_us FROM machine WHERE state != 'shelved' ORDER BY vm_id"
    )
    assert [vm for vm, _ in held] == [vm for vm, *_ in since]
    # A size that was taken back at the instant it began has, for the ledger, never been; a machine that was brought
    # back is held from then on.
    assert all(start in instants for (_, start), (_, *instants) in zip(held, since, strict=True))
    ended = dict(ledger('SELECT vm_id, max("end") FROM allocation GROUP BY vm_id'))
    aside = {vm for (vm,) in ledger("SELECT id FROM vm WHERE shelved_at IS NOT NULL")}
    for vm, at in cloud("SELECT vm_id, at_us FROM tombstone"):
        assert vm in aside or ended.get(vm, at) == at
    with open_context(home) as context, context.reading() as session:
        assert verify(session).ok


def rows(path: Path) -> Any:
    def query(text: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(path)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    return query
