"""The city's month on paper: what each provider is paid in front, then the units, the comparison, the use."""

from reports.datasets.shared import change, ratio
from reports.datasets.summary import SummaryReport, UnitAmount
from reports.document import (
    Amount,
    Block,
    Cell,
    ChartBlock,
    Column,
    Document,
    Facts,
    Figure,
    Figures,
    Notice,
    Part,
    RatioOf,
    Signatures,
    SumOf,
    Table,
)
from reports.layouts.charge_lines import CATEGORY, line_cells, line_columns
from reports.layouts.comparison import budget_table, last_month_note, months_chart, saving_table
from reports.layouts.signing import APPROVING, PREPARING, acts_table, check_paragraph, signature_box
from reports.layouts.use_tables import meter_table, use_part
from reports.layouts.wording import Reader, assemble, currency_sign, currency_text, label, month_text, named
from reports.notation import money_text, span_text


def lay_out_summary(report: SummaryReport, reader: Reader) -> Document:
    texts = reader.texts
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Monthly summary of cloud resource use"),
        subtitle=texts.text("period {period}", period=month_text(reader, report.period)),
        reference=texts.text(
            "{units} units · {statements} statements",
            units=len(report.units),
            statements=sum(provider.statements for provider in report.providers),
        ),
        notices=_notices(report, reader),
        parts=(
            _front(report, reader),
            _unit_part(report, reader),
            _comparison(report, reader),
            use_part(
                reader,
                "unit",
                texts.text("Use by unit"),
                texts.text("unit"),
                [(named(row.unit), row.use) for row in report.units],
                report.use,
            ),
            _pool_part(report, reader),
            _remarks(report, reader),
            _lines(report, reader),
        ),
    )


def _notices(report: SummaryReport, reader: Reader) -> tuple[Notice, ...]:
    if report.state == "closed":
        return ()
    text = reader.texts.text(
        "This period is not closed ({state}); its figures may still change.",
        state=label(reader, "period_state", report.state),
    )
    return (Notice(text, "warning"),)


def _front(report: SummaryReport, reader: Reader) -> Part:
    texts = reader.texts
    facts = Facts(
        (
            (texts.text("Period"), span_text(report.start, report.end, reader.zone)),
            (texts.text("State"), label(reader, "period_state", report.state)),
        )
    )
    amount = Amount(
        label=texts.text("Total of this period"),
        amount_fen=report.amount_fen,
        currency=currency_sign(report.imprint.currency),
        capitals_label=texts.text("In Chinese capitals"),
        capitals=report.capitals,
        of=("units", "amount"),
    )
    blocks: tuple[Block, ...] = (
        facts,
        amount,
        _figures(report, reader),
        _providers(report, reader),
        meter_table(reader, report.use),
        _signatures(report, reader),
    )
    return Part("summary", "", texts.text("Summary"), blocks)


def _figures(report: SummaryReport, reader: Reader) -> Figures:
    texts = reader.texts
    granted = sum(unit.granted_fen for unit in report.units)
    spent = sum(unit.spent_fen for unit in report.units)
    previous = report.previous_fen
    equipment = sum(unit.equipment_fen for unit in report.units)
    return Figures(
        (
            Figure(
                texts.text("Against last month"),
                change(report.amount_fen, previous),
                "change",
                last_month_note(previous, reader),
            ),
            Figure(
                texts.text("Budget used so far"),
                ratio(spent, granted),
                "percent",
                texts.text("{used} of {granted}", used=money_text(spent), granted=money_text(granted)),
            ),
            Figure(
                texts.text("Saved by downsizing"),
                sum(unit.saving_fen for unit in report.units),
                "money",
                texts.text(
                    "{count} case(s) carried out", count=len({item.saving.case for item in report.savings})
                ),
            ),
            Figure(
                texts.text("Before the cloud"),
                equipment,
                "money",
                texts.text("as far as registered"),
            ),
        )
    )


