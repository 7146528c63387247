"""Deals machines out to the fictitious city's systems: how many, of which role and size, from a seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from cloudctl.core.quantity import Size
from cloudctl.operations.demo.places import System


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as the city's inventory declares it."""

    name: str
    system: str
    pool: str
    size: Size


# What a system is built of, in the order in which a larger one gets more of it.
ROLES = ("app", "db", "web", "app", "db", "cache", "web", "app", "file", "job")
COMPUTE_ROLES = ("node", "node", "meta", "node", "store", "node")

GIB = 1024
SIZES: Mapping[str, Size] = {
    "web": Size(4, 8 * GIB, {"ssd": 100}),
    "app": Size(8, 16 * GIB, {"ssd": 200}),
    "db": Size(8, 32 * GIB, {"ssd": 400, "sas": 500}),
    "cache": Size(4, 32 * GIB, {"ssd": 100}),
    "file": Size(4, 16 * GIB, {"sas": 2000}),
    "job": Size(8, 16 * GIB, {"sas": 500}),
    "node": Size(32, 128 * GIB, {"ssd": 800}),
    "meta": Size(8, 32 * GIB, {"ssd": 300}),
    "store": Size(8, 32 * GIB, {"sas": 6000}),
}


def deal_machines(systems: Sequence[System], count: int, seed: int) -> list[Machine]:
    """`count` machines, shared out by the systems' weights by largest remainder, at least one each."""
    random = Random(f"machines {seed}")
    shares = _shares([system.weight for system in systems], count)
    return [
        machine
        for system, share in zip(systems, shares, strict=True)
        for machine in _machines_of(system, share, random)
    ]


def _shares(weights: Sequence[int], count: int) -> list[int]:
    total = sum(weights)
    shares = [max(1, count * weight // total) for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(count * weights[i] % total), i))
    for index in by_remainder[: max(0, count - sum(shares))]:
        shares[index] += 1
    return shares


def _machines_of(system: System, count: int, random: Random) -> list[Machine]:
    roles = COMPUTE_ROLES if system.pool == "hpc" else ROLES
    # Systems were bought by different people: some twice as large as others that do the same.
    generosity = random.choice((1, 1, 1, 2)) if system.pool != "hpc" else 1
    numbers: dict[str, int] = {}
    machines = []
    for position in range(count):
        role = roles[position % len(roles)]
        numbers[role] = numbers.get(role, 0) + 1
        name = f"{system.code}-{role}-{numbers[role]}"
        machines.append(Machine(name, system.code, system.pool, _scaled(SIZES[role], generosity)))
    return machines


def _scaled(size: Size, factor: int) -> Size:
    storage = {tier: gib * factor for tier, gib in size.storage_gib.items()}
    return Size(size.vcpus * factor, size.memory_mib * factor, storage)
