"""A change whose process is killed at any point, and resumed, ends as if nobody had killed it."""

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
from cloudctl.operations.machines.execute_change import begin_change, change_machines
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.steps import create_step, delete_step, migrate_step, reboot_step, resize_step, stop_step
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


def assert_same(work: Path, points: int, whole: dict[str, Any], *, with_instants: bool) -> None:
    for number in range(1, points + 1):
        assert snapshot(work / str(number), with_instants=with_instants) == whole, f"killed at point {number}"
        assert_instants_agree(work / str(number))


def kill_everywhere(home: Path, work: Path, change: int, late: bool) -> int:
    work.mkdir()
    command = [sys.executable, str(PROGRAM), str(home), str(work), str(change), *(["--late"] if late else [])]
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
        "vms": ledger("SELECT name, state, host, external_id FROM vm ORDER BY name"),
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
    }


def assert_instants_agree(home: Path) -> None:
    """What the ledger says began when, the cloud's own record says too; every machine stands once in each."""
    ledger, cloud = rows(home / "ledger.sqlite"), rows(home / "clouds" / "lab" / "cloud.sqlite")
    held = ledger('SELECT vm_id, start FROM allocation WHERE "end" IS NULL ORDER BY vm_id')
    since = cloud("SELECT vm_id, size_us, born_us FROM machine ORDER BY vm_id")
    assert [vm for vm, _ in held] == [vm for vm, _, _ in since]
    # A size that was taken back at the instant it began has, for the ledger, never been.
    assert all(start in (size, born) for (_, start), (_, size, born) in zip(held, since, strict=True))
    ended = dict(ledger('SELECT vm_id, max("end") FROM allocation GROUP BY vm_id'))
    for vm, at in cloud("SELECT vm_id, at_us FROM tombstone"):
        assert ended.get(vm, at) == at
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
