"""What clouds keep of owners follows the ledger, so that it can be read back when the ledger is lost."""

from datetime import timedelta

import pytest

from cloudctl.operations.machines.execute_change import begin_change, change_machines
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.resume_changes import resume_changes
from cloudctl.operations.machines.stamp_owners import stamp_owners
from cloudctl.operations.machines.transfer_vm import transfer_vm
from provisioning.drivers.embedded.faults import Faults, write_faults
from provisioning.steps import create_step, stop_step
from tests.provisioning.estate import SMALL, build_estate, planned_vm


@pytest.fixture
def estate(ctx):
    estate = build_estate(ctx)
    change_machines(ctx, [create_step(planned_vm(ctx, "m", estate.lab, estate.tax), "m", SMALL)], "made")
    return estate


def owner(ctx, estate):
    with opened_drivers(ctx, [estate.lab]) as drivers:
        (machine,) = drivers[estate.lab].observe().machines
    return machine.labels["system"], machine.labels["unit"]


def test_a_machine_that_changed_hands_is_stamped_anew_once(ctx, estate):
    assert (owner(ctx, estate), stamp_owners(ctx)) == (("tax", "fin"), 0)
    transfer_vm(ctx, "m", "land", "")
    assert (stamp_owners(ctx), stamp_owners(ctx)) == (1, 0)
    assert owner(ctx, estate) == ("land", "nat")


def test_a_cloud_that_does_not_answer_and_a_machine_in_hand_wait(ctx, estate):
    transfer_vm(ctx, "m", "land", "")
    write_faults(ctx.home / "clouds" / "lab", Faults(pool_down=True))
    assert stamp_owners(ctx) == 0
    write_faults(ctx.home / "clouds" / "lab", Faults())
    begin_change(ctx, [stop_step(1, "m")], "")
    assert stamp_owners(ctx) == 0


def test_a_plan_that_was_forgotten_by_a_kill_is_taken_up_after_a_while(ctx, estate):
    number = begin_change(ctx, [stop_step(1, "m")], "")
    assert resume_changes(ctx).ended == ()
    ctx.clock.advance(timedelta(minutes=10))
    assert resume_changes(ctx).ended == (number,)
