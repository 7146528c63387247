"""What a pool has free: by sums over its hosts, for plans that no machine is placed for yet."""

from collections.abc import Collection, Mapping

from policies.requests.survey import Amounts
from provisioning.promises import Promises


def free_room(promised: Promises) -> Amounts:
    """Of hosts that take machines, what is not promised yet; storage that all of them share is counted once."""
    free, shared = Amounts(), dict[str, int]()
    for load in promised.loads():
        tiers, taken = load.facts.shared_tiers, load.promised
        storage_gib = promised.overcommit.storage_of(load.facts)
        if load.facts.is_up and not load.is_draining:
            room = Amounts(
                int(load.facts.vcpus * promised.overcommit.cpu),
                int(load.facts.memory_mib * promised.overcommit.memory),
                _only(storage_gib, storage_gib.keys() - tiers),
            )
            own = _only(taken.storage_gib, taken.storage_gib.keys() - tiers)
            free = free.plus(room).minus(Amounts(taken.vcpus, taken.memory_mib, own))
            # What is promised anywhere is promised on each of them.
            shared |= {tier: storage_gib[tier] - taken.storage_gib.get(tier, 0) for tier in tiers}
    return free.plus(Amounts(storage_gib=shared))


def _only(storage_gib: Mapping[str, int], tiers: Collection[str]) -> dict[str, int]:
    return {tier: gib for tier, gib in storage_gib.items() if tier in tiers}
