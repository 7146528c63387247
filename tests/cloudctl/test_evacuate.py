"""A dead host's machines start elsewhere once somebody states that it is fenced; one that comes back starts nothing."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from cloudctl.core.tables import AuditRow, SystemRow
from cloudctl.operations.machines.change_lock import held_change
from cloudctl.operations.machines.drain_host import plan_drain, plan_undrain, undrain_host
from cloudctl.operations.machines.evacuate_host import evacuate_host, plan_evacuation
from cloudctl.operations.machines.execute_change import change_machines, run_change
from cloudctl.operations.machines.find_drift import find_drift
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.plan_vm import (
    plan_migrate,
    plan_reboot,
    plan_resize,
    plan_retire,
    plan_stop,
)
from cloudctl.operations.machines.show_change import outcome_of
from cloudctl.operations.usage.collect_usage import sweep
from cloudctl.operations.usage.pool_measurements import readings_once
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.model import MachineState
from provisioning.store import changes, find_host
from tests.cloudctl.test_drain import made, where
from tests.provisioning.estate import SMALL, build_estate

FENCED = "power is off, Wang"


@pytest.fixture
def estate(ctx):
    """a and b on n1, b's system of a higher level of protection."""
    estate = build_estate(ctx)
    with ctx.writing() as session:
        session.get_one(SystemRow, estate.tax).level = 2
        session.get_one(SystemRow, estate.land).level = 3
    made(ctx, estate, {"a": ("tax", "n1", SMALL), "b": ("land", "n1", SMALL), "d": ("tax", "n2", SMALL)})
    return estate


def die(ctx, *hosts, steps=()):
    write_faults(ctx.home / "clouds" / "lab", Faults(hosts_down=hosts, steps=steps))


def test_a_host_that_answers_is_not_evacuated(ctx, estate):
    with pytest.raises(Refused, match="answers"):
        plan_evacuation(ctx, "n1")


def test_nobody_evacuates_without_stating_that_the_host_is_fenced(ctx, estate, run_cli):
    die(ctx, "n1")
    plan = plan_evacuation(ctx, "n1")
    with pytest.raises(Refused, match="fenced"):
        evacuate_host(ctx, plan, "  ")
    assert run_cli(ctx.home, "host", "evacuate", "n1", "--yes").exit_code == 2
    assert where(ctx)["a"] == "n1"


def test_the_most_important_systems_start_first(ctx, estate):
    die(ctx, "n1")
    plan = plan_evacuation(ctx, "n1")
    assert [step.name for step in plan.steps] == ["b", "a"]
    outcome = evacuate_host(ctx, plan, FENCED)
    assert outcome.state == "done"
    assert "n1" not in where(ctx).values()
    with ctx.reading() as session:
        _, host = find_host(session, "n1")
        assert (host.accepting, host.closed["fenced"], host.closed["reason"]) == (False, True, FENCED)
        entry = session.scalars(select(AuditRow).where(AuditRow.action == "host.fence")).one()
    assert (entry.actor, entry.detail["statement"]) == (ctx.actor.login, FENCED)
    assert find_drift(ctx).rows == []


def test_what_is_put_aside_comes_last_and_is_not_started(ctx, estate):
    change_machines(ctx, plan_retire(ctx, "b").steps, "")
    die(ctx, "n1")
    plan = plan_evacuation(ctx, "n1")
    assert [step.name for step in plan.steps] == ["a", "b"], "whatever the level of its system"
    evacuate_host(ctx, plan, FENCED)
    die(ctx)
    undrain_host(ctx, plan_undrain(ctx, "n1"), "repaired")
    assert find_drift(ctx).rows == []
    with opened_drivers(ctx, [estate.lab]) as drivers:
        states = {each.name: each.state for each in drivers[estate.lab].observe().machines}
    assert states["b"] == MachineState.SHELVED
    change_machines(ctx, plan_retire(ctx, "b", at_once=True).steps, "")


def test_what_does_not_fit_stays_behind_and_the_important_one_has_the_room(ctx, estate):
    full = Size(4, 57_000, {"ssd": 10})
    made(ctx, estate, {"big-2": ("tax", "n2", Size(4, 50_000, {"ssd": 10})), "big-3": ("tax", "n3", full)})
    die(ctx, "n1")
    plan = plan_evacuation(ctx, "n1")
    assert [step.name for step in plan.steps] == ["b"]
    assert [stay.name for stay in plan.stays] == ["a"]


def test_one_machine_that_cannot_start_does_not_hold_up_the_others(ctx, estate):
    die(ctx, "n1", steps=(StepFault("b", "evacuate", "refuse"),))
    outcome = evacuate_host(ctx, plan_evacuation(ctx, "n1"), FENCED)
    assert {step.vm: step.state for step in outcome.steps} == {"b": "failed", "a": "done"}
    die(ctx, "n1")
    assert evacuate_host(ctx, plan_evacuation(ctx, "n1"), FENCED).state == "done"


