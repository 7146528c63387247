"""A decided case carried out: in its window, on a cloud, by a work order, and taken up again when cut off."""

from datetime import timedelta

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from cloudctl.operations.machines.execute_change import ChangeFailed
from cloudctl.operations.review import order_storage
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.decide_case import decide_cases
from cloudctl.operations.review.execute_case import execute_case
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.roll_back_case import roll_back_case
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.show_cases import show_case
from policies.panel import Answer
from policies.store import savings
from provisioning.store import open_pool_driver
from tests.cloudctl.review.opened_case import SATURDAY, accepted, held, letters, seen, state
from tests.cloudctl.reviewed_city import LARGE, at


def scheduled(city, name, unit, **use):
    """The case of a machine used so for a month, once its unit has accepted it and it has its time."""
    clock = city.ctx.clock
    city.use(name, clock.now(), at(12, 2), **use)
    clock.move_to(at(12, 3))
    case = next(c for c in city.open(end=at(12, 2)).cases if c["vm"] == name)
    notify_cases(city.operator, [case["case"]])
    answer_case(unit, case["case"], Answer.ACCEPT)
    decide_cases(city.operator, [case["case"]])
    schedule_case(city.operator, case["case"])
    return case


def test_execution_keeps_to_the_maintenance_window(city):
    city.ctx.clock.move_to(at(11, 2))
    accepted(city)
    with pytest.raises(Refused, match="outside"):
        schedule_case(city.operator, city.case, at(11, 5))
    with pytest.raises(Refused, match="gone by"):
        schedule_case(city.operator, city.case, at(10, 31, 23))

    schedule_case(city.operator, city.case)
    with pytest.raises(Refused, match="is scheduled for"):
        execute_case(city.other_operator, city.case)
    city.ctx.clock.move_to(at(11, 8, 7))
    with pytest.raises(Refused, match="outside"):
        execute_case(city.other_operator, city.case)

    assert show_case(city.ctx, city.case)["scheduled_for"] == SATURDAY
    assert letters(city)[-1] == ("fin@example.gov.cn", f"Announcement: tax-1, case {city.case}")


def test_an_idle_machine_is_retired(city, ctx):
    city.machine("zombie", system="exam")
    case = scheduled(city, "zombie", city.unit_edu, cpu=0.01, traffic=0)

    step = execute_case(city.other_operator, case["case"])

    assert (case["kind"], step.state, held(city, "zombie")) == ("idle", "done", None)
    with city.ctx.reading() as session:
        (saving,) = savings(session)
    assert saving.to_size["vcpus"] == 0

    roll_back_case(city.other_operator, case["case"], "it was needed")

    assert held(city, "zombie") == Size.from_json(case["from"])
    assert show_case(ctx, case["case"])["state"] == "rolled_back"


def test_in_an_external_pool_execution_is_a_work_order(city, ctx):
    city.machine("far", pool="pub")
    case = scheduled(city, "far", city.unit_fin, cpu=0.2, storage=0.2)["case"]

    ordered = execute_case(city.other_operator, case)
    ctx.clock.advance(timedelta(days=1))
    done_at = ctx.clock.now() - timedelta(hours=2)
    reported = execute_case(city.other_operator, case, done_at=done_at)

    assert (ordered.state, reported.state) == ("executing", "watching")
    assert held(city, "far") == Size(2, 16384, {"ssd": 30})
    assert show_case(ctx, case)["executed_at"] == done_at


def test_storage_beside_a_resize_is_a_work_order_of_its_own(city, ctx):
    city.machine("hoard", system="exam")
    case = scheduled(city, "hoard", city.unit_edu, cpu=0.2, storage=0.2)["case"]

    changed = execute_case(city.other_operator, case)
    assert (changed.state, held(city, "hoard")) == ("watching", Size(2, 16384, {"ssd": 100}))
    ctx.clock.advance(timedelta(days=1))
    with pytest.raises(Refused, match="between the last change"):
        execute_case(city.other_operator, case, done_at=ctx.clock.now() - timedelta(days=2))
    assert seen(city, "hoard").storage_gib == {"ssd": 100}
    execute_case(city.other_operator, case, done_at=ctx.clock.now())
    assert held(city, "hoard") == seen(city, "hoard") == Size(2, 16384, {"ssd": 30})
    with ctx.reading() as session:
        first, second = savings(session)
    assert first.end == second.start == ctx.clock.now() and second.to_size["storage_gib"] == {"ssd": 30}
    ctx.clock.advance(timedelta(days=1))
    roll_back_case(city.operator, case)

    assert held(city, "hoard") == seen(city, "hoard") == LARGE


class Unattended:
    """The simulated cloud as a real one would be: people have to do things there themselves."""

    def __init__(self, cloud):
        self.capabilities, self.observe, self.close = cloud.capabilities, cloud.observe, cloud.close


def test_a_disk_that_the_cloud_still_has_is_not_reported_as_replaced(city, ctx, monkeypatch):
    city.machine("hoard", system="exam")
    case = scheduled(city, "hoard", city.unit_edu, cpu=0.2, storage=0.2)["case"]
    execute_case(city.other_operator, case)
    ctx.clock.advance(timedelta(days=1))

    monkeypatch.setattr(
        order_storage, "open_pool_driver", lambda *facts: Unattended(open_pool_driver(*facts))
    )
    with pytest.raises(Refused, match="still shows the old storage of hoard"):
        execute_case(city.other_operator, case, done_at=ctx.clock.now())

    assert held(city, "hoard") == Size(2, 16384, {"ssd": 100})


def test_a_machine_changed_since_is_not_executed(city):
    from cloudctl.operations.machines.execute_change import change_machines
    from provisioning.steps import resize_step

    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)
    step = resize_step(city.ids["tax-1"], "tax-1", LARGE, Size(4, 16384, {"ssd": 100}))
    change_machines(city.operator, [step], "by hand")

    with pytest.raises(Refused, match="no longer has the size"):
        execute_case(city.other_operator, city.case)


def test_a_change_the_cloud_refuses_leaves_the_case_waiting_for_a_new_time(city, monkeypatch):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)

    def refuse(self, step):
        raise Refused("No.")

    with monkeypatch.context() as patch:
        patch.setattr("provisioning.drivers.embedded.driver.EmbeddedDriver.apply", refuse)
        with pytest.raises(ChangeFailed):
            execute_case(city.other_operator, city.case)
    assert (state(city), held(city)) == ("decided", LARGE)
    schedule_case(city.operator, city.case)
    execute_case(city.other_operator, city.case)

    assert state(city) == "watching"


def test_an_interrupted_execution_is_taken_up_again_without_a_second_change(city, monkeypatch):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)
    with monkeypatch.context() as patch:
        patch.setattr("cloudctl.operations.review.execute_case.run_change", _killed)
        with pytest.raises(KeyboardInterrupt):
            execute_case(city.other_operator, city.case)
    assert state(city) == "executing"
    change = show_case(city.ctx, city.case)["change"]

    execute_case(city.other_operator, city.case)

    shown = show_case(city.ctx, city.case)
    assert (shown["state"], shown["change"], held(city).vcpus) == ("watching", change, 2)
    with city.ctx.reading() as session:
        assert len(savings(session)) == 1


def _killed(*args, **more):
    raise KeyboardInterrupt
