"""Changes end to end on the simulated cloud: what the ledger and the cloud hold afterwards."""

from datetime import timedelta

import pytest

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.operations.execute_change import ChangeFailed, begin_change, change_machines, run_change
from metering.allocations import allocations_between, current_allocation, size_of
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.steps import create_step, delete_step, resize_step
from provisioning.store import find_vm
from tests.provisioning.estate import HALF, SMALL, build_estate, declared_vm, planned_vm


def test_a_created_machine_stands_in_cloud_and_ledger(ctx):
    estate = build_estate(ctx)
    vm = planned_vm(ctx, "tax-1", estate.lab, estate.tax)
    outcome = change_machines(ctx, [create_step(vm, "tax-1", SMALL)], "test")
    assert outcome.state == "done"
    with ctx.reading() as session:
        row = find_vm(session, "tax-1")
        assert (row.state, row.host) == ("active", "n1")
        assert size_of(current_allocation(session, vm)) == SMALL
