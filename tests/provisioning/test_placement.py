"""Placement never promises more than there is, prefers by its rule, and says why when nothing fits."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size, total
from provisioning.model import HostFacts
from provisioning.placement import HostLoad, Overcommit, Wish, place, why_not

FOURFOLD = Overcommit(Fraction(4), Fraction(1))


def host(code, *, vcpus=16, memory=32768, storage=1000, up=True, draining=False, used=None, systems=None):
    facts = HostFacts(code, up, vcpus, memory, {"ssd": storage})
    return HostLoad(facts, draining, used or Size(0, 0), systems or {})


def wish(vcpus=2, memory=4096, storage=50, system=1, name="m"):
    return Wish(name, system, Size(vcpus, memory, {"ssd": storage}))


def test_the_fullest_host_that_fits_is_taken():
    hosts = [host("a"), host("b", used=Size(4, 20000)), host("c", used=Size(4, 30000))]
    assert place([wish()], hosts, FOURFOLD) == ["b"]


def test_a_systems_machines_are_kept_apart_while_there_is_a_way():
    hosts = [host("a"), host("b"), host("c")]
    assert sorted(place([wish(), wish(), wish()], hosts, FOURFOLD)) == ["a", "b", "c"]


def test_a_systems_machines_share_a_host_when_that_is_the_only_way():
    hosts = [host("a"), host("b", used=Size(0, 32000))]
    assert place([wish(), wish()], hosts, FOURFOLD) == ["a", "a"]


def test_where_all_hosts_have_some_the_one_with_fewest_is_taken():
    hosts = [host("a", systems={1: 3}), host("b", systems={1: 1}), host("c", systems={1: 2})]
    assert place([wish()], hosts, FOURFOLD) == ["b"]


def test_equal_hosts_are_taken_in_the_order_of_their_codes():
    assert place([wish(system=1), wish(system=2)], [host("b"), host("a")], FOURFOLD) == ["a", "a"]


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (host("a", up=False), "a: the host is down"),
        (host("a", draining=True), "a: the host is being drained"),
        (host("a", used=Size(0, 30000)), "a: needs 4096 MiB of memory, 2768 free"),
        (host("a", used=Size(63, 0)), "a: needs 2 vCPUs, 1 free"),
        (host("a", used=Size(0, 0, {"ssd": 960})), "a: needs 50 GiB of ssd, 40 free"),
    ],
    ids=["down", "draining", "memory", "vcpus", "storage"],
)
def test_each_host_says_why_it_cannot_take_a_machine(load, reason):
    assert str(why_not(wish().size, load, FOURFOLD)) == reason
    with pytest.raises(Refused, match=r"No host can take m \(2 vCPUs, 4096 MiB, 50 GiB ssd\)") as refusal:
        place([wish()], [load], FOURFOLD)
    assert [str(each) for each in refusal.value.problems] == [reason]


def test_overcommit_is_read_exactly():
    assert Overcommit.of({"overcommit": {"cpu": 1.1, "memory": 1}}).cpu == Fraction(11, 10)
    assert Overcommit.of({}) == Overcommit()


sizes = st.builds(
    lambda vcpus, memory, storage: Size(vcpus, memory, {"ssd": storage}),
    st.integers(1, 8),
    st.integers(512, 9000),
    st.integers(0, 300),
)
loads = st.lists(
    st.builds(
        lambda vcpus, memory, up, draining, used: (vcpus, memory, up, draining, used),
        st.integers(1, 32),
        st.integers(1024, 40000),
        st.booleans(),
        st.booleans(),
        st.integers(0, 9000),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda drawn: [
        host(
            f"h{index}", vcpus=vcpus, memory=memory, up=up, draining=draining, used=Size(0, min(used, memory))
        )
        for index, (vcpus, memory, up, draining, used) in enumerate(drawn)
    ]
)
overcommits = st.builds(Overcommit, st.fractions(1, 6), st.fractions(1, 2))


@given(st.lists(st.builds(Wish, st.just("m"), st.integers(1, 3), sizes), max_size=25), loads, overcommits)
def test_nothing_is_promised_twice(wishes, hosts, overcommit):
    """However it comes out, what was placed fits; and where it is refused, no open host has room for that one."""
    placed: list[str] = []
    for number in range(len(wishes)):
        try:
            placed = place(wishes[: number + 1], hosts, overcommit)
        except Refused:
            full = [loaded(load, wishes[:number], placed) for load in hosts]
            assert all(why_not(wishes[number].size, load, overcommit) for load in full)
            break
    for load in hosts:
        taken = [each.size for each, code in zip(wishes, placed, strict=False) if code == load.facts.code]
        if not taken:
            continue
        promised = total([load.promised, *taken])
        assert load.facts.is_up and not load.is_draining
        assert promised.vcpus <= load.facts.vcpus * overcommit.cpu
        assert promised.memory_mib <= load.facts.memory_mib * overcommit.memory
        assert promised.storage_total_gib <= load.facts.storage_gib["ssd"]


def loaded(load, wishes, placed):
    taken = [each.size for each, code in zip(wishes, placed, strict=True) if code == load.facts.code]
    return HostLoad(load.facts, load.is_draining, total([load.promised, *taken]))


@given(st.lists(st.builds(Wish, st.just("m"), st.integers(1, 3), sizes), max_size=12), loads, overcommits)
def test_placing_is_a_function_of_its_arguments(wishes, hosts, overcommit):
    def outcome(given_hosts):
        try:
            return place(wishes, given_hosts, overcommit)
        except Refused as refusal:
            return str(refusal)

    assert outcome(hosts) == outcome(list(reversed(hosts)))


def test_storage_that_all_hosts_share_is_promised_once():
    facts = [HostFacts(code, True, 16, 32768, {"san": 100, "ssd": 100}, frozenset({"san"})) for code in "ab"]
    hosts = [HostLoad(each) for each in facts]
    large = [Wish(name, 1, Size(2, 4096, {"san": 60})) for name in ("m", "n")]
    assert place(large[:1], hosts, FOURFOLD) == ["a"]
    with pytest.raises(Refused):
        place(large, hosts, FOURFOLD)
    own = [Wish(name, 1, Size(2, 4096, {"ssd": 60})) for name in ("m", "n")]
    assert place(own, hosts, FOURFOLD) == ["a", "b"]


def test_storage_is_promised_as_often_as_the_pool_says_its_disks_are_thin():
    thin = Overcommit.of({"overcommit": {"cpu": 4, "storage": 1.5}})
    assert thin == Overcommit(Fraction(4), Fraction(1), Fraction(3, 2))
    full = host("a", storage=100, used=Size(2, 4096, {"ssd": 100}))
    assert why_not(Size(1, 1024, {"ssd": 50}), full, thin) is None
    assert why_not(Size(1, 1024, {"ssd": 51}), full, thin) is not None
    assert why_not(Size(1, 1024, {"ssd": 1}), full, FOURFOLD) is not None
