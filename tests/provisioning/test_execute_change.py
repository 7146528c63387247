"""Changes end to end on the simulated cloud and on a pool that others run."""

from dataclasses import replace
from datetime import timedelta

import pytest

from cloudctl.core.database import to_micros
from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.identity import Role
from cloudctl.core.outbox import notices
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow
from cloudctl.operations.machines.execute_change import (
    ChangeFailed,
    begin_change,
    change_machines,
    run_change,
)
from cloudctl.operations.machines.plan_change import opened_drivers, plan_change
from cloudctl.operations.machines.roll_back_change import roll_back_change
from cloudctl.operations.usage.collect_usage import sweep
from cloudctl.operations.usage.home_samples import sample_store
from metering.allocations import Holder, current_allocation, history_of, hold, size_of
from metering.samples.model import Sample
from metering.store import live_paths
from metering.tables import SampleSealRow
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from provisioning.steps import create_step, delete_step, migrate_step, resize_step
from provisioning.store import change_steps, find_vm
from tests.provisioning.estate import HALF, SMALL, build_estate, declared_vm, planned_vm


@pytest.fixture
def estate(ctx):
    return build_estate(ctx)


def made(ctx, estate, name="tax-1", size=SMALL):
    vm = planned_vm(ctx, name, estate.lab, estate.tax)
    change_machines(ctx, [create_step(vm, name, size)], "made")
    return vm


def seen(ctx, estate):
    with opened_drivers(ctx, [estate.lab]) as drivers:
        return {machine.name: machine for machine in drivers[estate.lab].observe().machines}


def held(ctx, vm):
    with ctx.reading() as session:
        row = current_allocation(session, vm)
        return size_of(row) if row else None


def intervals(ctx, vm):
    with ctx.reading() as session:
        return [(row.start, row.end, row.vcpus) for row in history_of(session, vm)]


def fault(ctx, *steps, **others):
    write_faults(ctx.home / "clouds" / "lab", Faults(steps=steps, **others))


def a_sample(vm, allocation, end):
    end_us = to_micros(end)
    used = (10**9, 0, 8192, 2**30, 100, None, None, None)
    return Sample(
        vm, allocation, end_us - 300_000_000, end_us, "running", 4, *used, *["measured"] * 2, "unknown"
    )


def test_a_created_machine_stands_in_cloud_and_ledger(ctx, estate):
    vm = made(ctx, estate)
    with ctx.reading() as session:
        row = find_vm(session, "tax-1")
        assert (row.state, row.host, row.created_at) == ("active", "n1", ctx.clock.now())
    assert held(ctx, vm) == SMALL
    assert seen(ctx, estate)["tax-1"].vm_id == vm


def test_a_resize_splits_the_allocation_at_the_clouds_instant(ctx, estate):
    vm, start = made(ctx, estate), ctx.clock.now()
    ctx.clock.advance(timedelta(days=3, microseconds=1))
    change_machines(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "cut")
    at = start + timedelta(days=3, microseconds=1)
    assert intervals(ctx, vm) == [(start, at, 4), (at, None, 2)]


def test_a_machine_is_sampled_right_before_its_size_changes(ctx, estate):
    vm = made(ctx, estate)
    sweep(ctx)
    ctx.clock.advance(timedelta(minutes=7))
    change_machines(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "cut")
    now = ctx.clock.now()
    with ctx.reading() as session, sample_store(ctx).opened(session, now - timedelta(hours=1), now) as db:
        rows = db.execute("SELECT vm, vcpus, end_us - start_us FROM samples").fetchall()
    assert rows == [(vm, 4, 7 * 60 * 1_000_000)]


