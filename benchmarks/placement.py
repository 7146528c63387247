"""Places 10,000 machines of 400 systems on 500 hosts, twice: on empty hosts, and one by one on nearly full ones.

python benchmarks/placement.py [MACHINES] [HOSTS]
"""

import sys
from collections import Counter
from fractions import Fraction
from random import Random
from time import perf_counter

from cloudctl.core.quantity import Size, total
from provisioning.model import HostFacts
from provisioning.placement import HostLoad, Overcommit, Wish, place

FOURFOLD = Overcommit(Fraction(4), Fraction(1))
CORES = (1, 2, 2, 4, 4, 4, 8, 8, 16)


def main(machines: int, hosts: int) -> None:
    chance = Random(1)
    wishes = [wish(chance, number) for number in range(machines)]
    memory = sum(each.size.memory_mib for each in wishes)
    # A tenth more than is asked for altogether, so that the last ones have to look for their place.
    per_host = memory * 11 // (10 * hosts) + 1
    facts = [HostFacts(f"h{number:04}", True, 96, per_host, {"ssd": 10**6}) for number in range(hosts)]
    start = perf_counter()
    codes = place(wishes, [HostLoad(each) for each in facts], FOURFOLD)
    elapsed = perf_counter() - start
    print(
        f"{machines} machines on {hosts} empty hosts: {elapsed:.2f} s, {elapsed / machines * 1e6:.0f} µs each"
    )
    loads = loaded(facts, wishes, codes)
    shared = Counter((each.system, code) for each, code in zip(wishes, codes, strict=True))
    print(f"hosts used: {len(set(codes))}; most machines of one system on one host: {max(shared.values())}")
    start = perf_counter()
    for number in range(20):
        place([wish(chance, number)], loads, FOURFOLD)
    print(
        f"one more on hosts {memory * 100 // (per_host * hosts)} % full: {(perf_counter() - start) / 20 * 1e3:.2f} ms"
    )


def wish(chance: Random, number: int) -> Wish:
    cores = chance.choice(CORES)
    size = Size(cores, cores * chance.choice((1024, 2048, 4096)), {"ssd": chance.randrange(40, 500)})
    return Wish(f"vm-{number}", chance.randrange(400), size)


def loaded(facts: list[HostFacts], wishes: list[Wish], codes: list[str]) -> list[HostLoad]:
    by_host: dict[str, list[Wish]] = {}
    for each, code in zip(wishes, codes, strict=True):
        by_host.setdefault(code, []).append(each)
    return [
        HostLoad(
            host,
            promised=total(each.size for each in by_host.get(host.code, [])),
            systems=Counter(each.system for each in by_host.get(host.code, [])),
        )
        for host in facts
    ]


if __name__ == "__main__":
    main(*(int(argument) for argument in [*sys.argv[1:], *("10000", "500")[len(sys.argv) - 1 :]]))
