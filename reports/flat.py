"""The rows that a report's CSV prints: flat, with stable English keys, codes beside names."""

from collections.abc import Mapping
from typing import Any

from reports.datasets.shared import Use
from reports.datasets.statement import ChargeLine, StatementReport
from reports.datasets.summary import SummaryReport, UnitAmount
from reports.datasets.utilisation import MachineUse, UtilisationReport

Row = Mapping[str, Any]
METERS = ("cpu", "memory", "storage")
LINE_KEYS = [
    *("position", "kind", "system", "system_name", "vm", "pool", "pool_name", "item", "tier", "tariff"),
    *("basis", "per", "start", "end", "hours", "quantity", "held_quantity", "used_quantity", "unit_price"),
    *("amount_fen", "measured_hours", "missing_hours", "estimated_hours", "is_held_back", "is_waived"),
    *("charge_period", "corrects", "reason"),
]
STATEMENT_KEYS = [
    "period",
    "unit",
    "unit_name",
    "provider",
    "number",
    "revision",
    "state",
    "currency",
    *LINE_KEYS,
]
UNIT_KEYS = (
    "period state unit unit_name statements machines {items} adjustments_fen amount_fen previous_fen budget_fen "
    "budget_used_fen saving_fen cost_before_cloud_fen is_on_hold currency"
)
MACHINE_KEYS = ["start", "end", "unit", "unit_name", "system", "system_name", "vm", "pool", "pool_name"]
SIZE_KEYS = ["vcpus", "memory_mib", "storage_gib"]
USE_KEYS = [f"{m}_{figure}" for m in METERS for figure in ("held", "used", "mean", "p95", "max", "coverage")]


def statement_rows(report: StatementReport) -> tuple[list[str], list[Row]]:
    """One row per printed line."""
    head = {
        "period": report.period,
        "unit": report.unit.code,
        "unit_name": report.unit.name,
        "provider": report.provider,
        "number": report.number,
        "revision": report.revision,
        "state": report.state,
        "currency": report.imprint.currency,
    }
    return STATEMENT_KEYS, [head | line_row(line) for line in report.lines]


def line_row(line: ChargeLine) -> dict[str, Any]:
    named = {
        "system": line.system.code,
        "system_name": line.system.name,
        "pool": line.pool.code,
        "pool_name": line.pool.name,
    }
    return {key: named[key] if key in named else getattr(line, key) for key in LINE_KEYS}


def summary_rows(report: SummaryReport) -> tuple[list[str], list[Row]]:
    """One row per unit."""
    items = [f"{item}_fen" for item in report.items]
    keys = UNIT_KEYS.format(items=" ".join(items)).split()
    return keys, [_unit_row(report, unit) for unit in report.units]


def _unit_row(report: SummaryReport, row: UnitAmount) -> Row:
    return {
        "period": report.period,
        "state": " ".join(row.states),
        "unit": row.unit.code,
        "unit_name": row.unit.name,
        "statements": " ".join(row.numbers),
        "machines": row.machines,
        **{f"{item}_fen": row.by_item_fen.get(item, 0) for item in report.items},
        "adjustments_fen": row.adjustments_fen,
        "amount_fen": row.amount_fen,
        "previous_fen": row.previous_fen,
        "budget_fen": row.granted_fen,
        "budget_used_fen": row.spent_fen,
        "saving_fen": row.saving_fen,
        "cost_before_cloud_fen": row.equipment_fen,
        "is_on_hold": row.has_hold,
        "currency": report.imprint.currency,
    }


def utilisation_rows(report: UtilisationReport) -> tuple[list[str], list[Row]]:
    """One row per machine; held and used in vCPUs, MiB and GiB, the rest as fractions."""
    keys = [*MACHINE_KEYS, *SIZE_KEYS, *USE_KEYS]
    return keys, [_machine_row(report, machine) for machine in report.machines]


def _machine_row(report: UtilisationReport, row: MachineUse) -> Row:
    return {
        "start": report.start,
        "end": report.end,
        "unit": row.unit.code,
        "unit_name": row.unit.name,
        "system": row.system.code,
        "system_name": row.system.name,
        "vm": row.vm,
        "pool": row.pool.code,
        "pool_name": row.pool.name,
        "vcpus": row.size.vcpus,
        "memory_mib": row.size.memory_mib,
        "storage_gib": row.size.storage_total_gib,
        **_use(row.use),
    }


def _use(use: Use) -> dict[str, float | None]:
    figures = ("held", "used", "mean", "p95", "max", "coverage")
    return {
        f"{meter}_{figure}": getattr(getattr(use, meter), figure) for meter in METERS for figure in figures
    }