def test_a_refused_step_undoes_what_was_done_last_first(ctx, estate):
    one = made(ctx, estate, "one")
    ctx.clock.advance(timedelta(hours=1))
    two = planned_vm(ctx, "two", estate.lab, estate.tax)
    three = planned_vm(ctx, "three", estate.lab, estate.tax)
    fault(ctx, StepFault("three", "create", "refuse"))
    steps = [
        resize_step(one, "one", SMALL, HALF),
        create_step(two, "two", SMALL),
        create_step(three, "three", SMALL),
    ]
    with pytest.raises(ChangeFailed) as failure:
        change_machines(ctx, steps, "test")
    assert failure.value.outcome.state == "undone"
    assert [step.state for step in failure.value.outcome.steps] == ["undone", "undone", "failed"]
    assert set(seen(ctx, estate)) == {"one"}
    assert (held(ctx, one), held(ctx, two)) == (SMALL, None)
    assert len(intervals(ctx, one)) == 1, "taken back at the instant it began: as if it had never been"
    with ctx.reading() as session:
        assert find_vm(session, "two").state == "planned"


def test_what_cannot_be_taken_back_stays_and_says_so(ctx, estate):
    one = made(ctx, estate, "one")
    two = planned_vm(ctx, "two", estate.lab, estate.tax)
    fault(ctx, StepFault("two", "create", "refuse"))
    grown = Size(4, 8192, {"ssd": 200})
    with pytest.raises(ChangeFailed) as failure:
        change_machines(ctx, [resize_step(one, "one", SMALL, grown), create_step(two, "two", SMALL)], "test")
    assert failure.value.outcome.state == "failed"
    kept = failure.value.outcome.steps[0]
    assert (kept.state, str(kept.error)) == ("done", "one: a disk cannot shrink in place.")
    assert held(ctx, one) == grown == seen(ctx, estate)["one"].size


def test_a_lost_answer_is_settled_by_resuming(ctx, estate):
    vm, start = planned_vm(ctx, "tax-1", estate.lab, estate.tax), ctx.clock.now()
    fault(ctx, StepFault("tax-1", "create", "drop"))
    change = begin_change(ctx, [create_step(vm, "tax-1", SMALL)], "test")
    with pytest.raises(Unreachable):
        run_change(ctx, change)
    assert held(ctx, vm) is None
    ctx.clock.advance(timedelta(hours=2))
    fault(ctx)
    assert run_change(ctx, change).state == "done"
    assert intervals(ctx, vm) == [(start, None, 4)], (
        "from when the cloud made it, not from when we learned of it"
    )


def lost_answer(ctx, vm):
    """A resize was done, and its answer lost: the number of its change, and when it was done."""
    fault(ctx, StepFault("tax-1", "resize", "drop"))
    change = begin_change(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "cut")
    with pytest.raises(Unreachable):
        run_change(ctx, change)
    fault(ctx)
    return change, ctx.clock.now()


def test_samples_taken_before_a_step_was_known_to_be_done_are_stamped_anew(ctx, estate):
    vm = made(ctx, estate)
    sweep(ctx)
    ctx.clock.advance(timedelta(minutes=5))
    sweep(ctx)
    change, at = lost_answer(ctx, vm)
    for _ in range(2):
        ctx.clock.advance(timedelta(minutes=5))
        sweep(ctx)
    assert run_change(ctx, change).state == "done"
    with ctx.reading() as session:
        first, second = history_of(session, vm)
        with sample_store(ctx).opened(session, first.start, ctx.clock.now()) as store:
            rows = store.execute("SELECT end_us, allocation, vcpus FROM samples ORDER BY 1").fetchall()
    assert [(allocation, vcpus) for end_us, allocation, vcpus in rows if end_us <= to_micros(at)] == [
        (first.id, 4)
    ]
    assert [row[1:] for row in rows if row[0] > to_micros(at)] == [(second.id, 2)] * 2


