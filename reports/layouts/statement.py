"""The statement on paper: what is owed in front, then the comparison, the use, the lines and the remarks."""

from reports.datasets.statement import StatementReport
from reports.document import Amount, Block, Cell, Column, Document, Facts, Notice, Part, SumOf, Table
from reports.layouts.charge_lines import CATEGORY, charge_table
from reports.layouts.comparison import comparison_part, headline_figures
from reports.layouts.signing import signature_block
from reports.layouts.statement_remarks import remarks_part
from reports.layouts.use_tables import meter_table, use_cells, use_columns, use_note, use_part, use_totals
from reports.layouts.wording import (
    Reader,
    assemble,
    currency_sign,
    currency_text,
    label,
    month_text,
    named,
    short_size,
)
from reports.notation import day_text, instant_text, span_text


def lay_out_statement(report: StatementReport, reader: Reader) -> Document:
    texts = reader.texts
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Statement of cloud resource use"),
        subtitle=texts.text(
            "{unit} · period {period}", unit=named(report.unit), period=month_text(reader, report.period)
        ),
        reference=_reference(report, reader),
        notices=_notices(report, reader),
        parts=(
            _front(report, reader),
            comparison_part(report, reader),
            use_part(
                reader,
                "system",
                texts.text("Use by system"),
                texts.text("business system"),
                [(named(row.system), row.use) for row in report.systems],
                report.use,
            ),
            _machine_part(report, reader),
            Part(
                "lines",
                texts.text("Lines"),
                texts.text("Lines"),
                (charge_table(report.lines, reader),),
                is_wide=True,
                breaks=True,
            ),
            remarks_part(report, reader),
        ),
    )


def _reference(report: StatementReport, reader: Reader) -> str:
    number = report.number or reader.texts.text("not numbered yet")
    return reader.texts.text("No. {number} · revision {revision}", number=number, revision=report.revision)


def _notices(report: StatementReport, reader: Reader) -> tuple[Notice, ...]:
    texts, found = reader.texts, []
    if report.state == "drafted":
        found.append(Notice(texts.text("Draft: not issued yet, its figures may still change."), "warning"))
    if report.state == "superseded":
        found.append(
            Notice(texts.text("Superseded: a later revision of this number is in force."), "warning")
        )
    for hold in report.holds:
        found.append(
            Notice(
                texts.text(
                    "Funding on hold since {since}: {ground}. {reason}",
                    since=day_text(hold.since, reader.zone),
                    ground=label(reader, "hold_ground", hold.ground),
                    reason=hold.reason,
                ),
                "warning",
            )
        )
    held_back = sum(line.is_held_back for line in report.lines)
    if held_back:
        found.append(
            Notice(
                texts.text(
                    "{count} line(s) are held back for want of measurements; their amount is 0.00 here.",
                    count=held_back,
                ),
                "warning",
            )
        )
    return tuple(found)


def _front(report: StatementReport, reader: Reader) -> Part:
    texts = reader.texts
    blocks: tuple[Block, ...] = (
        _facts(report, reader),
        _amount(report, reader),
        _system_table(report, reader),
        headline_figures(report, reader),
        meter_table(reader, report.use),
        signature_block(report, reader),
    )
    return Part("statement", "", texts.text("Statement"), blocks)


def _facts(report: StatementReport, reader: Reader) -> Facts:
    texts, zone = reader.texts, reader.zone
    unknown = texts.text("not yet")
    return Facts(
        (
            (texts.text("Unit"), f"{named(report.unit)} ({report.unit.code})"),
            (texts.text("Provider"), report.provider),
            (texts.text("Period"), span_text(report.start, report.end, zone)),
            (texts.text("State"), label(reader, "statement_state", report.state)),
            (texts.text("Issued"), instant_text(report.issued_at, zone) if report.issued_at else unknown),
            (
                texts.text("Answer by"),
                instant_text(report.deadline, zone) if report.deadline else unknown,
            ),
        )
    )


def _amount(report: StatementReport, reader: Reader) -> Amount:
    texts = reader.texts
    return Amount(
        label=texts.text("Amount of this period"),
        amount_fen=report.amount_fen,
        currency=currency_sign(report.imprint.currency),
        capitals_label=texts.text("In Chinese capitals"),
        capitals=report.capitals,
        of=("systems", "amount"),
    )


def _system_table(report: StatementReport, reader: Reader) -> Table:
    texts = reader.texts
    charge = texts.text(CATEGORY[False])
    by_system = (("system_code", "system_code"),)
    columns = [
        Column("system_code", texts.text("System code"), "code", 12, is_sheet_only=True),
        Column("system", texts.text("Business system"), "text", 26),
        Column("machines", texts.text("Machines"), "count", 12, is_summed=True),
        *(
            Column(
                item,
                name,
                "money",
                13,
                is_summed=True,
                formula=SumOf("lines", "amount", by_system, (("item", name), ("category", charge))),
            )
            for item, name in ((item, label(reader, "item", item)) for item in report.items)
        ),
        Column(
            "adjustments",
            texts.text("Adjustments"),
            "money",
            14,
            is_summed=True,
            formula=SumOf("lines", "amount", by_system, (("category", texts.text(CATEGORY[True])),)),
        ),
        Column(
            "amount",
            texts.text("Amount"),
            "money",
            14,
            is_summed=True,
            formula=SumOf("lines", "amount", by_system),
        ),
    ]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            row.system.code,
            named(row.system),
            row.machines,
            *(row.by_item_fen.get(item, 0) for item in report.items),
            row.adjustments_fen,
            row.amount_fen,
        )
        for row in report.systems
    )
    return Table(
        "systems",
        texts.text("By business system"),
        tuple(columns),
        rows,
        total_label=texts.text("Total"),
        empty=texts.text("The unit was charged nothing in this period."),
        note=texts.text(
            "Amounts in {currency}. Every amount is the sum of its printed lines; a line is rounded once, to the fen.",
            currency=currency_text(reader, report.imprint.currency),
        ),
    )


def _machine_part(report: StatementReport, reader: Reader) -> Part:
    texts = reader.texts
    columns = (
        Column("system_code", texts.text("System code"), "code", 12, is_sheet_only=True),
        Column("system", texts.text("Business system"), "text", 22),
        Column("vm", texts.text("Machine"), "code", 20),
        Column("pool", texts.text("Pool"), "text", 16),
        Column("size", texts.text("Size (vCPU/GiB/GiB)"), "code", 13),
        *use_columns(reader),
        Column(
            "amount",
            texts.text("Amount"),
            "money",
            12,
            is_summed=True,
            formula=SumOf("lines", "amount", (("system_code", "system_code"), ("vm", "vm"))),
        ),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            row.system.code,
            named(row.system),
            row.vm,
            named(row.pool),
            short_size(row.size) if row.size else None,
            *use_cells(row.use),
            row.amount_fen,
        )
        for row in report.machines
    )
    machines = Table(
        "machines",
        "",
        columns,
        rows,
        total_label=texts.text("Total"),
        group="system",
        empty=texts.text("The unit held no machine in this period."),
        note=use_note(reader),
        totals=use_totals(report.use),
    )
    title = texts.text("Use by machine")
    return Part("machines", title, title, (machines,), is_wide=True, breaks=True)
