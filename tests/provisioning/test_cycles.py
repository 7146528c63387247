"""A plan says which resizes cost a running machine a power cycle."""

from dataclasses import replace

import pytest

from cloudctl.core.quantity import Size
from provisioning.cycles import with_cycles
from provisioning.model import Capability, LiveRange, Machine, MachineState
from provisioning.steps import migrate_step, resize_step

SIZE = Size(4, 4096)
MACHINE = Machine("x", "m", 1, "a", MachineState.RUNNING, SIZE, live=LiveRange(4, 8, 8192))
LIVE = frozenset({Capability.RESIZE, Capability.LIVE_RESIZE})


def is_live(after, machine=MACHINE, capabilities=LIVE):
    (step,) = with_cycles([resize_step(1, "m", SIZE, after)], [machine], capabilities)
    return step.is_live


@pytest.mark.parametrize(
    ("after", "live"),
    [
        (Size(8, 8192), True),
        (Size(4, 1024), True),
        (Size(4, 4096, {"ssd": 100}), True),
        (Size(3, 4096), False),
        (Size(9, 4096), False),
        (Size(4, 8193), False),
    ],
)
def test_what_lies_outside_the_machines_range_costs_a_power_cycle(after, live):
    assert is_live(after) is live


def test_a_cloud_that_resizes_nothing_live_cycles_what_runs():
    assert not is_live(Size(5, 4096), capabilities=frozenset({Capability.RESIZE}))
    off = replace(MACHINE, state=MachineState.OFF)
    assert is_live(Size(5, 4096), off, frozenset({Capability.RESIZE}))


def test_a_cloud_without_ranges_resizes_live_to_any_size():
    assert is_live(Size(1, 512), replace(MACHINE, live=None))


def test_other_steps_and_unseen_machines_stay_as_they_are():
    steps = [migrate_step(1, "m", "a", "b"), resize_step(2, "n", SIZE, Size(1, 512))]
    assert with_cycles(steps, [MACHINE], frozenset()) == steps


def test_a_power_cycle_that_was_asked_for_stays():
    step = resize_step(1, "m", SIZE, Size(8, 8192), is_live=False)
    assert with_cycles([step], [MACHINE], LIVE) == [step]
