"""Which steps may go on beside each other."""

from cloudctl.core.quantity import Size
from provisioning.pacing import Pace, awaited, footprints, ready
from provisioning.steps import create_step, delete_step, migrate_step, resize_step, start_step, stop_step

SIZE, MORE = Size(2, 4096), Size(4, 4096)


def waits(*steps, hosts=None):
    return [set(before) for before in awaited(footprints([("lab", step) for step in steps], hosts or {}))]


def test_the_steps_of_a_machine_keep_their_order():
    assert waits(stop_step(1, "a"), start_step(1, "a"), stop_step(2, "b")) == [set(), {0}, set()]


def test_room_is_freed_before_it_is_taken():
    delete, create = delete_step(1, "a", SIZE, "n1"), create_step(2, "b", SIZE, host="n1")
    assert waits(delete, create) == [set(), {0}]
    assert waits(create, delete) == [set(), set()]
    assert waits(delete, create_step(2, "b", SIZE, host="n2")) == [set(), set()]


def test_a_resize_takes_or_frees_where_its_machine_stands():
    shrink, grow = resize_step(1, "a", MORE, SIZE), resize_step(2, "b", SIZE, MORE)
    assert waits(shrink, grow, hosts={1: "n1", 2: "n1"}) == [set(), {0}]
    assert waits(shrink, grow, hosts={1: "n1", 2: "n2"}) == [set(), set()]


def test_a_machine_that_moved_works_where_it_moved_to():
    moved = [migrate_step(1, "a", "n1", "n2"), resize_step(1, "a", MORE, SIZE)]
    assert waits(*moved, create_step(2, "b", SIZE, host="n2")) == [set(), {0}, {1}]


def test_a_drain_goes_on_in_all_directions_at_once():
    steps = [migrate_step(number, str(number), "n1", f"n{number}") for number in (2, 3, 4)]
    assert waits(*steps) == [set(), set(), set()]


def test_a_host_that_is_not_known_could_be_any():
    create = create_step(2, "b", SIZE, host="n1")
    assert waits(delete_step(1, "a", SIZE, None), create) == [set(), {0}]
    assert waits(delete_step(1, "a", SIZE, "n1"), create_step(2, "b", SIZE)) == [set(), {0}]


def test_a_host_does_so_many_things_at_once_and_no_more():
    steps = [("lab", migrate_step(number, str(number), "n1", f"n{number}")) for number in (2, 3, 4)]
    prints, bears = footprints(steps, {}), {"lab": Pace(8, 8)}
    assert list(ready([0, 1, 2], [], prints, Pace(parallel=8, per_host=2), bears)) == [0, 1]
    assert list(ready([2], [0], prints, Pace(parallel=8, per_host=2), bears)) == [2]
    assert list(ready([0, 1, 2], [], prints, Pace(parallel=1, per_host=2), bears)) == [0]


def test_a_cloud_that_bears_few_leaves_room_for_the_others():
    prints = footprints(
        [("slow", stop_step(1, "a")), ("slow", stop_step(2, "b")), ("lab", stop_step(3, "c"))], {}
    )
    pace, bears = Pace(parallel=2, per_host=2), {"slow": Pace(), "lab": Pace(8, 8)}
    assert list(ready([0, 1, 2], [], prints, pace, bears)) == [0, 2]
    assert list(ready([1, 2], [0], prints, pace, bears)) == [2]


def test_a_cloud_may_bear_less_on_a_host_than_the_pace_allows():
    prints = footprints([("lab", stop_step(1, "a")), ("lab", stop_step(2, "b"))], {1: "n1", 2: "n1"})
    assert list(ready([0, 1], [], prints, Pace(8, 8), {"lab": Pace(8, 1)})) == [0]
