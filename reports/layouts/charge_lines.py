"""The table of printed lines: what each charge is for, from when to when, at which price."""

from reports.datasets.statement import ChargeLine
from reports.document import Cell, Column, Table
from reports.layouts.wording import Reader, label, named

# Whether a line adjusts an earlier, closed period -> the word for it.
CATEGORY = {False: "current", True: "adjusted"}


def charge_table(lines: tuple[ChargeLine, ...], reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "lines",
        "",
        line_columns(reader, has_remarks=any(_remark(line, reader) for line in lines)),
        tuple(line_cells(line, reader) for line in lines),
        total_label=texts.text("Total"),
        group="system",
        empty=texts.text("No line was charged in this period."),
        note=texts.text(
            "Monthly prices: quantity × unit price × seconds of the line / seconds of the calendar month. "
            "Hourly prices: quantity × unit price × hours. A new line begins where size, owner, pool or price changes."
        ),
    )


def line_columns(reader: Reader, *, has_remarks: bool = True) -> tuple[Column, ...]:
    """A column of remarks that are all empty takes no room on paper."""
    texts = reader.texts
    return (
        Column("position", texts.text("No."), "count", 6),
        Column("system_code", texts.text("System code"), "code", 12, is_sheet_only=True),
        Column("system", texts.text("Business system"), "text", 22),
        Column("vm", texts.text("Machine"), "code", 20),
        Column("pool", texts.text("Pool"), "text", 16),
        Column("item", texts.text("Item"), "text", 10),
        Column("tier", texts.text("Tier"), "text", 8),
        Column("category", texts.text("Category"), "text", 10),
        Column("start", texts.text("From"), "instant", 16),
        Column("end", texts.text("To"), "instant", 16),
        Column("hours", texts.text("Hours"), "number", 8),
        Column("basis", texts.text("Basis"), "text", 9),
        Column("quantity", texts.text("Quantity"), "number", 9),
        Column("unit_price", texts.text("Unit price"), "price", 9),
        Column("per", texts.text("Per"), "text", 8),
        Column("missing_hours", texts.text("Missing hours"), "number", 8),
        Column("amount", texts.text("Amount"), "money", 12, is_summed=True),
        Column("charge_period", texts.text("Charge period"), "code", 9, is_sheet_only=True),
        Column("tariff", texts.text("Tariff"), "code", 9, is_sheet_only=True),
        Column("remark", texts.text("Remark"), "text", 20, is_sheet_only=not has_remarks),
    )


def line_cells(line: ChargeLine, reader: Reader) -> tuple[Cell, ...]:
    return (
        line.position,
        line.system.code,
        named(line.system),
        line.vm,
        named(line.pool),
        label(reader, "item", line.item),
        label(reader, "tier", line.tier) if line.tier else "",
        reader.texts.text(CATEGORY[line.kind != "charge"]),
        line.start,
        line.end,
        line.hours,
        label(reader, "basis", line.basis),
        line.quantity,
        line.unit_price,
        label(reader, "per", line.per),
        line.missing_hours,
        line.amount_fen,
        line.charge_period,
        line.tariff,
        _remark(line, reader),
    )


def _remark(line: ChargeLine, reader: Reader) -> str:
    texts, remarks = reader.texts, []
    if line.corrects:
        kind = label(reader, "line_kind", line.kind)
        remarks.append(
            texts.text(
                "{kind} of {line} for {period}", kind=kind, line=line.corrects, period=line.charge_period
            )
        )
    if line.is_held_back:
        remarks.append(texts.text("held back: too little measured"))
    if line.is_waived:
        remarks.append(texts.text("missing evidence waived"))
    if line.reason:
        remarks.append(line.reason)
    return "; ".join(remarks)