def _providers(report: SummaryReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "providers",
        texts.text("To be paid, by provider"),
        (
            Column("provider", texts.text("Provider"), "text", 30),
            Column("statements", texts.text("Statements"), "count", 12, is_summed=True),
            Column(
                "amount",
                texts.text("Amount"),
                "money",
                18,
                is_summed=True,
                formula=SumOf("lines", "amount", (("provider", "provider"),)),
            ),
            Column("previous", texts.text("Last month"), "money", 18, is_summed=True),
            Column("change", texts.text("Change"), "change", 12),
        ),
        tuple(
            (
                row.provider,
                row.statements,
                row.amount_fen,
                row.previous_fen,
                change(row.amount_fen, row.previous_fen),
            )
            for row in report.providers
        ),
        total_label=texts.text("Total"),
        totals={"change": change(report.amount_fen, report.previous_fen)},
        empty=texts.text("Nothing was charged in this period."),
        note=texts.text(
            "Amounts in {currency}. Every amount is the sum of its printed lines; a line is rounded once, to the fen.",
            currency=currency_text(reader, report.imprint.currency),
        ),
    )


def _signatures(report: SummaryReport, reader: Reader) -> Signatures:
    texts = reader.texts
    finance = texts.text("Finance department")
    return Signatures(
        texts.text("Signatures"),
        (
            signature_box(
                reader, texts.text("Prepared by"), texts.text("Cloud operator"), report.signings, PREPARING
            ),
            signature_box(reader, texts.text("Checked by"), finance, (), ()),
            signature_box(reader, texts.text("Approved by"), finance, report.signings, APPROVING),
        ),
    )


def _unit_part(report: SummaryReport, reader: Reader) -> Part:
    texts = reader.texts
    table = Table(
        "units",
        "",
        _unit_columns(report, reader),
        tuple(_unit_row(at, row, report, reader) for at, row in enumerate(report.units, 1)),
        total_label=texts.text("Total"),
        totals={
            "change": change(report.amount_fen, report.previous_fen),
            "rate": ratio(sum(u.spent_fen for u in report.units), sum(u.granted_fen for u in report.units)),
        },
        empty=texts.text("Nothing was charged in this period."),
    )
    title = texts.text("Amounts by unit")
    return Part("units", title, texts.text("Units"), (table,), is_wide=True, breaks=True)


def _unit_columns(report: SummaryReport, reader: Reader) -> tuple[Column, ...]:
    texts = reader.texts
    by_unit = (("unit_code", "unit_code"),)
    charge = ("category", texts.text(CATEGORY[False]))
    items = (
        Column(
            item,
            label(reader, "item", item),
            "money",
            13,
            is_summed=True,
            formula=SumOf("lines", "amount", by_unit, (("item", label(reader, "item", item)), charge)),
        )
        for item in report.items
    )
    return (
        Column("position", texts.text("No."), "count", 6),
        Column("unit_code", texts.text("Unit code"), "code", 12, is_sheet_only=True),
        Column("unit", texts.text("Unit"), "text", 22),
        Column("machines", texts.text("Machines"), "count", 9, is_summed=True),
        *items,
        Column(
            "adjustments",
            texts.text("Adjustments"),
            "money",
            12,
            is_summed=True,
            formula=SumOf("lines", "amount", by_unit, (("category", texts.text(CATEGORY[True])),)),
        ),
        Column(
            "amount",
            texts.text("Amount"),
            "money",
            14,
            is_summed=True,
            formula=SumOf("lines", "amount", by_unit),
        ),
        Column("previous", texts.text("Last month"), "money", 13, is_summed=True),
        Column("change", texts.text("Change"), "change", 8),
        Column("granted", texts.text("Granted"), "money", 14, is_summed=True, is_sheet_only=True),
        Column("spent", texts.text("Used so far"), "money", 14, is_summed=True, is_sheet_only=True),
        Column("rate", texts.text("Budget used"), "share", 9, formula=RatioOf("spent", "granted")),
        Column("saving", texts.text("Saved"), "money", 11, is_summed=True),
        Column("before_cloud", texts.text("Before the cloud"), "money", 12, is_summed=True),
        Column("state", texts.text("State"), "text", 10),
        Column("hold", texts.text("On hold"), "text", 7),
    )


