"""Retiring in two steps: put aside, holding nothing, kept some days; then deleted, unless it is brought back."""

from datetime import timedelta

import pytest

from cloudctl.core.errors import Refused
from cloudctl.operations.machines import delete_shelved as delete_shelved_module
from cloudctl.operations.machines.delete_shelved import delete_shelved
from cloudctl.operations.machines.execute_change import change_machines
from cloudctl.operations.machines.find_drift import find_drift
from cloudctl.operations.machines.list_vms import show_vm
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.plan_vm import plan_restore, plan_retire, plan_start, plan_stop
from cloudctl.operations.machines.roll_back_change import roll_back_change
from metering.allocations import current_allocation, history_of, size_of
from provisioning.model import MachineState
from provisioning.steps import create_step, start_step
from tests.provisioning.estate import SMALL, build_estate, declared_vm, planned_vm


@pytest.fixture
def estate(ctx):
    estate = build_estate(ctx)
    change_machines(ctx, [create_step(planned_vm(ctx, "m", estate.lab, estate.tax), "m", SMALL)], "made")
    ctx.clock.advance(timedelta(days=2))
    return estate


def retire(ctx, name="m", **options):
    return change_machines(ctx, plan_retire(ctx, name, **options).steps, "not needed")


def held(ctx, vm_id=1):
    with ctx.reading() as session:
        row = current_allocation(session, vm_id)
        return size_of(row) if row else None


def seen(ctx, estate):
    with opened_drivers(ctx, [estate.lab]) as drivers:
        return {machine.name: machine.state for machine in drivers[estate.lab].observe().machines}


def test_a_retired_machine_is_off_and_kept_and_holds_nothing(ctx, estate):
    at = ctx.clock.now()
    retire(ctx)
    assert (held(ctx), seen(ctx, estate)) == (None, {"m": MachineState.SHELVED})
    with ctx.reading() as session:
        assert history_of(session, 1)[-1].end == at
    shown = show_vm(ctx, "m")
    assert (shown["state"], shown["kept_until"]) == ("shelved", at + timedelta(days=14))
    assert find_drift(ctx).rows == []


def test_a_stop_says_in_its_plan_that_power_may_be_cut(ctx, estate):
    (gentle,), (forced,) = plan_stop(ctx, "m").steps, plan_stop(ctx, "m", power_off=True).steps
    assert (gentle.after, forced.after) == ({"state": "off"}, {"state": "off", "power_off": True})


def test_within_its_days_it_is_brought_back_and_holds_the_same_again(ctx, estate):
    retire(ctx)
    ctx.clock.advance(timedelta(days=13))
    back = ctx.clock.now()
    change_machines(ctx, plan_restore(ctx, "m").steps, "needed after all")
    assert (held(ctx), seen(ctx, estate)) == (SMALL, {"m": MachineState.RUNNING})
    with ctx.reading() as session:
        assert history_of(session, 1)[-1].start == back
    assert delete_shelved(ctx).gone == ()


def test_after_its_days_it_is_deleted_once(ctx, estate):
    retire(ctx)
    ctx.clock.advance(timedelta(days=13, hours=23))
    assert delete_shelved(ctx).gone == ()
    ctx.clock.advance(timedelta(hours=1))
    assert delete_shelved(ctx).gone == ("m",)
    assert delete_shelved(ctx).gone == ()
    assert (show_vm(ctx, "m")["state"], seen(ctx, estate)) == ("retired", {})
    with pytest.raises(Refused):
        plan_restore(ctx, "m")


def test_retiring_at_once_deletes_also_what_was_put_aside(ctx, estate):
    retire(ctx)
    retire(ctx, at_once=True)
    assert (show_vm(ctx, "m")["state"], seen(ctx, estate)) == ("retired", {})


def test_what_is_put_aside_can_only_be_brought_back_or_deleted(ctx, estate):
    retire(ctx)
    for plan in (plan_start, plan_retire):
        with pytest.raises(Refused, match="put aside"):
            plan(ctx, "m")
    with pytest.raises(Refused, match="put aside"):
        change_machines(ctx, [start_step(1, "m")], "behind the plan's back")


def test_what_is_not_put_aside_is_not_brought_back(ctx, estate):
    with pytest.raises(Refused, match="not put aside"):
        plan_restore(ctx, "m")


def test_rolling_back_what_made_a_machine_puts_it_aside(ctx, estate):
    roll_back_change(ctx, 1, "a mistake")
    assert (held(ctx), seen(ctx, estate)) == (None, {"m": MachineState.SHELVED})
    change_machines(ctx, plan_restore(ctx, "m").steps, "no mistake")
    assert held(ctx) == SMALL


def test_what_is_put_aside_already_is_left_so_when_its_making_is_rolled_back(ctx, estate):
    retire(ctx)
    with pytest.raises(Refused, match="left nothing that could be taken back"):
        roll_back_change(ctx, 1, "a mistake")


def test_rolling_a_retirement_back_brings_the_machine_back(ctx, estate):
    change = retire(ctx).change
    ctx.clock.advance(timedelta(days=1))
    roll_back_change(ctx, change, "a mistake")
    assert (held(ctx), seen(ctx, estate)) == (SMALL, {"m": MachineState.RUNNING})


def test_a_machine_put_aside_that_runs_or_is_gone_is_a_difference(ctx, estate):
    retire(ctx)
    with opened_drivers(ctx, [estate.lab]) as drivers:
        store = drivers[estate.lab]._store
        with store.writing() as connection:
            connection.execute("UPDATE machine SET state = 'running'")
    assert [row["kind"] for row in find_drift(ctx).rows] == ["runs_shelved"]
    with opened_drivers(ctx, [estate.lab]) as drivers:
        store = drivers[estate.lab]._store
        with store.writing() as connection:
            connection.execute("DELETE FROM machine")
    assert [row["kind"] for row in find_drift(ctx).rows] == ["not_seen"]


def test_in_a_pool_that_others_run_retiring_is_an_order_to_delete(ctx, estate):
    declared_vm(ctx, "far", estate)
    assert [step.kind for step in plan_retire(ctx, "far").steps] == ["delete"]


def test_what_is_brought_back_while_others_are_deleted_is_not_deleted(ctx, estate, monkeypatch):
    vm = planned_vm(ctx, "n", estate.lab, estate.tax)
    change_machines(ctx, [create_step(vm, "n", SMALL)], "made")
    ctx.clock.advance(timedelta(hours=1))
    for name in ("m", "n"):
        retire(ctx, name)
    ctx.clock.advance(timedelta(days=15))

    def bring_back_n(ctx, steps, reason):
        change_machines(ctx, plan_restore(ctx, "n").steps, "needed")
        return change_machines(ctx, steps, reason)

    monkeypatch.setattr(delete_shelved_module, "change_machines", bring_back_n)
    assert delete_shelved(ctx) == delete_shelved_module.Deleted(("m",), ())
    assert seen(ctx, estate) == {"n": MachineState.RUNNING}


def test_a_deletion_planned_of_what_was_put_aside_is_refused_when_it_was_brought_back(ctx, estate):
    retire(ctx)
    planned = plan_retire(ctx, "m", at_once=True)
    change_machines(ctx, plan_restore(ctx, "m").steps, "needed")
    with pytest.raises(Refused, match="m is not put aside"):
        change_machines(ctx, planned.steps, "not needed")
    assert seen(ctx, estate) == {"m": MachineState.RUNNING}
