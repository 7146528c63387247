"""Plans are laid out on hosts with all that is promised there, step after step."""

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.model import HostFacts
from provisioning.placement import Overcommit
from provisioning.promises import Promise, Promises
from provisioning.steps import create_step, delete_step, migrate_step, resize_step

SIZE = Size(4, 8192)


def pool(*taken, hosts=("a", "b"), draining=()):
    facts = [HostFacts(code, True, 16, 16384) for code in hosts]
    return Promises(facts, draining, Overcommit(), list(taken))


def hosts_of(steps):
    return [(step.after or {}).get("host") for step in steps]


def test_creates_are_placed_one_after_the_other():
    steps = [create_step(number, f"m{number}", SIZE) for number in range(1, 5)]
    assert hosts_of(pool().lay_out(steps, dict.fromkeys(range(1, 5), 1))) == ["a", "b", "a", "b"]


def test_room_that_a_deletion_frees_is_there_for_what_comes_after_it():
    full = [Promise(number, host, 1, Size(4, 16384)) for number, host in ((1, "a"), (2, "b"))]
    new = create_step(3, "new", SIZE)
    with pytest.raises(Refused):
        pool(*full).lay_out([new, delete_step(1, "m1", SIZE, "a")], {1: 1, 3: 1})
    laid = pool(*full).lay_out([delete_step(1, "m1", SIZE, "a"), new], {1: 1, 3: 1})
    assert hosts_of(laid)[1] == "a"


def test_a_machine_may_grow_only_into_what_is_free():
    crowded = pool(Promise(1, "a", 1, SIZE), Promise(None, "a", 0, Size(1, 4096)))
    assert crowded.lay_out([resize_step(1, "m", SIZE, Size(4, 12288))], {1: 1})
    with pytest.raises(Refused) as refusal:
        crowded.lay_out([resize_step(1, "m", Size(4, 12288), Size(4, 12289))], {1: 1})
    assert str(refusal.value.problems[0]) == "a: needs 12289 MiB of memory, 12288 free"


def test_a_machine_may_shrink_on_a_host_that_is_promised_beyond_its_means():
    crowded = pool(Promise(1, "a", 1, Size(16, 30000)), draining=("a",))
    assert crowded.lay_out([resize_step(1, "m", Size(16, 30000), SIZE)], {1: 1})


def test_a_migration_goes_elsewhere_and_is_written_down_with_both_hosts():
    (step,) = pool(Promise(1, "a", 1, SIZE)).lay_out([migrate_step(1, "m", None, None)], {1: 1})
    assert (step.before, step.after) == ({"host": "a"}, {"host": "b"})


def test_a_host_that_is_not_of_the_pool_is_refused():
    with pytest.raises(Refused, match="no host “z”"):
        pool(Promise(1, "a", 1, SIZE)).lay_out([migrate_step(1, "m", None, "z")], {1: 1})


def test_a_host_asked_for_by_name_must_have_room():
    with pytest.raises(Refused, match="No host can take m"):
        pool(Promise(1, "a", 1, Size(4, 10000))).lay_out([create_step(2, "m", SIZE, host="a")], {2: 1})


def test_what_is_promised_of_shared_storage_is_promised_on_every_host():
    hosts = [HostFacts(code, True, 8, 8192, {"san": 100, "ssd": 100}, frozenset({"san"})) for code in "ab"]
    taken = [
        Promise(1, "a", 1, Size(1, 1024, {"san": 40, "ssd": 7})),
        Promise(2, "b", 1, Size(1, 1024, {"san": 5})),
    ]
    promised = Promises(hosts, (), Overcommit(), taken)
    assert [load.promised.storage_gib for load in promised.loads()] == [{"san": 45, "ssd": 7}, {"san": 45}]
    assert [load.promised.storage_gib["san"] for load in promised.loads(without=1)] == [5, 5]
