"""A host is emptied while it works: systems kept apart, what does not fit named, taken up again, taken back."""

import json
from datetime import timedelta

import pytest

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from cloudctl.operations.machines.drain_host import drain_host, plan_drain, plan_undrain, undrain_host
from cloudctl.operations.machines.execute_change import begin_change, change_machines
from cloudctl.operations.machines.find_drift import find_drift
from cloudctl.operations.machines.plan_change import opened_drivers
from cloudctl.operations.machines.plan_vm import plan_restore, plan_retire
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.model import MachineState
from provisioning.steps import create_step, stop_step
from provisioning.store import find_host, vms
from tests.provisioning.estate import SMALL, build_estate, planned_vm


def made(ctx, estate, machines):
    """machines: name -> (system, host, size)."""
    steps = []
    for name, (system, host, size) in machines.items():
        vm = planned_vm(ctx, name, estate.lab, getattr(estate, system))
        steps.append(create_step(vm, name, size, host=host))
    change_machines(ctx, steps, "made")
    ctx.clock.advance(timedelta(hours=1))


@pytest.fixture
def estate(ctx):
    """Three hosts; a and b of one system and c of another on n1, d of the first on n2."""
    estate = build_estate(ctx)
    small = [("a", "tax", "n1"), ("b", "tax", "n1"), ("c", "land", "n1"), ("d", "tax", "n2")]
    made(ctx, estate, {name: (system, host, SMALL) for name, system, host in small})
    return estate


def where(ctx):
    with ctx.reading() as session:
        return {row.name: row.host for row in vms(session)}


def break_steps(ctx, *faults):
    write_faults(ctx.home / "clouds" / "lab", Faults(steps=faults))


def test_a_drained_host_is_empty_and_takes_nothing_new(ctx, estate):
    outcome = drain_host(ctx, plan_drain(ctx, "lab/n1"), "new memory")
    assert outcome.state == "done"
    assert "n1" not in where(ctx).values()
    assert find_drift(ctx).rows == []
    new = planned_vm(ctx, "new", estate.lab, estate.land)
    change_machines(ctx, [create_step(new, "new", SMALL)], "made")
    assert where(ctx)["new"] != "n1"
    with pytest.raises(Refused):
        change_machines(
            ctx, [create_step(planned_vm(ctx, "x", estate.lab, estate.tax), "x", SMALL, host="n1")], ""
        )


def test_machines_of_a_system_are_kept_apart_where_hosts_allow(ctx, estate):
    plan = plan_drain(ctx, "n1")
    targets = {step.name: step.after["host"] for step in plan.steps}
    assert targets["a"] == "n3", "n2 has one of its system"
    assert plan.together == ("b",), "three machines, two hosts: the last one has to share"


def test_what_does_not_fit_stays_and_is_named_with_why(ctx, estate, run_cli):
    huge = Size(4, 60_000, {"ssd": 10})
    made(ctx, estate, {"big-1": ("land", "n3", huge), "big-2": ("land", "n2", Size(4, 50_000, {"ssd": 10}))})
    plan = plan_drain(ctx, "n1")
    moved, stays = {step.name for step in plan.steps}, {stay.name: stay for stay in plan.stays}
    assert moved | set(stays) == {"a", "b", "c"} and stays
    assert all(stay.problems for stay in stays.values()), "every host says why not"
    told = run_cli(ctx.home, "host", "drain", "n1", "--dry-run").stderr
    assert "  n3: needs 8192 MiB of memory, 5536 free" in told


def test_what_nobody_moves_is_named(ctx, estate, run_cli):
    with ctx.reading() as session:
        b = next(row.id for row in vms(session) if row.name == "b")
    begin_change(ctx, [stop_step(b, "b")], "somebody else's")
    plan = plan_drain(ctx, "n1")
    assert sorted(step.name for step in plan.steps) == ["a", "c"]
    assert {stay.name: str(stay.why).split(":")[0] for stay in plan.stays} == {"b": "it is in hand"}
    done = run_cli(ctx.home, "host", "drain", "n1", "--yes")
    assert (done.exit_code, where(ctx)["c"] != "n1") == (5, True)
    assert "1 machine(s) stay on lab/n1" in done.stderr