def test_a_change_ends_where_its_samples_cannot_be_stamped_anew(ctx, estate):
    """They lie in another home of the ledger, for instance."""
    vm = made(ctx, estate)
    sweep(ctx)
    change, at = lost_answer(ctx, vm)
    ctx.clock.advance(timedelta(minutes=5))
    sweep(ctx)
    with ctx.reading() as session:
        (before,) = live_paths(session, at, ctx.clock.now())
    (sample_store(ctx).folder / before).unlink()
    assert run_change(ctx, change).state == "done"
    with ctx.reading() as session:
        assert live_paths(session, at, ctx.clock.now()) == [before]
    assert held(ctx, vm) == HALF


@pytest.mark.parametrize("answer", ["resumed", "withdrawn"])
def test_what_becomes_known_when_its_month_is_closed_counts_from_there(ctx, estate, answer):
    vm, start = made(ctx, estate), ctx.clock.now()
    ctx.clock.advance(timedelta(days=3))
    change, _ = lost_answer(ctx, vm)
    ctx.clock.advance(timedelta(days=30))
    end = ctx.clock.now() - timedelta(days=1)
    with ctx.writing() as session:
        session.add(SampleSealRow(start=start, end=end, sealed_at=ctx.clock.now()))
    if answer == "resumed":
        assert run_change(ctx, change).state == "done"
        assert intervals(ctx, vm) == [(start, end, 4), (end, None, 2)]
    else:
        assert roll_back_change(ctx, change, "no").state == "undone"
        assert intervals(ctx, vm) == [(start, None, 4)]


def test_what_becomes_known_when_another_unit_has_the_machine_counts_from_there(ctx, estate):
    vm, start = made(ctx, estate), ctx.clock.now()
    ctx.clock.advance(timedelta(days=3))
    change, _ = lost_answer(ctx, vm)
    ctx.clock.advance(timedelta(days=1))
    handed_over = ctx.clock.now()
    with ctx.writing() as session:
        other = session.get_one(SystemRow, estate.land).unit_id
        hold(session, vm, Holder(estate.tax, other, estate.lab), SMALL, handed_over, "transfer")
    ctx.clock.advance(timedelta(days=1))
    assert run_change(ctx, change).state == "done"
    assert intervals(ctx, vm) == [(start, handed_over, 4), (handed_over, None, 2)]


def test_a_late_step_is_done_when_asked_again(ctx, estate):
    vm = made(ctx, estate)
    fault(ctx, StepFault("tax-1", "resize", "late", 90))
    change = begin_change(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "test")
    for _ in range(2):
        with pytest.raises(Unreachable):
            run_change(ctx, change)
        ctx.clock.advance(timedelta(seconds=50))
    assert run_change(ctx, change).state == "done"
    assert held(ctx, vm) == HALF


def test_a_host_that_is_down_leaves_the_step_uncertain(ctx, estate):
    vm = made(ctx, estate)
    fault(ctx, hosts_down=("n1",))
    with pytest.raises(Unreachable):
        change_machines(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "test")
    fault(ctx)
    assert run_change(ctx, 2).state == "done"


def test_a_machine_in_hand_is_refused_to_others_with_who_and_since_when(ctx, estate):
    vm = made(ctx, estate)
    begin_change(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "first")
    with pytest.raises(Refused, match=rf"change 2 by {ctx.actor.login}, since 2026-10-01T00:00:00\+08:00"):
        begin_change(ctx, [delete_step(vm, "tax-1", SMALL, "n1")], "second")


def test_room_is_spoken_for_as_soon_as_a_change_is_journalled(ctx, estate):
    big = Size(8, 40_000, {})
    for name, host in (("one", "n1"), ("two", "n2"), ("three", "n3")):
        vm = planned_vm(ctx, name, estate.lab, estate.tax)
        change = begin_change(ctx, [create_step(vm, name, big)], "test")
        with ctx.reading() as session:
            assert change_steps(session, change)[0].after["host"] == host
    four = planned_vm(ctx, "four", estate.lab, estate.tax)
    with pytest.raises(Refused, match="No host can take four") as refusal:
        begin_change(ctx, [create_step(four, "four", big)], "test")
    assert [str(reason) for reason in refusal.value.problems] == [
        f"n{number}: needs 40000 MiB of memory, 25536 free" for number in (1, 2, 3)
    ]


