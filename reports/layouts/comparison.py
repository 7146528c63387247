"""A unit's month beside others: the budget, the month before, what downsizing saved, the cost before the cloud."""

from reports.charts.model import Series, StackedColumns
from reports.datasets.shared import change, ratio
from reports.datasets.statement import (
    BudgetUse,
    EquipmentCost,
    MonthAmount,
    Saving,
    StatementReport,
    item_rank,
)
from reports.document import Block, ChartBlock, Column, Figure, Figures, Part, Table
from reports.layouts.wording import Reader, label, named, short_size
from reports.notation import change_text, money_text

COSTS = ("equipment", "upkeep", "power", "water", "staff", "room")


def comparison_part(report: StatementReport, reader: Reader) -> Part:
    title = reader.texts.text("Comparison")
    blocks: tuple[Block, ...] = (
        ChartBlock(months_chart(report.months, reader)),
        _changes(report, reader),
        budget_table(report.budgets, report.period, reader),
        saving_table(report.savings, reader),
        _equipment_table(report.equipment, reader),
    )
    return Part("comparison", title, title, blocks, breaks=True)


def headline_figures(report: StatementReport, reader: Reader) -> Figures:
    """The unit's month at a glance, all its providers together."""
    texts = reader.texts
    before = report.unit_previous_fen
    moved = change(report.unit_amount_fen, before)
    equipment = sum(item.monthly_fen for item in report.equipment)
    figures = [
        Figure(
            texts.text("Whole unit, this month"),
            report.unit_amount_fen,
            "money",
            texts.text("all providers together"),
        ),
        Figure(
            texts.text("Against last month"),
            moved,
            "change",
            last_month_note(before, reader),
        ),
        Figure(
            texts.text("Saved by downsizing"),
            sum(saving.amount_fen for saving in report.savings),
            "money",
            texts.text("{count} case(s) carried out", count=len({saving.case for saving in report.savings})),
        ),
    ]
    if report.equipment:
        against = change(report.unit_amount_fen, equipment)
        figures.append(
            Figure(
                texts.text("Before the cloud"),
                equipment,
                "money",
                texts.text("the cloud: {change}", change=change_text(against)) if against is not None else "",
            )
        )
    return Figures(tuple(figures))


def last_month_note(before: int | None, reader: Reader) -> str:
    if before is None:
        return reader.texts.text("no month before")
    return reader.texts.text("last month {amount}", amount=money_text(before))


def months_chart(months: tuple[MonthAmount, ...], reader: Reader) -> StackedColumns:
    """Amounts by item over the last months; adjustments are a layer of their own."""
    texts = reader.texts
    items = sorted(
        {item for month in months for item, fen in month.by_item_fen.items() if fen}, key=item_rank
    )
    series = [
        Series(label(reader, "item", item), tuple(month.by_item_fen.get(item, 0) / 100 for month in months))
        for item in items
    ]
    if any(month.adjustments_fen for month in months):
        series.append(
            Series(texts.text("Adjustments"), tuple(month.adjustments_fen / 100 for month in months))
        )
    return StackedColumns(
        name="months",
        title=texts.text("Amounts of the last months, by item"),
        description=texts.text(
            "Amounts per month: {months}",
            months="; ".join(f"{month.period} {money_text(month.amount_fen)}" for month in months),
        ),
        measure="money",
        axis=texts.text("yuan"),
        categories=tuple(month.period for month in months),
        series=tuple(series),
        empty=texts.text("No month has been charged yet."),
    )


def _changes(report: StatementReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "changes",
        texts.text("Against last month, by business system"),
        (
            Column("system", texts.text("Business system"), "text", 30),
            Column("previous", texts.text("Last month"), "money", 15, is_summed=True),
            Column("amount", texts.text("This month"), "money", 15, is_summed=True),
            Column("difference", texts.text("Difference"), "money", 15, is_summed=True),
            Column("change", texts.text("Change"), "change", 10),
        ),
        tuple(
            (
                named(row.system),
                row.previous_fen,
                row.amount_fen,
                row.amount_fen - (row.previous_fen or 0),
                change(row.amount_fen, row.previous_fen),
            )
            for row in report.systems
        ),
        total_label=texts.text("Total"),
        totals={"change": change(report.amount_fen, report.previous_fen)},
        empty=texts.text("The unit was charged nothing in this period."),
    )


