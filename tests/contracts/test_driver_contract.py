"""What every driver keeps, whatever cloud it talks to; a test whose verb a driver does not claim checks the refusal."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import Consoled, Inspected
from provisioning.model import Capability, MachineState, StepKind
from provisioning.steps import (
    adopt_step,
    create_step,
    delete_step,
    evacuate_step,
    inverse,
    migrate_step,
    reboot_step,
    required_capability,
    resize_step,
    shelve_step,
    start_step,
    stop_step,
    unshelve_step,
)
from tests.contracts.drivers import BENCHES

SIZE, LARGER, SMALLER = (Size(vcpus, vcpus * 2048, {"ssd": 20}) for vcpus in (4, 6, 2))


@pytest.fixture(params=sorted(BENCHES))
def bench(request, tmp_path):
    with BENCHES[request.param](tmp_path) as bench:
        yield bench


def needs(bench, *capabilities):
    missing = set(capabilities) - bench.driver.capabilities
    if missing:
        pytest.skip(f"does not claim {', '.join(sorted(missing))}: see the test of refusals")


@pytest.fixture
def machine(bench):
    """Machine 1, named m, on host a."""
    needs(bench, Capability.CREATE)
    bench.driver.apply(create_step(1, "m", SIZE, host="a"))
    bench.clock.advance(timedelta(minutes=11))
    return 1


def is_since(bench, begun, instant):
    return begun - bench.tolerance <= instant <= bench.clock.now() + bench.tolerance


def seen(driver):
    return {machine.vm_id: machine for machine in driver.observe().machines}


def placed(bench, machines):
    """Without hosts where the cloud chooses them anew."""
    return machines if bench.keeps_host else {key: replace(each, host=None) for key, each in machines.items()}


STEPS = {
    "create": create_step(1, "m", SIZE, host="a"),
    "resize": resize_step(1, "m", SIZE, LARGER),
    "start": start_step(1, "m"),
    "stop": stop_step(1, "m"),
    "migrate": migrate_step(1, "m", "a", "b"),
    "evacuate": evacuate_step(1, "m", "a", "b"),
    "shelve": shelve_step(1, "m"),
    "unshelve": unshelve_step(1, "m"),
    "delete": delete_step(1, "m", SIZE, "a"),
}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_what_a_driver_does_not_claim_it_refuses_clearly(bench, name):
    step = STEPS[name]
    if required_capability(step) in bench.driver.capabilities:
        return
    with pytest.raises(Refused) as refusal:
        bench.driver.apply(step)
    assert str(refusal.value).endswith(".") and "{" not in str(refusal.value)


def test_a_driver_that_does_not_measure_says_so(bench):
    if Capability.MEASURE in bench.driver.capabilities:
        assert bench.driver.measure().readings == ()
        return
    with pytest.raises(Refused):
        bench.driver.measure()


def test_it_either_carries_steps_out_or_has_them_ordered(bench):
    if Capability.ORDER in bench.driver.capabilities:
        assert bench.driver.capabilities == {Capability.ORDER}
    else:
        assert {Capability.CREATE, Capability.DELETE} <= bench.driver.capabilities


def test_an_empty_pool_shows_no_machines(bench):
    observation = bench.driver.observe()
    assert observation.machines == () and observation.faults == ()


def test_a_created_machine_is_seen_as_it_was_asked_for(bench, machine):
    found = seen(bench.driver)[machine]
    assert (found.name, found.host, found.size, found.state) == ("m", "a", SIZE, MachineState.RUNNING)


def test_what_is_applied_is_seen_by_another_process(bench, machine):
    assert seen(bench.reopened()) == seen(bench.driver)


@pytest.mark.parametrize(
    "step",
    [
        resize_step(1, "m", SIZE, LARGER),
        resize_step(1, "m", SIZE, SMALLER, is_live=False),
        stop_step(1, "m"),
        migrate_step(1, "m", "a", "b"),
        shelve_step(1, "m"),
        delete_step(1, "m", SIZE, "a"),
    ],
    ids=["grow", "shrink", "stop", "migrate", "shelve", "delete"],
)
def test_a_step_applied_twice_is_applied_once_with_the_first_instant(bench, machine, step):
    needs(bench, required_capability(step))
    begun = bench.clock.now()
    first = bench.driver.apply(step)
    assert is_since(bench, begun, first.at)
    after = seen(bench.driver)
    bench.clock.advance(timedelta(hours=3))
    assert bench.reopened().apply(step).at == first.at
    assert seen(bench.driver) == after


def test_creating_twice_makes_one_machine(bench):
    needs(bench, Capability.CREATE)
    step = create_step(1, "m", SIZE, host="a")
    first = bench.driver.apply(step)
    bench.clock.advance(timedelta(hours=1))
    assert bench.reopened().apply(step) == first
    assert len(seen(bench.driver)) == 1


def test_a_reboot_happens_once_after_its_instant(bench, machine):
    needs(bench, Capability.POWER)
    step = reboot_step(machine, "m", bench.clock.now())
    first = bench.driver.apply(step)
    bench.clock.advance(timedelta(minutes=1))
    assert bench.driver.apply(step).at == first.at
    begun = bench.clock.now()
    again = bench.driver.apply(reboot_step(machine, "m", begun))
    assert is_since(bench, begun, again.at) and again.at > first.at


def test_a_step_and_its_inverse_leave_the_machine_as_it_was(bench, machine):
    before = seen(bench.driver)
    steps = (resize_step(1, "m", SIZE, LARGER), stop_step(1, "m"), migrate_step(1, "m", "a", "b"))
    for step in (*steps, shelve_step(1, "m")):
        if required_capability(step) in bench.driver.capabilities:
            back = inverse(step)
            assert back is not None
            bench.driver.apply(step)
            assert seen(bench.driver) != before
            bench.driver.apply(back)
            assert placed(bench, seen(bench.driver)) == placed(bench, before)


def test_deleting_what_never_was_is_done_already(bench):
    needs(bench, Capability.DELETE)
    assert bench.driver.apply(delete_step(99, "ghost", SIZE, "a")).external_id is None


def test_a_deleted_machine_is_neither_seen_nor_measured(bench, machine):
    bench.driver.apply(delete_step(machine, "m", SIZE, "a"))
    assert seen(bench.driver) == {}
    if Capability.MEASURE in bench.driver.capabilities:
        assert bench.driver.measure().readings == ()


def test_a_name_that_is_taken_is_refused(bench, machine):
    with pytest.raises(Refused):
        bench.driver.apply(create_step(2, "m", SIZE, host="b"))
    assert set(seen(bench.driver)) == {machine}


def test_a_machine_that_is_not_there_cannot_be_changed(bench):
    needs(bench, Capability.RESIZE)
    with pytest.raises(Refused):
        bench.driver.apply(resize_step(7, "ghost", SIZE, LARGER))


def test_more_than_a_host_holds_is_refused_and_changes_nothing(bench, machine):
    huge = Size(4, 10**6, {"ssd": 20})
    before = seen(bench.driver)
    with pytest.raises(Refused):
        bench.driver.apply(create_step(2, "huge", huge, host="b"))
    if Capability.RESIZE in bench.driver.capabilities:
        with pytest.raises(Refused):
            bench.driver.apply(resize_step(machine, "m", SIZE, huge))
    assert seen(bench.driver) == before


def test_an_unreachable_host_is_a_fault_and_its_machines_are_unknown(bench, machine):
    if bench.break_host is None:
        pytest.skip("this cloud's hosts cannot be broken at will")
    bench.driver.apply(create_step(2, "other", SIZE, host="b"))
    bench.break_host("a")
    observation = bench.driver.observe()
    assert [(fault.host, fault.vm_id) for fault in observation.faults] == [("a", None)]
    assert set(seen(bench.driver)) == {2}
    measurement = bench.driver.measure()
    assert [reading.vm_id for reading in measurement.readings] == [2]
    assert [fault.host for fault in measurement.faults] == ["a"]
    with pytest.raises(Unreachable):
        bench.driver.apply(resize_step(machine, "m", SIZE, LARGER))
    assert bench.mend is not None
    bench.mend()
    assert seen(bench.driver)[machine].size == SIZE


def test_an_unreachable_pool_is_unreachable_for_every_verb(bench):
    if bench.break_pool is None:
        pytest.skip("this cloud cannot be broken at will")
    bench.break_pool()
    for verb in (bench.driver.observe, bench.driver.measure, lambda: bench.driver.apply(STEPS["create"])):
        with pytest.raises(Unreachable):
            verb()


def reading(bench, vm=1):
    return next(reading for reading in bench.driver.measure().readings if reading.vm_id == vm)


def test_counters_never_fall_while_their_key_stays(bench, machine):
    needs(bench, Capability.MEASURE)
    before = reading(bench)
    for _ in range(bench.rounds):
        bench.clock.advance(timedelta(seconds=173))
        after = reading(bench)
        assert after.counter_key == before.counter_key
        for name in ("cpu_ns", "steal_ns", "disk_written_bytes", "network_bytes"):
            assert (getattr(after, name) or 0) >= (getattr(before, name) or 0)
        before = after


@pytest.mark.parametrize("kind", [StepKind.MIGRATE, StepKind.REBOOT], ids=str)
def test_a_new_life_of_the_counters_has_a_new_key(bench, machine, kind):
    needs(bench, Capability.MEASURE)
    before = reading(bench)
    if kind == StepKind.MIGRATE:
        step = migrate_step(1, "m", "a", "b")
    else:
        bench.clock.advance(timedelta(minutes=1))
        step = reboot_step(1, "m", bench.clock.now())
    needs(bench, required_capability(step))
    bench.driver.apply(step)
    after = reading(bench)
    fell = any(
        (getattr(after, name) or 0) < (getattr(before, name) or 0) for name in ("cpu_ns", "network_bytes")
    )
    assert after.counter_key != before.counter_key or not fell


def test_a_reading_stays_within_what_the_machine_holds(bench, machine):
    needs(bench, Capability.MEASURE)
    before = reading(bench)
    bench.clock.advance(timedelta(hours=6))
    after = reading(bench)
    assert after.cpu_ns - before.cpu_ns <= 6 * 3600 * 10**9 * SIZE.vcpus
    assert 0 <= after.memory_used_bytes <= SIZE.memory_mib << 20
    assert 0 <= (after.storage_used_bytes or 0) <= SIZE.storage_total_gib << 30


def test_a_machine_that_is_off_is_read_as_off(bench, machine):
    needs(bench, Capability.MEASURE, Capability.POWER)
    bench.driver.apply(stop_step(machine, "m"))
    bench.clock.advance(timedelta(minutes=10))
    assert reading(bench).state == MachineState.OFF


def test_a_machine_put_aside_is_off_and_kept_until_it_is_brought_back(bench, machine):
    needs(bench, Capability.SHELVE)
    bench.driver.apply(shelve_step(machine, "m"))
    found = seen(bench.driver)[machine]
    assert (found.state, found.size, found.name) == (MachineState.SHELVED, SIZE, "m")
    if Capability.MEASURE in bench.driver.capabilities:
        assert all(each.state != MachineState.RUNNING for each in bench.driver.measure().readings)
    with pytest.raises(Refused):
        bench.driver.apply(start_step(machine, "m"))
    bench.clock.advance(timedelta(minutes=5))
    back = bench.driver.apply(unshelve_step(machine, "m"))
    assert seen(bench.driver)[machine].state == MachineState.RUNNING
    assert bench.reopened().apply(unshelve_step(machine, "m")).at == back.at


def test_what_is_put_aside_moves_at_rest(bench, machine):
    needs(bench, Capability.SHELVE, Capability.MIGRATE)
    bench.driver.apply(shelve_step(machine, "m"))
    if seen(bench.driver)[machine].host is None:
        pytest.skip("gives its place up when it is put aside: there is nothing to move")
    bench.driver.apply(migrate_step(machine, "m", "a", "b", is_live=False))
    found = seen(bench.driver)[machine]
    assert (found.state, found.host, found.size) == (MachineState.SHELVED, "b", SIZE)


def test_what_is_put_aside_can_be_deleted(bench, machine):
    needs(bench, Capability.SHELVE)
    bench.driver.apply(shelve_step(machine, "m"))
    bench.driver.apply(delete_step(machine, "m", SIZE, "a"))
    assert seen(bench.driver) == {}


def test_nothing_is_evacuated_from_a_host_that_answers(bench, machine):
    needs(bench, Capability.EVACUATE)
    before = seen(bench.driver)
    with pytest.raises(Refused):
        bench.driver.apply(evacuate_step(machine, "m", "a", "b"))
    assert seen(bench.driver) == before


def test_a_machine_of_a_dead_host_starts_once_elsewhere(bench, machine):
    needs(bench, Capability.EVACUATE)
    if bench.break_host is None or bench.mend is None:
        pytest.skip("this cloud's hosts cannot be broken at will")
    bench.break_host("a")
    step = evacuate_step(machine, "m", "a", "b")
    first = bench.driver.apply(step)
    assert first.host == "b"
    assert [(each.host, each.size) for each in bench.driver.observe().machines] == [("b", SIZE)]
    bench.clock.advance(timedelta(minutes=5))
    assert bench.reopened().apply(step).at == first.at
    bench.mend()
    running = [each for each in bench.driver.observe().machines if each.state == MachineState.RUNNING]
    assert [(each.vm_id, each.host) for each in running] == [(machine, "b")]
    if Capability.MEASURE in bench.driver.capabilities:
        assert [each.host for each in bench.driver.measure().readings if each.vm_id == machine] == ["b"]
    bench.driver.apply(step)
    assert [each.host for each in bench.driver.observe().machines] == ["b"], "what the dead host kept is gone"


def test_what_a_machine_was_made_for_stands_in_its_labels(bench):
    needs(bench, Capability.CREATE)
    bench.driver.apply(create_step(1, "m", SIZE, host="a", system="tax", unit="fin"))
    labels = seen(bench.driver)[1].labels
    assert (labels["system"], labels["unit"]) == ("tax", "fin")


def test_adopting_what_is_ours_already_changes_nothing_but_the_owner(bench, machine):
    needs(bench, Capability.ADOPT)
    before = seen(bench.driver)[machine]
    step = adopt_step(1, "m", SIZE, "a", external_id=before.external_id, system="tax", unit="fin")
    bench.driver.apply(step)
    after = seen(bench.reopened())[machine]
    assert (after.state, after.size, after.host) == (before.state, before.size, before.host)
    assert after.labels["system"] == "tax"


def test_a_console_is_a_command_or_an_address(bench, machine):
    if not isinstance(bench.driver, Consoled):
        pytest.skip("gives no consoles")
    console = bench.driver.console(machine)
    assert console.command if console.kind == "command" else console.url.startswith("http")
    with pytest.raises(Refused):
        bench.driver.console(99)


def test_a_host_looked_at_closely_has_the_capacity_it_is_placed_by(bench):
    if not isinstance(bench.driver, Inspected):
        pytest.skip("tells nothing of hosts")
    for host in bench.driver.observe().hosts:
        found = bench.driver.inspect(host.code)
        assert found.facts == host and found.hypervisor and found.manager
    with pytest.raises(Refused):
        bench.driver.inspect("nowhere")
