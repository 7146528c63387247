"""A year's requests on paper: asked, granted and cut, unit by unit."""

from decimal import Decimal

from reports.datasets.requests import RequestsReport, UnitYear
from reports.document import Cell, Column, Document, Figure, Figures, Part, Table
from reports.layouts.wording import Reader, assemble, named


def lay_out_requests(report: RequestsReport, reader: Reader) -> Document:
    texts = reader.texts
    total = report.total
    figures = Figures(
        (
            Figure(texts.text("Requests decided"), total.requests if total else 0, "count", ""),
            Figure(texts.text("Asked, a month"), total.asked_fen if total else 0, "money", ""),
            Figure(texts.text("Granted, a month"), total.granted_fen if total else 0, "money", ""),
            Figure(texts.text("Reduction rate"), _rate(total), "rate", ""),
        )
    )
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Requests: asked and granted"),
        subtitle=str(report.year),
        reference=texts.text("{count} unit(s)", count=len(report.units)),
        parts=(
            Part(
                "requests",
                "",
                texts.text("By unit"),
                (figures, _table(report, reader)),
                is_wide=True,
            ),
        ),
    )


def _table(report: RequestsReport, reader: Reader) -> Table:
    texts = reader.texts
    asked, granted = texts.text("Asked"), texts.text("Approved")
    return Table(
        "units",
        texts.text("By unit"),
        (
            Column("unit", texts.text("Unit"), "text", 26),
            Column("requests", texts.text("Requests"), "count", 10, is_summed=True),
            Column("asked_vcpus", texts.text("vCPUs"), "count", 9, asked, is_summed=True),
            Column("asked_memory_gib", texts.text("Memory, GiB"), "number", 12, asked, is_summed=True),
            Column("asked_storage_gib", texts.text("Storage, GiB"), "count", 12, asked, is_summed=True),
            Column("asked_fen", texts.text("Price a month"), "money", 13, asked, is_summed=True),
            Column("granted_vcpus", texts.text("vCPUs"), "count", 9, granted, is_summed=True),
            Column("granted_memory_gib", texts.text("Memory, GiB"), "number", 12, granted, is_summed=True),
            Column("granted_storage_gib", texts.text("Storage, GiB"), "count", 12, granted, is_summed=True),
            Column("granted_fen", texts.text("Price a month"), "money", 13, granted, is_summed=True),
            Column("cut_fen", texts.text("Cut, a month"), "money", 13, is_summed=True),
            Column("reduction_rate", texts.text("Reduction rate"), "rate", 10),
        ),
        tuple(_row(unit) for unit in report.units),
        total_label=texts.text("Total"),
        empty=texts.text("There is none."),
        totals={"reduction_rate": _rate(report.total)},
    )


def _row(unit: UnitYear) -> tuple[Cell, ...]:
    return (
        named(unit.unit),
        unit.requests,
        unit.asked_size.vcpus,
        Decimal(unit.asked_size.memory_mib) / 1024,
        unit.asked_size.storage_total_gib,
        unit.asked_fen,
        unit.granted_size.vcpus,
        Decimal(unit.granted_size.memory_mib) / 1024,
        unit.granted_size.storage_total_gib,
        unit.granted_fen,
        unit.cut_fen,
        _rate(unit),
    )


def _rate(unit: UnitYear | None) -> float | None:
    return None if unit is None or unit.reduction_rate is None else float(unit.reduction_rate)