def test_a_plan_that_is_no_longer_the_printed_one_is_refused(ctx, estate):
    vm = planned_vm(ctx, "tax-1", estate.lab, estate.tax)
    plan = plan_change(ctx, [create_step(vm, "tax-1", SMALL)])
    fault(ctx, hosts_down=("n1",))
    with pytest.raises(Refused, match="has changed since it was printed"):
        begin_change(ctx, [create_step(vm, "tax-1", SMALL)], "test", checksum=plan.checksum)


def test_a_resize_that_was_planned_before_another_one_ended_is_refused(ctx, estate):
    """Else it would be rolled back to a size that it did not replace."""
    vm = made(ctx, estate)
    mine = plan_change(ctx, [resize_step(vm, "tax-1", SMALL, HALF)])
    change_machines(ctx, [resize_step(vm, "tax-1", SMALL, Size(6, 8192, {"ssd": 100}))], "another's")
    with pytest.raises(Refused, match="tax-1 has changed its size since"):
        begin_change(ctx, mine.steps, "cut", checksum=mine.checksum)
    assert held(ctx, vm) == Size(6, 8192, {"ssd": 100})


def test_only_an_operator_changes_machines(ctx, estate):
    vm = planned_vm(ctx, "tax-1", estate.lab, estate.tax)
    finance = ctx.acting_as(replace(ctx.actor, roles=frozenset({Role.FINANCE})))
    with pytest.raises(Refused, match="none of the roles"):
        begin_change(finance, [create_step(vm, "tax-1", SMALL)], "test")


def test_a_roll_back_restores_the_exact_earlier_size_once(ctx, estate):
    odd = Size(5, 7777, {"ssd": 30})
    vm = made(ctx, estate, size=odd)
    ctx.clock.advance(timedelta(days=1))
    change = change_machines(ctx, [resize_step(vm, "tax-1", odd, Size(1, 1024, {"ssd": 30}))], "cut")
    ctx.clock.advance(timedelta(days=1))
    assert roll_back_change(ctx, change.change, "too small").state == "done"
    assert held(ctx, vm) == odd == seen(ctx, estate)["tax-1"].size
    with pytest.raises(Refused, match="rolled back already"):
        roll_back_change(ctx, change.change, "again")


def test_a_roll_back_refuses_when_the_machine_has_changed_since(ctx, estate):
    vm = made(ctx, estate)
    change = change_machines(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "cut")
    ctx.clock.advance(timedelta(days=1))
    change_machines(ctx, [resize_step(vm, "tax-1", HALF, Size(3, 4096, {"ssd": 100}))], "grow")
    with pytest.raises(Refused, match="has changed its size since"):
        roll_back_change(ctx, change.change, "no")


def test_an_unfinished_change_is_withdrawn_by_rolling_it_back(ctx, estate):
    one, two = (planned_vm(ctx, name, estate.lab, estate.tax) for name in ("one", "two"))
    fault(ctx, StepFault("two", "create", "drop"))
    change = begin_change(ctx, [create_step(one, "one", SMALL), create_step(two, "two", SMALL)], "test")
    with pytest.raises(Unreachable):
        run_change(ctx, change)
    fault(ctx)
    assert roll_back_change(ctx, change, "never mind").state == "undone"
    assert seen(ctx, estate) == {}
    assert (held(ctx, one), held(ctx, two)) == (None, None)


