"""Work orders whose process is killed at any point: asked for once, told once, and the ledger as if nobody had."""

from datetime import timedelta

import pytest

from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import begin_change, change_machines
from provisioning.steps import create_step, delete_step, resize_step, stop_step
from tests.provisioning.estate import HALF, SMALL, build_estate, declared_vm, planned_vm
from tests.provisioning.test_killed_changes import assert_same, kill_everywhere, rows, snapshot

LARGE = Size(8, 16384, {"ssd": 200})


def prepare(ctx: Context) -> int:
    """In the vendor's pool one machine is ordered, one to be resized, one to go; in ours one stops before, one after.

    The change's number.
    """
    estate = build_estate(ctx)
    ours = {name: planned_vm(ctx, name, estate.lab, estate.tax) for name in "ab"}
    change_machines(ctx, [create_step(vm, name, SMALL) for name, vm in ours.items()], "before")
    resized, leaving = (declared_vm(ctx, name, estate) for name in ("p", "q"))
    new = planned_vm(ctx, "r", estate.pub, estate.tax)
    ctx.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    steps = [
        stop_step(ours["a"], "a"),
        create_step(new, "r", HALF),
        resize_step(resized, "p", SMALL, LARGE),
        delete_step(leaving, "q", SMALL, None),
        stop_step(ours["b"], "b"),
    ]
    return begin_change(ctx, steps, "under test")


@pytest.mark.parametrize("late", [False, True], ids=["at_once", "an_hour_later"])
def test_work_orders_killed_anywhere_and_reported_end_the_same(ctx, tmp_path, late):
    work = tmp_path / "work"
    points = kill_everywhere(ctx.home, work, prepare(ctx), late, "--reported")
    whole = snapshot(work / "whole", with_instants=not late)
    assert (whole["change"], points) == ("done", 16), "a commit or a call has gone unwatched, or come"
    assert {name: state for name, state, *_ in whole["vms"]} == {
        "a": "active", "b": "active", "p": "active", "q": "retired", "r": "active",
    }  # fmt: skip
    assert_same(work, points, whole, with_instants=not late)
    assert_told_once(work, points, ordered=3, withdrawn=0)


def test_work_orders_killed_anywhere_and_withdrawn_leave_everything_as_it_was(ctx, tmp_path):
    work, change = tmp_path / "work", prepare(ctx)
    points = kill_everywhere(ctx.home, work, change, False, "--withdrawn")
    whole = snapshot(work / "whole", with_instants=True)
    assert whole["change"] == "undone"
    assert {name: state for name, state, *_ in whole["vms"]}["r"] == "planned"
    assert {row[3] for row in whole["machines"]} == {"running"}, "what was stopped runs again"
    assert_same(work, points, whole, with_instants=True)
    assert_told_once(work, points, ordered=3, withdrawn=3)


def assert_told_once(work, points, *, ordered, withdrawn):
    for home in ["whole", *range(1, points + 1)]:
        subjects = [
            text for (text,) in rows(work / str(home) / "ledger.sqlite")("SELECT subject FROM outbox_message")
        ]
        told = sum("withdrawn" in text or "撤回" in text for text in subjects)
        assert (len(subjects) - told, told) == (ordered, withdrawn), f"killed at point {home}"
