"""What the fictitious city pays: a price list per pool, and yearly budgets that mostly fit."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any

from cloudctl.operations.demo.city import City
from cloudctl.operations.demo.machines import GIB, Machine

# Yuan a month. 专有云 follows a public provider's list (docs/examples/tariffs.yaml); the others are invented.
MONTHLY: Mapping[str, Mapping[str, str]] = {
    "gov": {"vcpu": "46.00", "memory_gib": "17.00", "ssd": "0.70", "sas": "0.40"},
    "ded": {"vcpu": "58.00", "memory_gib": "21.50", "ssd": "0.90", "sas": "0.50"},
    "hpc": {"vcpu": "39.00", "memory_gib": "15.00", "ssd": "0.80", "sas": "0.35"},
}
# The supercomputing pool's cores are billed by the hour: 39.00 a month of 730 hours.
HOURLY_VCPU = "0.0534"
MONTHS_IN_USE = 4


def tariff_document() -> dict[str, Any]:
    """tariffs.yaml: one price list per pool, valid from the city's first day on the cloud."""
    return {
        "tariffs": [
            {"code": f"{pool}-2026", "pool": [pool], "valid_from": date(2026, 1, 1), "items": _items(pool)}
            for pool in MONTHLY
        ]
    }


def budget_document(city: City) -> dict[str, Any]:
    """budgets.yaml of 2026: four months of what each unit holds, with a margin that not every unit keeps."""
    random = Random(f"budgets {city.seed}")
    return {
        "budgets": [
            {"year": 2026, "unit": unit.code, "kind": "cloud", "amount": _budget(city, unit.code, random)}
            for unit in city.units
        ]
    }


def _items(pool: str) -> list[dict[str, Any]]:
    prices = MONTHLY[pool]
    vcpu = {"item": "vcpu", "per": "month", "price": prices["vcpu"], "basis": "held"}
    if pool == "hpc":
        vcpu |= {"per": "hour", "price": HOURLY_VCPU}
    memory = {"item": "memory_gib", "per": "month", "price": prices["memory_gib"]}
    storage = [
        {"item": "storage_gib", "tier": tier, "per": "month", "price": prices[tier]}
        for tier in ("ssd", "sas")
    ]
    return [vcpu, memory, *storage]


def _budget(city: City, unit: str, random: Random) -> str:
    systems = {system.code for one in city.units if one.code == unit for system in one.systems}
    monthly = sum((_monthly(machine) for machine in city.machines if machine.system in systems), Decimal(0))
    # Who asks for new machines in the story has the money for them.
    least = 105 if systems & city.late else 92
    margin = Decimal(max(least, random.randrange(92, 130))) / 100
    return f"{round(monthly * MONTHS_IN_USE * margin / 1000) * 1000}.00"


def _monthly(machine: Machine) -> Decimal:
    prices, size = MONTHLY[machine.pool], machine.size
    storage = sum((gib * Decimal(prices[tier]) for tier, gib in size.storage_gib.items()), Decimal(0))
    memory_gib = Decimal(size.memory_mib) / GIB
    return size.vcpus * Decimal(prices["vcpu"]) + memory_gib * Decimal(prices["memory_gib"]) + storage
