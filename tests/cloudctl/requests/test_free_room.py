"""What a pool has free: overcommit counts, hosts that take nothing do not, shared storage is one."""

from fractions import Fraction

from cloudctl.core.quantity import Size
from cloudctl.operations.requests.free_room import free_room
from policies.requests.survey import Amounts
from provisioning.model import HostFacts
from provisioning.placement import Overcommit
from provisioning.promises import Promise, Promises

TWICE = Overcommit(Fraction(4), Fraction(3, 2))


def promises(*hosts, draining=(), taken=()):
    promised = [Promise(None, host, 1, size) for host, size in taken]
    return Promises(hosts, draining, TWICE, promised)


def test_every_meter_and_every_tier_is_added_up_under_overcommit():
    free = free_room(
        promises(
            HostFacts("a", True, 8, 1000, {"ssd": 100, "sas": 500}),
            HostFacts("b", True, 4, 2000, {"ssd": 50}),
            taken=[("a", Size(10, 700, {"ssd": 60})), ("b", Size(1, 100, {"ssd": 50}))],
        )
    )
    assert free == Amounts(48 - 11, 4500 - 800, {"ssd": 40, "sas": 500})


def test_hosts_that_are_down_or_drained_have_nothing_free_nor_anything_taken():
    free = free_room(
        promises(
            HostFacts("a", True, 8, 1000, {"ssd": 100}),
            HostFacts("b", False, 8, 1000, {"ssd": 100}),
            HostFacts("c", True, 8, 1000, {"ssd": 100}),
            draining={"c"},
            taken=[("b", Size(4, 500, {"ssd": 30})), ("c", Size(4, 500, {"ssd": 30}))],
        )
    )
    assert free == Amounts(32, 1500, {"ssd": 100})


def test_shared_storage_is_counted_once_and_taken_from_everywhere():
    shared = frozenset({"san"})
    free = free_room(
        promises(
            HostFacts("a", True, 8, 1000, {"san": 1000, "ssd": 10}, shared),
            HostFacts("b", True, 8, 1000, {"san": 1000, "ssd": 10}, shared),
            HostFacts("c", False, 8, 1000, {"san": 1000}, shared),
            taken=[
                ("a", Size(1, 1, {"san": 100})),
                ("b", Size(1, 1, {"san": 200, "ssd": 5})),
                ("c", Size(1, 1, {"san": 50})),
            ],
        )
    )
    assert free.storage_gib == {"san": 650, "ssd": 15}
