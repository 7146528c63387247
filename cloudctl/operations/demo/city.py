"""Builds the fictitious city from a seed: its inventory, price list, budgets and old equipment, as documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from cloudctl.core.errors import UsageError
from cloudctl.operations.demo.machines import GIB, Machine, deal_machines
from cloudctl.operations.demo.people import people_entries
from cloudctl.operations.demo.places import CITY, System, Unit, units


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of the city to build; the whole of it by default."""

    units: int = 45
    machines: int = 400


@dataclass(frozen=True, slots=True)
class City:
    """The city's estate. late: systems whose machines are asked for in the middle of the month."""

    seed: int
    units: tuple[Unit, ...]
    machines: tuple[Machine, ...]
    late: frozenset[str]

    @property
    def systems(self) -> tuple[System, ...]:
        return tuple(system for unit in self.units for system in unit.systems)

    def machines_at_first(self) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.machines if machine.system not in self.late)

    def last_with_failed_equipment(self) -> str | None:
        """A unit's code."""
        entries = reversed(_equipment_entries(self))
        return next((entry["unit"] for entry in entries if entry["condition"] == "failed"), None)


@dataclass(frozen=True, slots=True)
class _Pool:
    """A simulated pool: its hosts' capacity, and on how much memory of machines one more host is counted."""

    code: str
    name: str
    provider: str
    cpu_overcommit: float
    host_vcpus: int
    host_memory_gib: int
    host_storage_gib: dict[str, int]
    filled_gib: int


POOLS = (
    _Pool("gov", "专有云（模拟）", "示例云服务商甲", 3.0, 64, 320, {"ssd": 8000, "sas": 16000}, 300),
    _Pool("ded", "专享云（模拟）", "示例云服务商乙", 3.0, 64, 320, {"ssd": 8000, "sas": 16000}, 290),
    _Pool("hpc", "超算云（模拟）", "示例云服务商丙", 2.0, 96, 768, {"ssd": 16000, "sas": 48000}, 700),
)
WINDOWS = {"gov": "Sat 22:00-Sun 06:00", "ded": "Fri 23:00-Sat 05:00", "hpc": "Sat 20:00-Sun 08:00"}


def build_city(seed: int, extent: Extent = Extent()) -> City:
    """The same seed and extent give the same city; the last system is the late one. UsageError for too few machines."""
    chosen = tuple(units()[: extent.units])
    systems = [system for unit in chosen for system in unit.systems]
    if extent.machines < len(systems):
        raise UsageError(
            "These units have {systems} systems, and each needs a machine.", systems=len(systems)
        )
    late = frozenset(system.code for system in systems[1:][-1:])
    return City(seed, chosen, tuple(deal_machines(systems, extent.machines, seed)), late)


def inventory_document(city: City, *, with_late: bool) -> dict[str, Any]:
    """inventory.yaml of the city; `with_late` adds the machines asked for in the middle of the month."""
    machines = city.machines if with_late else city.machines_at_first()
    return {
        "version": 1,
        "site": {
            "name": f"{CITY}政务云（演示，数据均为模拟）",
            "timezone": "Asia/Shanghai",
            "currency": "CNY",
        },
        "units": [_unit_entry(unit) for unit in city.units],
        "people": people_entries(city.units),
        "systems": [_system_entry(unit, system) for unit in city.units for system in unit.systems],
        "pools": [_pool_entry(pool, city.seed) for pool in POOLS],
        "hosts": [entry for pool in POOLS for entry in _host_entries(pool, city.machines)],
        "images": [{"code": "linux", "pool": pool.code, "source": "simulated-linux.qcow2"} for pool in POOLS],
        "vms": [_machine_entry(machine) for machine in machines],
        "equipment": _equipment_entries(city),
    }


def _unit_entry(unit: Unit) -> dict[str, Any]:
    return {"code": unit.code, "name": unit.name, "contact": f"{unit.code}@example.gov.cn"}


def _system_entry(unit: Unit, system: System) -> dict[str, Any]:
    return {
        "code": system.code,
        "name": system.name,
        "unit": unit.code,
        "level": system.level,
        "window": WINDOWS[system.pool],
        "status": "live",
    }


def _pool_entry(pool: _Pool, seed: int) -> dict[str, Any]:
    return {
        "code": pool.code,
        "name": pool.name,
        "driver": "embedded",
        "provider": pool.provider,
        "overcommit": {"cpu": pool.cpu_overcommit, "memory": 1.0},
        "tiers": dict.fromkeys(pool.host_storage_gib, "default"),
        "seed": seed,
    }


def _host_entries(pool: _Pool, machines: Sequence[Machine]) -> list[dict[str, Any]]:
    wanted_gib = sum(machine.size.memory_mib for machine in machines if machine.pool == pool.code) // GIB
    count = max(3, -(-wanted_gib // pool.filled_gib))
    return [
        {
            "code": f"{pool.code}-n{number:02d}",
            "pool": pool.code,
            "rack": f"{pool.code[0].upper()}{(number - 1) // 6 + 1:02d}",
            "vcpus": pool.host_vcpus,
            "memory_mib": pool.host_memory_gib * GIB,
            "storage_gib": dict(pool.host_storage_gib),
        }
        for number in range(1, count + 1)
    ]


def _machine_entry(machine: Machine) -> dict[str, Any]:
    return {
        "name": machine.name,
        "system": machine.system,
        "pool": machine.pool,
        "vcpus": machine.size.vcpus,
        "memory_mib": machine.size.memory_mib,
        "storage_gib": dict(machine.size.storage_gib),
        "image": "linux",
    }


def _equipment_entries(city: City) -> list[dict[str, Any]]:
    """What the units ran on before: some of it works, some is old, some has failed."""
    random = Random(f"equipment {city.seed}")
    return [
        _equipment(unit, number, random)
        for unit in city.units
        for number in range(1, 1 + min(4, len(unit.systems) + random.randrange(2)))
    ]


def _equipment(unit: Unit, number: int, random: Random) -> dict[str, Any]:
    kind = random.choice(("server", "server", "server", "storage", "network"))
    bought = date(2012, 1, 1) + timedelta(days=random.randrange(10 * 365))
    condition = random.choice(
        ("working", "working", "aged") if bought.year > 2016 else ("aged", "aged", "failed")
    )
    costs = {
        "equipment": (150, 450),
        "upkeep": (80, 260),
        "power": (50, 140),
        "water": (1, 8),
        "staff": (250, 600),
        "room": (30, 90),
    }
    yearly = {item: f"{random.randrange(low, high) * 100}.00" for item, (low, high) in costs.items()}
    return {
        "code": f"{unit.code}-{kind}-{number}",
        "unit": unit.code,
        "kind": kind,
        "condition": condition,
        "bought": bought,
        "yearly_cost": yearly,
    }