def test_a_host_that_comes_back_is_named_by_drift_and_its_old_machines_neither_count_nor_start(ctx, estate):
    die(ctx, "n1")
    evacuate_host(ctx, plan_evacuation(ctx, "n1"), FENCED)
    with pytest.raises(Refused, match="does not answer yet"):
        plan_undrain(ctx, "n1")
    with pytest.raises(Refused, match="nothing moves back"):
        plan_undrain(ctx, "n1", back=True)
    die(ctx)
    assert sorted((row["kind"], row["vm"]) for row in find_drift(ctx).rows) == [
        ("seen_twice", "a"),
        ("seen_twice", "b"),
    ]
    with pytest.raises(Refused, match="fenced"):
        plan_drain(ctx, "n1")
    assert plan_stop(ctx, "a").steps, "the machine itself can be worked with"
    before = where(ctx)
    with opened_drivers(ctx, [estate.lab]) as drivers:
        readings = drivers[estate.lab].measure().readings
    assert sorted(reading.host for reading in readings) == sorted(before.values())
    assert sweep(ctx).machines == 3

    undrain_host(ctx, plan_undrain(ctx, "n1"), "repaired")

    assert (where(ctx), find_drift(ctx).rows) == (before, [])
    with ctx.reading() as session:
        assert find_host(session, "n1")[1].accepting


def test_a_machine_that_is_read_on_two_hosts_counts_once(ctx, estate):
    with opened_drivers(ctx, [estate.lab]) as drivers:
        answer = drivers[estate.lab].measure()
    ghost = replace_host(answer.readings[0], "n3")
    with ctx.reading() as session:
        once = readings_once(session, estate.lab, replace(answer, readings=(ghost, *answer.readings)))
        alone = readings_once(session, estate.lab, replace(answer, readings=(ghost, ghost)))
    assert (once.readings, alone.readings) == (answer.readings, ())


def replace_host(reading, host):
    return reading._replace(host=host)


def test_a_cloud_that_keeps_a_host_fenced_by_itself_is_told_that_it_is_back(ctx, estate, monkeypatch):
    die(ctx, "n1")
    evacuate_host(ctx, plan_evacuation(ctx, "n1"), FENCED)
    told = []

    def readmit(driver, host):
        told.append(host)
        die(ctx)

    monkeypatch.setattr(EmbeddedDriver, "readmit", readmit, raising=False)
    undrain_host(ctx, plan_undrain(ctx, "n1"), "repaired")
    assert told == ["n1"]
    with ctx.reading() as session:
        assert find_host(session, "n1")[1].accepting


def in_mid_step(ctx, steps, *hosts_down):
    """The answer is lost, for the host has died."""
    break_with = StepFault(steps[0].name, str(steps[0].kind), "drop")
    die(ctx, steps=(break_with,))
    with pytest.raises(Unreachable):
        change_machines(ctx, steps, "")
    die(ctx, *hosts_down)
    with ctx.reading() as session:
        return changes(session)[-1].id


def what_became_of(ctx, number):
    with ctx.reading() as session:
        outcome = outcome_of(session, number)
    return outcome.state, {step.vm: step.state for step in outcome.steps}


@pytest.mark.parametrize("kind", ["stop", "resize"])
def test_a_machine_whose_host_died_in_a_step_is_started_elsewhere_and_the_step_given_up(ctx, estate, kind):
    steps = plan_stop(ctx, "a").steps if kind == "stop" else plan_resize(ctx, "a", vcpus=2).steps
    number = in_mid_step(ctx, steps, "n1")
    plan = plan_evacuation(ctx, "n1")
    assert [step.name for step in plan.steps] == ["b", "a"] and set(plan.gives_up.values()) == {number}
    assert evacuate_host(ctx, plan, FENCED).state == "done"
    assert what_became_of(ctx, number) == ("failed", {"a": "failed"})
    assert "n1" not in where(ctx).values()
    change_machines(ctx, plan_reboot(ctx, "b").steps, "")


def test_a_machine_on_its_way_to_a_host_that_died_is_started_elsewhere(ctx, estate):
    in_mid_step(ctx, plan_migrate(ctx, "a", "n3").steps, "n3")
    assert where(ctx)["a"] == "n1", "by the ledger, which has not heard of its arrival"
    plan = plan_evacuation(ctx, "n3")
    assert [step.name for step in plan.steps] == ["a"]
    assert evacuate_host(ctx, plan, FENCED).state == "done"
    assert where(ctx)["a"] != "n3"
    die(ctx)
    undrain_host(ctx, plan_undrain(ctx, "n3"), "repaired")
    assert find_drift(ctx).rows == []


def test_what_other_machines_wait_for_in_the_same_change_is_still_carried_out(ctx, estate):
    steps = [*plan_stop(ctx, "a").steps, *plan_stop(ctx, "d").steps]
    number = in_mid_step(ctx, steps, "n1")
    evacuate_host(ctx, plan_evacuation(ctx, "n1"), FENCED)
    assert run_change(ctx, number).state == "failed"
    assert what_became_of(ctx, number) == ("failed", {"a": "failed", "d": "done"})


def test_a_step_that_a_process_has_in_hand_is_not_given_up(ctx, estate):
    number = in_mid_step(ctx, plan_stop(ctx, "a").steps, "n1")
    with held_change(ctx, number):
        plan = plan_evacuation(ctx, "n1")
    assert plan.gives_up == {} and [stay.name for stay in plan.stays] == ["a"]