def _unit_row(at: int, row: UnitAmount, report: SummaryReport, reader: Reader) -> tuple[Cell, ...]:
    return (
        at,
        row.unit.code,
        named(row.unit),
        row.machines,
        *(row.by_item_fen.get(item, 0) for item in report.items),
        row.adjustments_fen,
        row.amount_fen,
        row.previous_fen,
        change(row.amount_fen, row.previous_fen),
        row.granted_fen,
        row.spent_fen,
        ratio(row.spent_fen, row.granted_fen),
        row.saving_fen,
        row.equipment_fen or None,
        ", ".join(label(reader, "statement_state", state) for state in row.states),
        reader.texts.text("yes") if row.has_hold else "",
    )


def _comparison(report: SummaryReport, reader: Reader) -> Part:
    title = reader.texts.text("Comparison")
    blocks: tuple[Block, ...] = (
        ChartBlock(months_chart(report.months, reader)),
        budget_table(report.budgets, report.period, reader),
        saving_table(
            tuple(item.saving for item in report.savings),
            reader,
            unit_of={item.saving.case: named(item.unit) for item in report.savings},
        ),
    )
    return Part("comparison", title, title, blocks, breaks=True)


def _pool_part(report: SummaryReport, reader: Reader) -> Part:
    texts = reader.texts
    amounts = Table(
        "pools",
        texts.text("Amounts by pool"),
        (
            Column("pool", texts.text("Pool"), "text", 24),
            Column("provider", texts.text("Provider"), "text", 24),
            Column("nature", texts.text("Nature of the data"), "text", 16),
            Column("amount", texts.text("Amount"), "money", 18, is_summed=True),
        ),
        tuple(
            (
                named(row.pool),
                row.provider,
                texts.text("Simulated data") if row.is_simulated else texts.text("Real data"),
                row.amount_fen,
            )
            for row in report.pools
        ),
        total_label=texts.text("Total"),
        empty=texts.text("Nothing was charged in this period."),
    )
    return use_part(
        reader,
        "pool",
        texts.text("Use by pool"),
        texts.text("pool"),
        [(named(row.pool), row.use) for row in report.pools],
        report.use,
        (amounts,),
    )


def _remarks(report: SummaryReport, reader: Reader) -> Part:
    texts = reader.texts
    title = texts.text("Record and evidence")
    holds = Table(
        "holds",
        texts.text("Funding holds"),
        (
            Column("unit", texts.text("Unit"), "text", 24),
            Column("ground", texts.text("Ground"), "text", 22),
            Column("reason", texts.text("Reason"), "text", 40),
            Column("since", texts.text("Since"), "date", 12),
        ),
        tuple(
            (
                named(item.unit),
                label(reader, "hold_ground", item.hold.ground),
                item.hold.reason,
                item.hold.since,
            )
            for item in report.holds
        ),
        empty=texts.text("No unit's funding is on hold."),
    )
    seal = Facts(
        ((texts.text("Seal of the period"), _seal(report, reader)),),
        columns=1,
    )
    blocks = (holds, acts_table(report.signings, reader), seal, check_paragraph(report.period, reader))
    return Part("record", title, title, blocks, breaks=True)


def _seal(report: SummaryReport, reader: Reader) -> str:
    if not report.seal_hash:
        return reader.texts.text("No evidence has been sealed yet.")
    return f"{(report.seal_algorithm or '').upper()} {report.seal_hash}"


def _lines(report: SummaryReport, reader: Reader) -> Part:
    """All lines of the city: the workbook's sums point here; on paper they stand in the statements."""
    texts = reader.texts
    title = texts.text("All lines")
    table = Table(
        "lines",
        "",
        (
            Column("unit_code", texts.text("Unit code"), "code", 12),
            Column("unit", texts.text("Unit"), "text", 20),
            Column("provider", texts.text("Provider"), "text", 14),
            Column("number", texts.text("Statement"), "code", 18),
            *line_columns(reader),
        ),
        tuple(
            (item.unit.code, named(item.unit), item.provider, item.number, *line_cells(item.line, reader))
            for item in report.lines
        ),
        total_label=texts.text("Total"),
        empty=texts.text("No line was charged in this period."),
    )
    return Part("lines", title, title, (table,), is_wide=True, is_sheet_only=True)