@pytest.mark.parametrize(
    ("does", "state", "end"), [("drop", "retired", "failed"), ("late", "active", "undone")]
)
def test_a_deletion_that_nobody_knows_of_is_looked_for_when_it_is_withdrawn(ctx, estate, does, state, end):
    vm, start = made(ctx, estate), ctx.clock.now()
    ctx.clock.advance(timedelta(hours=1))
    at = ctx.clock.now()
    fault(ctx, StepFault("tax-1", "delete", does, 3600))
    change = begin_change(ctx, [delete_step(vm, "tax-1", SMALL, "n1")], "test")
    with pytest.raises(Unreachable):
        run_change(ctx, change)
    ctx.clock.advance(timedelta(minutes=1))
    fault(ctx, hosts_down=("n1",))
    with pytest.raises(Unreachable):
        roll_back_change(ctx, change, "not meant")
    fault(ctx)
    outcome = roll_back_change(ctx, change, "not meant")
    assert (outcome.state, outcome.steps[0].state) == (end, "done" if end == "failed" else "undone")
    assert intervals(ctx, vm) == [(start, at if state == "retired" else None, 4)]
    with ctx.reading() as session:
        assert find_vm(session, "tax-1").state == state


def test_an_uncertain_step_that_its_cloud_will_not_take_back_is_entered_as_done(ctx, estate):
    """It grew a disk and the answer was lost: nothing shrinks it, so the ledger must follow."""
    vm = made(ctx, estate)
    grown = Size(4, 8192, {"ssd": 200})
    fault(ctx, StepFault("tax-1", "resize", "drop"))
    change = begin_change(ctx, [resize_step(vm, "tax-1", SMALL, grown)], "test")
    with pytest.raises(Unreachable):
        run_change(ctx, change)
    fault(ctx)
    outcome = roll_back_change(ctx, change, "not meant")
    assert (outcome.state, str(outcome.steps[0].error)) == ("failed", "tax-1: a disk cannot shrink in place.")
    assert held(ctx, vm) == grown == seen(ctx, estate)["tax-1"].size


def test_what_stood_before_we_asked_counts_from_our_asking_and_is_not_undone(ctx, estate):
    """Somebody resized it behind the ledger's back a day ago: the past is not corrected by a step."""
    vm, start = made(ctx, estate), ctx.clock.now()
    ctx.clock.advance(timedelta(days=1))
    with opened_drivers(ctx, [estate.lab]) as drivers:
        drivers[estate.lab].apply(resize_step(vm, "tax-1", SMALL, HALF))
    ctx.clock.advance(timedelta(days=1))
    two = planned_vm(ctx, "two", estate.lab, estate.tax)
    fault(ctx, StepFault("two", "create", "refuse"))
    steps = [resize_step(vm, "tax-1", SMALL, HALF), create_step(two, "two", SMALL)]
    with pytest.raises(ChangeFailed):
        change_machines(ctx, steps, "test")
    assert seen(ctx, estate)["tax-1"].size == HALF, "not ours to undo"
    assert intervals(ctx, vm) == [(start, None, 4)], "and the ledger is as it was, for people to look at"
    fault(ctx)
    change_machines(ctx, [resize_step(vm, "tax-1", SMALL, HALF)], "test")
    assert intervals(ctx, vm) == [(start, start + timedelta(days=2), 4), (start + timedelta(days=2), None, 2)]


def test_a_migration_without_a_host_goes_to_the_best_other_one(ctx, estate):
    vm = made(ctx, estate)
    change_machines(ctx, [migrate_step(vm, "tax-1", None, None)], "move")
    with ctx.reading() as session:
        assert find_vm(session, "tax-1").host == "n2"
    assert seen(ctx, estate)["tax-1"].host == "n2"


def test_a_change_in_a_pool_of_others_waits_as_work_orders_for_a_report(ctx, estate):
    vm = declared_vm(ctx, "pub-1", estate)
    start = ctx.clock.now()
    outcome = change_machines(ctx, [resize_step(vm, "pub-1", SMALL, HALF)], "cut")
    assert (outcome.state, outcome.steps[0].state) == ("ordered", "ordered")
    assert held(ctx, vm) == SMALL
    with ctx.reading() as session:
        (notice,) = notices(session, "change:1")
        assert notice.recipient == "A vendor"
        assert "resize pub-1" in notice.body and "2 vCPUs, 4096 MiB" in notice.body
    assert run_change(ctx, 1).state == "ordered", "nothing new is ordered by asking again"
    ctx.clock.advance(timedelta(days=2))
    done_at = start + timedelta(hours=20)
    assert run_change(ctx, 1, done_at=done_at).state == "done"
    assert intervals(ctx, vm)[1:] == [(done_at, None, 2)]


