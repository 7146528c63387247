"""A cloud that can keeps the way back from a resize open while a case is watched, and no longer."""

from cloudctl.operations.machines.execute_change import change_machines
from cloudctl.operations.machines.show_change import list_changes, show_change
from cloudctl.operations.review.confirm_resizes import confirm_resizes
from provisioning.steps import create_step, resize_step
from tests.provisioning.estate import HALF, SMALL, build_estate, planned_vm


def last_step(ctx):
    return show_change(ctx, list_changes(ctx)[-1]["change"])["steps"][-1]


def test_a_held_resize_is_confirmed_once(ctx):
    estate = build_estate(ctx)
    vm = planned_vm(ctx, "m", estate.lab, estate.tax)
    change_machines(ctx, [create_step(vm, "m", SMALL), resize_step(vm, "m", SMALL, HALF, hold=True)], "")
    assert (confirm_resizes(ctx), confirm_resizes(ctx)) == (1, 0)
    assert last_step(ctx)["after"] == HALF.as_json()


def test_a_resize_that_was_not_held_needs_no_confirming(ctx):
    estate = build_estate(ctx)
    vm = planned_vm(ctx, "m", estate.lab, estate.tax)
    change_machines(ctx, [create_step(vm, "m", SMALL), resize_step(vm, "m", SMALL, HALF)], "")
    assert confirm_resizes(ctx) == 0
