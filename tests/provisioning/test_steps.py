"""Steps, their inverses and checksums."""

from datetime import UTC, datetime

from cloudctl.core.quantity import Size
from provisioning.model import StepKind
from provisioning.steps import (
    create_step,
    delete_step,
    inverse,
    migrate_step,
    plan_checksum,
    reboot_step,
    resize_step,
    start_step,
    stop_step,
    wanted_size,
)

ONE, TWO = Size(1, 1024, {"ssd": 10}), Size(2, 2048, {"ssd": 10})


def test_the_inverse_of_an_inverse_is_the_step():
    for step in (resize_step(1, "m", ONE, TWO), migrate_step(1, "m", "a", "b"), start_step(1, "m")):
        back = inverse(step)
        assert back is not None
        assert (inverse(back).before, inverse(back).after) == (step.before, step.after)


def test_a_create_is_taken_back_by_a_delete_and_a_delete_by_nothing():
    back = inverse(create_step(1, "m", ONE, host="a"))
    assert back == delete_step(1, "m", ONE, "a")
    assert inverse(back) is None
    assert inverse(reboot_step(1, "m", datetime(2026, 10, 1, tzinfo=UTC))) is None


def test_stop_and_start_take_each_other_back():
    assert inverse(stop_step(1, "m")).kind == StepKind.START
    assert inverse(start_step(1, "m")).kind == StepKind.STOP


def test_force_is_part_of_a_stop_only_where_it_was_asked_for():
    assert stop_step(1, "m").after == {"state": "off"}
    assert stop_step(1, "m", power_off=True).after == {"state": "off", "power_off": True}


def test_a_checksum_knows_every_part_of_a_plan():
    plan = [resize_step(1, "m", ONE, TWO), stop_step(2, "n")]
    others = [
        list(reversed(plan)),
        plan[:1],
        [resize_step(1, "m", ONE, TWO, is_live=False), plan[1]],
        [resize_step(3, "m", ONE, TWO), plan[1]],
        [resize_step(1, "m", TWO, ONE), plan[1]],
    ]
    assert plan_checksum(plan) == plan_checksum(list(plan))
    assert len({plan_checksum(each) for each in [plan, *others]}) == 6


def test_sizes_come_back_from_a_step_as_they_went_in():
    assert wanted_size(create_step(1, "m", TWO)) == TWO
    assert wanted_size(resize_step(1, "m", TWO, ONE)) == ONE
