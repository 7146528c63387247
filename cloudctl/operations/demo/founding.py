"""The first day: the estate is planned and applied, prices, budgets and holidays are set, metering can begin."""

from datetime import date
from pathlib import Path
from typing import Any

from cloudctl.core.inventory.draft import load_draft
from cloudctl.core.workdays import FILE_NAME as HOLIDAYS
from cloudctl.operations.context import Context
from cloudctl.operations.demo.city import City, inventory_document
from cloudctl.operations.demo.documents import write_document
from cloudctl.operations.demo.prices import budget_document, tariff_document
from cloudctl.operations.demo.troupe import Troupe
from cloudctl.operations.estate.apply_inventory import ApplyOutcome, apply_inventory
from cloudctl.operations.estate.export_inventory import export_inventory
from cloudctl.operations.estate.plan_inventory import plan_inventory
from cloudctl.operations.settlement.apply_budgets import apply_budgets
from cloudctl.operations.settlement.apply_tariffs import apply_tariffs

INVENTORY = "inventory.yaml"
NOTICE = "由 cloudctl demo 生成：城市、单位、人员均为虚构，云与负载均为模拟。\n" + (
    "Made by cloudctl demo: city, units and people are fictitious; clouds and workloads are simulated."
)
# The week of the National Day of 2026, as the State Council's yearly notice sets it.
NATIONAL_DAY = {
    "holidays": [date(2026, 10, day) for day in range(1, 8)],
    "workdays": [date(2026, 9, 20), date(2026, 10, 10)],
}


def apply_estate(ctx: Context, city: City) -> ApplyOutcome:
    """Writes the inventory into the home and brings ledger and clouds to it, as an operator would."""
    path = write(ctx, INVENTORY, inventory_document(city, with_late=False))
    return apply_inventory(ctx, plan_inventory(ctx, load_draft(path)))


def set_terms(troupe: Troupe) -> None:
    """Finance puts prices and budgets in force; the calendar says which days are worked."""
    ctx = troupe.acting(troupe.cast.finance[0])
    write(ctx, HOLIDAYS, NATIONAL_DAY)
    apply_tariffs(ctx, write(ctx, "tariffs.yaml", tariff_document()))
    apply_budgets(ctx, write(ctx, "budgets.yaml", budget_document(troupe.city)))


def keep_inventory(ctx: Context) -> None:
    """The estate as it is now, so that applying the home's file again has nothing to do."""
    (ctx.home / INVENTORY).write_text(export_inventory(ctx), encoding="utf-8")


def write(ctx: Context, name: str, document: dict[str, Any]) -> Path:
    """A document of the city in its home."""
    return write_document(ctx.home / name, document, NOTICE)
