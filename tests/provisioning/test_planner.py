"""The planner: which steps bring the machines there are to those wanted, in which order, and what no step can do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.inventory.history import Held
from cloudctl.core.quantity import Size
from provisioning.model import Machine, MachineState
from provisioning.planner import Present, Wanted, plan_machines, refusals, takes_away

SMALL = Size(2, 4096, {"ssd": 100})
LARGE = Size(8, 16384, {"ssd": 200})
T0 = datetime(2026, 1, 1, tzinfo=UTC)
CYCLED = frozenset({"cold"})


def wanted(name="a", size=SMALL, **changes):
    return replace(Wanted(name, "tax", "gov", size), **changes)


def present(name="a", size=SMALL, **changes):
    return replace(Present(1, name, "tax", "gov", "active", False, size, "h1"), **changes)


def declared(name="a", *sizes, until=None):
    held = tuple(Held(T0 + timedelta(days=day), size) for day, size in sizes)
    return Wanted(name, "tax", "pub", held[0].size, history=held, until=until)


def external(name="a", *sizes, until=None, **changes):
    held = tuple(Held(T0 + timedelta(days=day), size) for day, size in sizes)
    there = Present(
        1, name, "tax", "pub", "retired" if until else "active", True, None if until else held[-1].size
    )
    return replace(there, history=held, until=until, **changes)


def plan(want, have, found=()):
    seen = {("gov", machine.name): machine for machine in found}
    return plan_machines(want, {machine.name: machine for machine in have}, seen, CYCLED)


def kinds(steps):
    return [(step.kind, step.target) for step in steps]


def test_what_is_as_wanted_needs_nothing():
    assert plan([wanted()], [present()]) == []
    assert plan([declared("a", (0, SMALL))], [external("a", (0, SMALL))]) == []


def test_a_new_machine_is_created_with_all_it_is_made_of():
    (step,) = plan([wanted(image="debian12", network="office")], [])

    assert (step.kind, step.target, step.before) == ("create", "a", None)
    assert step.after == {
        "system": "tax",
        "pool": "gov",
        "vcpus": 2,
        "memory_mib": 4096,
        "storage_gib": {"ssd": 100},
        "image": "debian12",
        "network": "office",
    }


def test_a_machine_planned_but_never_made_is_created():
    assert kinds(plan([wanted()], [present(state="planned", size=None)])) == [("create", "a")]


def test_another_size_is_a_resize_live_where_it_costs_no_power_cycle():
    live, cold = plan([wanted(size=LARGE), wanted("cold", LARGE)], [present(), present("cold")])

    assert (live.kind, live.is_live, cold.is_live) == ("resize", True, False)
    assert live.before == SMALL.as_json()
    assert live.after == LARGE.as_json()


def test_another_system_is_a_transfer_beside_the_resize():
    assert kinds(plan([wanted(size=LARGE, system="budget")], [present()])) == [
        ("transfer", "a"),
        ("resize", "a"),
    ]


def test_a_machine_no_longer_wanted_retires_unless_it_was_never_made():
    there = [present("a"), present("b", state="planned", size=None), present("c", state="retired", size=None)]

    (step,) = plan([], there)

    assert (step.kind, step.target, step.after, step.is_live) == ("retire", "a", {"state": "shelved"}, False)


def test_a_machine_the_cloud_has_and_nobody_answers_for_is_adopted_and_then_resized():
    seen = Machine("sim-9", "a", None, "h2", MachineState.RUNNING, LARGE)

    adopt, resize = plan([wanted()], [], [seen])

    assert (adopt.kind, adopt.before["external_id"], adopt.after["vcpus"]) == ("adopt", "sim-9", 8)
    assert (resize.kind, resize.after["vcpus"]) == ("resize", 2)


def test_room_is_freed_before_it_is_taken():
    steps = plan(
        [
            wanted("new"),
            wanted("grow", LARGE),
            wanted("shrink", replace_storage(SMALL, 200)),
            wanted("moved", system="budget"),
        ],
        [present("grow"), present("shrink", LARGE), present("moved"), present("gone")],
    )

    assert kinds(steps) == [
        ("transfer", "moved"),
        ("retire", "gone"),
        ("resize", "shrink"),
        ("resize", "grow"),
        ("create", "new"),
    ]


def replace_storage(size, gib):
    return Size(size.vcpus, size.memory_mib, {"ssd": gib})


def test_an_external_machine_is_declared_corrected_and_retired():
    two = ((0, SMALL), (10, LARGE))
    end = T0 + timedelta(days=20)

    assert kinds(plan([declared("a", *two)], [])) == [("declare", "a")]
    assert kinds(plan([declared("a", *two)], [external("a", (0, SMALL))])) == [("correct", "a")]
    assert kinds(plan([declared("a", *two, until=end)], [external("a", *two)])) == [("retire", "a")]
    assert kinds(plan([], [external("a", *two)])) == [("retire", "a")]
    assert plan([declared("a", *two, until=end)], [external("a", *two, until=end)]) == []
    assert plan([], [external("a", *two, until=end)]) == []


def test_an_external_machine_left_out_keeps_running_somewhere_so_its_retirement_stops_nothing():
    (step,) = plan([], [external("a", (0, SMALL))])

    assert (step.is_live, step.after) == (True, None)


@pytest.mark.parametrize(
    ("want", "have", "key"),
    [
        (wanted(pool="new"), present(), "pool"),
        (wanted(size=Size(2, 4096, {"ssd": 50})), present(), "storage_gib"),
        (wanted(size=Size(2, 4096, {})), present(), "storage_gib"),
        (wanted(), present(state="retired", size=None), "name"),
        (wanted(image="b"), present(image="a"), "image"),
        (wanted(network="b"), present(network="a"), "network"),
        (
            replace(declared("a", (0, SMALL)), system="budget"),
            external("a", (0, SMALL), until=T0 + timedelta(days=1)),
            "system",
        ),
    ],
)
def test_what_no_step_can_do_is_refused(want, have, key):
    assert [refusal.key for refusal in refusals([want], {"a": have})] == [key]


def test_an_image_left_out_is_no_wish():
    assert list(refusals([wanted()], {"a": present(image="a", network="n")})) == []


def test_taking_away_is_retiring_or_making_smaller_in_any_respect():
    retire, shrink, grow = plan(
        [wanted("s", Size(1, 99999, {"ssd": 500})), wanted("g", LARGE)],
        [present("s"), present("g"), present("x")],
    )

    assert [takes_away(step) for step in (retire, shrink, grow)] == [True, True, False]
    (correction,) = plan([declared("a", (0, LARGE), (5, SMALL))], [external("a", (0, LARGE))])
    assert takes_away(correction)
    (new,) = plan([declared("a", (0, LARGE))], [])
    assert not takes_away(new)


sizes = st.builds(
    Size,
    st.integers(1, 4),
    st.integers(1, 4),
    st.dictionaries(st.sampled_from(["ssd", "sas"]), st.integers(1, 3)),
)
names = st.sampled_from("abcd")


@given(st.dictionaries(names, sizes), st.dictionaries(names, sizes))
def test_carrying_out_the_steps_leaves_nothing_to_do(want, have):
    machines = {name: present(name, size) for name, size in have.items()}
    steps = plan_machines([wanted(name, size) for name, size in want.items()], machines, {}, CYCLED)

    for step in steps:
        if step.kind == "retire":
            del machines[step.target]
        else:
            machines[step.target] = present(step.target, Size.from_json(step.after))

    assert plan_machines([wanted(name, size) for name, size in want.items()], machines, {}, CYCLED) == []
    assert {name: machine.size for name, machine in machines.items()} == want


@given(sizes, sizes)
def test_two_sizes_fit_within_each_other_only_where_they_are_the_same(one, other):
    assert (one.fits_within(other) and other.fits_within(one)) == (one == other)