def budget_table(budgets: tuple[BudgetUse, ...], period: str, reader: Reader) -> Table:
    texts = reader.texts
    share_of_year = int(period.split("-")[1]) / 12
    known = [budget for budget in budgets if budget.used_fen is not None]
    used = sum(budget.used_fen or 0 for budget in known)
    granted = sum(budget.granted_fen for budget in known)
    return Table(
        "budgets",
        texts.text("Budget against actual"),
        (
            Column("kind", texts.text("Budget"), "text", 20),
            Column("year", texts.text("Year"), "code", 8),
            Column("granted", texts.text("Granted"), "money", 15, is_summed=True),
            Column("month", texts.text("This month"), "money", 14, is_summed=True),
            Column("used", texts.text("Used so far"), "money", 15, is_summed=True),
            Column("left", texts.text("Left"), "money", 15, is_summed=True),
            Column("rate", texts.text("Used share"), "share", 11),
            Column("year_share", texts.text("Share of the year"), "percent", 10),
        ),
        tuple(
            (
                label(reader, "budget_kind", budget.kind),
                str(budget.year),
                budget.granted_fen,
                budget.month_fen,
                budget.used_fen,
                None if budget.used_fen is None else budget.granted_fen - budget.used_fen,
                ratio(budget.used_fen, budget.granted_fen),
                share_of_year,
            )
            for budget in budgets
        ),
        total_label=texts.text("Total") if len(budgets) > 1 else "",
        totals={"rate": ratio(used, granted)},
        note=texts.text(
            "A dash: cloudctl settles the use of the cloud alone and does not know what else is spent."
        )
        if len(known) < len(budgets)
        else "",
        empty=texts.text("No budget is registered for this unit and year."),
    )


def saving_table(
    savings: tuple[Saving, ...], reader: Reader, *, unit_of: dict[str, str] | None = None
) -> Table:
    """Carried-out downsizings; with `unit_of` (case -> unit's name) the unit stands in front."""
    texts = reader.texts
    unit = (Column("unit", texts.text("Unit"), "text", 16),) if unit_of is not None else ()
    return Table(
        "savings",
        texts.text("Saved by downsizing that was carried out"),
        (
            *unit,
            Column("case", texts.text("Case"), "code", 10),
            Column("vm", texts.text("Machine"), "code", 18),
            Column("before", texts.text("Before"), "code", 16),
            Column("after", texts.text("After"), "code", 16),
            Column("since", texts.text("Since"), "instant", 17),
            Column("monthly", texts.text("A month"), "money", 12, is_summed=True),
            Column("amount", texts.text("In this period"), "money", 13, is_summed=True),
        ),
        tuple(
            (
                *((unit_of[saving.case],) if unit_of is not None else ()),
                saving.case,
                saving.vm,
                short_size(saving.before),
                short_size(saving.after) if saving.after.vcpus else texts.text("retired"),
                saving.since,
                saving.monthly_fen,
                saving.amount_fen,
            )
            for saving in savings
        ),
        total_label=texts.text("Total"),
        empty=texts.text("No downsizing was in effect in this period."),
        note=texts.text(
            "The price difference of the two sizes (vCPU/GiB/GiB) since execution, pro rata; it ends when rolled back."
        )
        if savings
        else "",
    )


def _equipment_table(equipment: tuple[EquipmentCost, ...], reader: Reader) -> Table:
    texts = reader.texts
    known = {kind for item in equipment for kind in item.yearly_fen}
    kinds = [*(kind for kind in COSTS if kind in known), *sorted(known - set(COSTS))]
    return Table(
        "equipment",
        texts.text("Cost before the cloud"),
        (
            Column("code", texts.text("Equipment"), "code", 16),
            Column("kind", texts.text("Kind"), "text", 10),
            Column("condition", texts.text("Condition"), "text", 10),
            *(
                Column(
                    kind,
                    label(reader, "cost_item", kind),
                    "money",
                    12,
                    texts.text("Yearly cost"),
                    is_summed=True,
                )
                for kind in kinds
            ),
            Column("monthly", texts.text("A month"), "money", 13, is_summed=True),
        ),
        tuple(
            (
                item.code,
                label(reader, "equipment_kind", item.kind),
                label(reader, "condition", item.condition),
                *(item.yearly_fen.get(kind, 0) for kind in kinds),
                item.monthly_fen,
            )
            for item in equipment
        ),
        total_label=texts.text("Total"),
        empty=texts.text("No equipment from before the cloud is registered for this unit."),
        note=texts.text(
            "A month is a twelfth of the registered yearly cost. "
            "Costs that nobody registered are not in the comparison."
        )
        if equipment
        else "",
    )
