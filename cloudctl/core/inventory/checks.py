"""What must hold between the entries of an inventory: each rule a small function that returns its problems."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address, ip_network

from cloudctl.core.errors import Problem, problem
from cloudctl.core.inventory.draft import Draft, Entry, Key
from cloudctl.core.inventory.history import faults
from cloudctl.core.inventory.model import MAKES_FROM_IMAGES, SECTIONS, Pool, Vm

# section, the key that refers, and the section it refers to
REFERENCES = (
    ("people", "unit", "units"),
    ("systems", "unit", "units"),
    ("equipment", "unit", "units"),
    ("hosts", "pool", "pools"),
    ("images", "pool", "pools"),
    ("networks", "pool", "pools"),
    ("vms", "system", "systems"),
    ("vms", "pool", "pools"),
)
UNKNOWN: dict[str, Callable[[str, str], Problem]] = {
    "units": lambda place, code: problem(place, "There is no unit “{code}” in the inventory.", code=code),
    "systems": lambda place, code: problem(place, "There is no system “{code}” in the inventory.", code=code),
    "pools": lambda place, code: problem(place, "There is no pool “{code}” in the inventory.", code=code),
    "images": lambda place, code: problem(place, "There is no image “{code}” in this pool.", code=code),
    "networks": lambda place, code: problem(place, "There is no network “{code}” in this pool.", code=code),
}


def check_inventory(
    draft: Draft, now: datetime, kept: Mapping[str, Collection[str]] | None = None
) -> list[Problem]:
    """All that is wrong between the entries of a completed draft. kept: storage tiers that machines hold already."""
    return [
        *_duplicates(draft),
        *_unknown_references(draft),
        *_pool_problems(draft),
        *_host_problems(draft),
        *_network_problems(draft),
        *_machine_problems(draft, now, kept or {}),
        *_role_problems(draft),
    ]


def _duplicates(draft: Draft) -> Iterator[Problem]:
    for section in SECTIONS:
        seen: dict[Key, Entry] = {}
        for entry in draft.entries(section):
            key = entry.key()
            if key is not None and key in seen:
                yield problem(
                    entry.place(SECTIONS[section][-1]),
                    "“{code}” stands here a second time; the first is in line {line}.",
                    code=key[-1],
                    line=seen[key].place().split("(")[0].rsplit(":", 2)[1],
                )
            elif key is not None:
                seen[key] = entry


def _known(draft: Draft, section: str) -> set[Key | None]:
    return {entry.key() for entry in draft.entries(section)}


def _unknown_references(draft: Draft) -> Iterator[Problem]:
    known = {
        section: _known(draft, section) for section in ("units", "systems", "pools", "images", "networks")
    }
    for section, key, target in REFERENCES:
        for entry in draft.entries(section):
            code = entry.get(key)
            if code is not None and (code,) not in known[target]:
                yield UNKNOWN[target](entry.place(key), code)
    for entry in draft.entries("vms"):
        for key, target in (("image", "images"), ("network", "networks")):
            code, pool = entry.get(key), entry.get("pool")
            if code is not None and pool is not None and (pool, code) not in known[target]:
                yield UNKNOWN[target](entry.place(key), code)


# Keys of a pool that only some drivers read.
_READ_BY: dict[str, tuple[str, ...]] = {
    "seed": ("embedded",),
    "traces": ("embedded",),
    "boot_tier": MAKES_FROM_IMAGES,
    "cloud": ("openstack",),
    "libvirt": ("libvirt",),
    "openstack": ("openstack",),
}


def _pool_problems(draft: Draft) -> Iterator[Problem]:
    for position, pool in enumerate(draft.inventory.pools or ()):
        for key, drivers in _READ_BY.items():
            if getattr(pool, key) is not None and pool.driver not in drivers:
                place = draft.place("pools", position, key)
                yield problem(
                    place,
                    "{key}: a pool of driver “{driver}” does not read this.",
                    key=key,
                    driver=pool.driver,
                )
        if pool.boot_tier is not None:
            yield from _tier_problem(pool, pool.boot_tier, draft.place("pools", position, "boot_tier"))
        if pool.driver == "openstack" and pool.cloud is None:
            yield problem(draft.place("pools", position), "“{name}” is missing.", name="cloud")


def _host_problems(draft: Draft) -> Iterator[Problem]:
    pools = _pools(draft)
    for position, host in enumerate(draft.inventory.hosts or ()):
        pool = pools.get(host.pool)
        if pool is None:
            continue
        if pool.driver == "embedded":
            for key in ("vcpus", "memory_mib"):
                if getattr(host, key) is None:
                    yield problem(draft.place("hosts", position), "“{name}” is missing.", name=key)
            yield from _tier_problems(draft, pool, "hosts", position, host.storage_gib)
        elif host.vcpus is not None or host.memory_mib is not None or host.storage_gib:
            place = draft.place("hosts", position)
            yield problem(
                place, "Capacity is given for hosts of simulated pools only; this one's cloud reports it."
            )
        if pool.driver == "libvirt" and host.uri is None:
            yield problem(draft.place("hosts", position), "“{name}” is missing.", name="uri")


def _network_problems(draft: Draft) -> Iterator[Problem]:
    pools = _pools(draft)
    for position, network in enumerate(draft.inventory.networks or ()):
        pool = pools.get(network.pool)
        for key in ("physical_network", "cidr", "gateway"):
            if pool is not None and pool.driver != "openstack" and getattr(network, key) is not None:
                yield problem(
                    draft.place("networks", position, key),
                    "{key}: a pool of driver “{driver}” does not read this.",
                    key=key,
                    driver=pool.driver,
                )
        if network.gateway and ip_address(network.gateway) not in ip_network(network.cidr or "0.0.0.0/32"):
            yield problem(
                draft.place("networks", position, "gateway"),
                "The gateway {gateway} is not in the cidr {cidr}.",
                gateway=network.gateway,
                cidr=network.cidr or "–",
            )


def _machine_problems(draft: Draft, now: datetime, kept: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    pools = _pools(draft)
    for position, vm in enumerate(draft.inventory.vms or ()):
        pool = pools.get(vm.pool)
        if pool is None:
            continue
        known = kept.get(vm.name, ())
        yield from _tier_problems(draft, pool, "vms", position, vm.storage_gib.keys() - known)
        for number, change in enumerate(vm.sizes):
            tiers = (change.storage_gib or {}).keys() - known
            yield from _tier_problems(draft, pool, "vms", position, tiers, "sizes", number)
        if pool.driver == "external":
            yield from _external_problems(draft, position, vm, now)
        else:
            yield from _controlled_problems(draft, position, vm)


def _external_problems(draft: Draft, position: int, vm: Vm, now: datetime) -> Iterator[Problem]:
    for key in ("image", "network"):
        if getattr(vm, key) is not None:
            place = draft.place("vms", position, key)
            yield problem(
                place, "{key} belongs to machines that cloudctl makes; this pool is external.", key=key
            )
    for fault in faults(vm, now):
        place = draft.place("vms", position, *fault.loc)
        yield Problem(place, fault.message)


def _controlled_problems(draft: Draft, position: int, vm: Vm) -> Iterator[Problem]:
    for key in ("since", "until", "sizes"):
        if getattr(vm, key):
            place = draft.place("vms", position, key)
            yield problem(
                place,
                "{key} is declared for machines of external pools; this pool keeps its own record.",
                key=key,
            )
    for key in ("vcpus", "memory_mib"):
        if getattr(vm, key) is None:
            yield problem(draft.place("vms", position), "“{name}” is missing.", name=key)


def _tier_problems(
    draft: Draft, pool: Pool, section: str, position: int, tiers: Iterable[str], *within: str | int
) -> Iterator[Problem]:
    for tier in sorted(tiers):
        yield from _tier_problem(pool, tier, draft.place(section, position, *within, "storage_gib", tier))


def _tier_problem(pool: Pool, tier: str, place: str) -> Iterator[Problem]:
    if pool.tiers and tier not in pool.tiers:
        yield problem(
            place,
            "Pool {pool} has no storage tier “{tier}” (it has {known}).",
            pool=pool.code,
            tier=tier,
            known=", ".join(pool.tiers),
        )


def _role_problems(draft: Draft) -> Iterator[Problem]:
    for position, person in enumerate(draft.inventory.people or ()):
        if len(set(person.roles)) < len(person.roles):
            yield problem(draft.place("people", position, "roles"), "A role is named twice.")
        if "unit" in person.roles and person.unit is None:
            yield problem(
                draft.place("people", position, "roles"), "The role “unit” needs the person's unit."
            )


def _pools(draft: Draft) -> dict[str, Pool]:
    return {pool.code: pool for pool in reversed(draft.inventory.pools or ())}