def test_a_work_order_is_not_done_in_the_future_nor_before_the_allocation(ctx, estate):
    vm = declared_vm(ctx, "pub-1", estate)
    change_machines(ctx, [resize_step(vm, "pub-1", SMALL, HALF)], "cut")
    with pytest.raises(Refused, match="future"):
        run_change(ctx, 1, done_at=ctx.clock.now() + timedelta(seconds=1))
    with pytest.raises(Refused, match="cannot end"):
        run_change(ctx, 1, done_at=ctx.clock.now() - timedelta(days=8))
    assert run_change(ctx, 1).state == "ordered"


def test_a_work_order_is_not_reported_into_time_that_was_sampled_or_closed(ctx, estate):
    vm = declared_vm(ctx, "pub-1", estate)
    change_machines(ctx, [resize_step(vm, "pub-1", SMALL, HALF)], "cut")
    ctx.clock.advance(timedelta(days=2))
    now = ctx.clock.now()
    with ctx.writing() as session:
        allocation = current_allocation(session, vm)
        sample_store(ctx).append(session, [a_sample(vm, allocation.id, now - timedelta(hours=1))])
    with pytest.raises(Refused, match="pub-1 has samples after"):
        run_change(ctx, 1, done_at=now - timedelta(hours=2))
    with ctx.writing() as session:
        session.add(
            SampleSealRow(start=now - timedelta(days=1), end=now - timedelta(minutes=40), sealed_at=now)
        )
    with pytest.raises(Refused, match="a month that is closed"):
        run_change(ctx, 1, done_at=now - timedelta(minutes=50))
    assert run_change(ctx, 1, done_at=now - timedelta(minutes=30)).state == "done"


def test_a_report_minds_the_samples_of_what_was_ordered_alone(ctx, estate):
    """In one change with a machine of ours, which is sampled all the time."""
    ours, theirs = made(ctx, estate), declared_vm(ctx, "pub-1", estate)
    ctx.clock.advance(timedelta(days=1))
    steps = [resize_step(ours, "tax-1", SMALL, HALF), resize_step(theirs, "pub-1", SMALL, HALF)]
    change = change_machines(ctx, steps, "cut").change
    ctx.clock.advance(timedelta(hours=2))
    sweep(ctx)
    at = ctx.clock.now() - timedelta(hours=1)
    assert run_change(ctx, change, done_at=at).state == "done"
    assert intervals(ctx, theirs)[-1] == (at, None, 2)
    with pytest.raises(Refused, match="has no work orders out"):
        run_change(ctx, change, done_at=at)


def test_a_work_order_to_move_a_machine_leaves_the_host_to_its_provider(ctx, estate):
    vm = declared_vm(ctx, "pub-1", estate)
    change_machines(ctx, [migrate_step(vm, "pub-1", None, None)], "away")
    with ctx.reading() as session:
        assert "to any other host" in notices(session, "change:1")[0].body
    assert run_change(ctx, 1, done_at=ctx.clock.now()).state == "done"
    with ctx.reading() as session:
        assert find_vm(session, "pub-1").host is None


def test_a_withdrawn_work_order_says_so_to_the_provider(ctx, estate):
    vm = declared_vm(ctx, "pub-1", estate)
    change_machines(ctx, [resize_step(vm, "pub-1", SMALL, HALF)], "cut")
    assert roll_back_change(ctx, 1, "no").state == "undone"
    with ctx.reading() as session:
        assert [row.subject.split(":")[0] for row in notices(session, "change:1")] == [
            "Work order",
            "Work order withdrawn",
        ]
    assert held(ctx, vm) == SMALL