def test_what_is_put_aside_moves_along_without_being_started_and_keeps_its_room(ctx, estate):
    change_machines(ctx, plan_retire(ctx, "a").steps, "")
    plan = plan_drain(ctx, "n1")
    (step,) = [step for step in plan.steps if step.name == "a"]
    assert not step.is_live
    drain_host(ctx, plan, "")
    assert "n1" not in where(ctx).values()
    with opened_drivers(ctx, [estate.lab]) as drivers:
        (a,) = [each for each in drivers[estate.lab].observe().machines if each.name == "a"]
    assert (a.state, a.host) == (MachineState.SHELVED, where(ctx)["a"])
    assert find_drift(ctx).rows == []
    undrain_host(ctx, plan_undrain(ctx, "n1", back=True), "")
    change_machines(ctx, plan_restore(ctx, "a").steps, "")
    assert where(ctx)["a"] == "n1"


def test_one_machine_that_its_cloud_refuses_does_not_hold_up_the_others(ctx, estate):
    break_steps(ctx, StepFault("b", "migrate", "refuse"))
    outcome = drain_host(ctx, plan_drain(ctx, "n1"), "")
    assert outcome.state == "failed"
    assert {step.vm: step.state for step in outcome.steps} == {"a": "done", "b": "failed", "c": "done"}
    break_steps(ctx)
    assert drain_host(ctx, plan_drain(ctx, "n1"), "").state == "done", "drained again, the rest goes"
    assert "n1" not in where(ctx).values()


def test_a_drain_that_was_cut_off_is_carried_on(ctx, estate):
    break_steps(ctx, StepFault("b", "migrate", "drop"))
    with pytest.raises(Unreachable):
        drain_host(ctx, plan_drain(ctx, "n1"), "")
    break_steps(ctx)
    with pytest.raises(Refused, match="still moving"):
        plan_undrain(ctx, "n1")
    plan = plan_drain(ctx, "n1")
    assert (plan.resumes, plan.steps, plan.stays) == (2, (), ())
    assert drain_host(ctx, plan, "").change == 2, "what was carried on is told"
    assert "n1" not in where(ctx).values() and find_drift(ctx).rows == []


def test_a_host_that_does_not_answer_is_not_drained(ctx, estate, run_cli):
    write_faults(ctx.home / "clouds" / "lab", Faults(hosts_down=("n1",)))
    told = run_cli(ctx.home, "host", "drain", "n1", "--yes")
    assert told.exit_code == 5 and "host evacuate lab/n1" in told.stderr
    with ctx.reading() as session:
        assert find_host(session, "n1")[1].accepting, "nothing was changed"


def test_a_drain_is_taken_back(ctx, estate):
    before = where(ctx)
    drain_host(ctx, plan_drain(ctx, "n1"), "")
    undrain_host(ctx, plan_undrain(ctx, "n1", back=True), "it was not needed")
    assert where(ctx) == before
    with ctx.reading() as session:
        assert find_host(session, "n1")[1].accepting
    with pytest.raises(Refused, match="open already"):
        plan_undrain(ctx, "n1")


def test_opened_without_going_back_machines_stay_where_they_are(ctx, estate):
    drain_host(ctx, plan_drain(ctx, "n1"), "")
    moved = where(ctx)
    undrain_host(ctx, plan_undrain(ctx, "n1"), "")
    assert where(ctx) == moved


def test_a_plan_that_has_changed_since_it_was_printed_is_refused(ctx, estate):
    plan = plan_drain(ctx, "n1")
    made(ctx, estate, {"e": ("land", "n1", SMALL)})
    with pytest.raises(Refused, match="changed since"):
        drain_host(ctx, plan, "")


def test_an_empty_host_is_closed_all_the_same(ctx, estate):
    assert drain_host(ctx, plan_drain(ctx, "n3"), "") is None
    with ctx.reading() as session:
        closed = find_host(session, "n3")[1].closed
    assert closed["by"] == ctx.actor.login


def test_the_commands_show_plan_and_progress(ctx, estate, run_cli):
    planned = run_cli(ctx.home, "host", "drain", "lab/n1", "--dry-run", "-o", "json")
    assert [step["kind"] for step in json.loads(planned.stdout)["steps"]] == ["migrate"] * 3
    assert set(where(ctx).values()) == {"n1", "n2"}, "a dry run moves nothing"
    assert run_cli(ctx.home, "host", "drain", "lab/n1", "--yes").exit_code == 0
    shown = json.loads(run_cli(ctx.home, "host", "show", "lab/n1", "-o", "json").stdout)
    assert (shown["draining"], shown["vms"], shown["fenced"]) == (True, [], False)
    assert shown["shut_by"] == ctx.actor.login
    assert run_cli(ctx.home, "host", "show", "lab/n1").exit_code == 0
    assert run_cli(ctx.home, "host", "undrain", "lab/n1", "--back", "--yes").exit_code == 0
