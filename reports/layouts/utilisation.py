"""Utilisation on paper: how use went, who holds and uses what, and which machines stay under the half."""

from reports.charts.model import LineChart, Mark, PairBars, Series
from reports.datasets.shared import Curve, MeterUse, Use
from reports.datasets.utilisation import HALF, GroupUse, MachineUse, UtilisationReport
from reports.document import Block, Cell, ChartBlock, Column, Document, Facts, Figure, Figures, Part, Table
from reports.layouts.use_tables import (
    meter_table,
    use_bars,
    use_cells,
    use_columns,
    use_note,
    use_part,
    use_totals,
)
from reports.layouts.wording import Reader, assemble, label, named, short_size
from reports.notation import percent_text, span_text

METERS = ("cpu", "memory", "storage")
MOST_UNUSED = 20


def lay_out_utilisation(report: UtilisationReport, reader: Reader) -> Document:
    texts = reader.texts
    whose = named(report.unit) if report.unit else texts.text("whole cloud")

    def part(key: str, sheet: str, whose: str, groups: tuple[GroupUse, ...]) -> Part:
        entries = [(named(group.who), group.use) for group in groups]
        return use_part(reader, key, sheet, whose, entries, report.total)

    groups = [
        part("system", texts.text("Use by system"), texts.text("business system"), report.systems),
        part("pool", texts.text("Use by pool"), texts.text("pool"), report.pools),
    ]
    if report.unit is None:
        groups.insert(0, part("unit", texts.text("Use by unit"), texts.text("unit"), report.units))
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Utilisation report"),
        subtitle=texts.text(
            "{whose} · {span}", whose=whose, span=span_text(report.start, report.end, reader.zone)
        ),
        reference=texts.text("{count} machines", count=len(report.machines)),
        parts=(_front(report, reader), *groups, _low_part(report, reader), _machine_part(report, reader)),
    )


def _front(report: UtilisationReport, reader: Reader) -> Part:
    texts = reader.texts
    low = [machine for machine in report.machines if machine.under_half]
    facts = Facts(
        (
            (texts.text("Window"), span_text(report.start, report.end, reader.zone)),
            (texts.text("Scope"), named(report.unit) if report.unit else texts.text("whole cloud")),
        )
    )
    figures = Figures(
        (
            Figure(texts.text("Machines"), len(report.machines), "count", ""),
            *(
                Figure(
                    texts.text("{meter} utilisation", meter=label(reader, "meter", meter)),
                    getattr(report.total, meter).mean,
                    "percent",
                    texts.text("P95 {p95}", p95=_share(getattr(report.total, meter).p95)),
                )
                for meter in METERS
            ),
            Figure(
                texts.text("Under one half"),
                len(low),
                "count",
                texts.text("machines with a meter under {half}", half=percent_text(HALF)),
            ),
        )
    )
    curves = tuple(
        ChartBlock(use_curve(meter, report.curves.get(meter, Curve()), report.total, reader))
        for meter in METERS
    )
    blocks: tuple[Block, ...] = (facts, figures, meter_table(reader, report.total), *curves)
    return Part("overview", "", texts.text("Overview"), blocks)


def use_curve(meter: str, curve: Curve, total: Use, reader: Reader) -> LineChart:
    """Σ used / Σ held over time, with the window's P95 and the half."""
    texts = reader.texts
    figures: MeterUse = getattr(total, meter)
    name = label(reader, "meter", meter)
    marks = [Mark(percent_text(HALF), HALF)]
    if figures.p95 is not None:
        marks.append(Mark(f"P95 {percent_text(figures.p95)}", figures.p95))
    return LineChart(
        name=f"curve-{meter}",
        title=texts.text("{meter} utilisation", meter=name),
        description=texts.text(
            "{meter} over the window: mean {mean}, P95 {p95}, highest {max}, coverage {coverage}.",
            meter=name,
            mean=_share(figures.mean),
            p95=_share(figures.p95),
            max=_share(figures.max),
            coverage=_share(figures.coverage),
        ),
        measure="percent",
        axis=texts.text("% of what was held"),
        times=curve.times,
        series=(Series(texts.text("mean"), curve.mean),),
        marks=tuple(marks),
        empty=texts.text("Nothing was measured."),
    )


def _low_part(report: UtilisationReport, reader: Reader) -> Part:
    texts = reader.texts
    title = texts.text("Machines under one half")
    low = sorted((machine for machine in report.machines if machine.under_half), key=_least)
    table = Table(
        "under_half",
        "",
        (
            Column("vm", texts.text("Machine"), "code", 20),
            Column("unit", texts.text("Unit"), "text", 18),
            Column("system", texts.text("Business system"), "text", 20),
            Column("size", texts.text("Size (vCPU/GiB/GiB)"), "code", 12),
            *(Column(meter, label(reader, "meter", meter), "share", 9) for meter in METERS),
            Column("meters", texts.text("Under one half"), "text", 14),
        ),
        tuple(
            (
                machine.vm,
                named(machine.unit),
                named(machine.system),
                short_size(machine.size),
                *(getattr(machine.use, meter).mean for meter in METERS),
                ", ".join(label(reader, "meter", meter) for meter in machine.under_half),
            )
            for machine in low
        ),
        empty=texts.text("No machine is under one half."),
        note=texts.text("Means of this window alone. Cases are opened by the review's own window and rule."),
    )
    charts = [ChartBlock(_unused_bars(meter, report, reader)) for meter in ("cpu", "memory")]
    return Part("under-half", title, title, (*charts, table), breaks=True)


def _unused_bars(meter: str, report: UtilisationReport, reader: Reader) -> PairBars:
    """The machines that hold most of a meter without using it."""

    def unused(machine: MachineUse) -> float:
        figures: MeterUse = getattr(machine.use, meter)
        return (figures.held or 0.0) - figures.used if figures.used is not None else 0.0

    most = sorted(report.machines, key=lambda machine: (-unused(machine), machine.vm))[:MOST_UNUSED]
    entries = [(machine.vm, machine.use) for machine in most if unused(machine) > 0]
    return use_bars(
        reader, f"unused-{meter}", meter, entries, reader.texts.text("machine, most unused first")
    )


def _least(machine: MachineUse) -> tuple[float, str]:
    means = [getattr(machine.use, meter).mean for meter in machine.under_half]
    return min(means), machine.vm


def _machine_part(report: UtilisationReport, reader: Reader) -> Part:
    texts = reader.texts
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            machine.unit.code,
            named(machine.unit),
            named(machine.system),
            machine.vm,
            named(machine.pool),
            short_size(machine.size),
            *use_cells(machine.use),
        )
        for machine in report.machines
    )
    table = Table(
        "machines",
        "",
        (
            Column("unit_code", texts.text("Unit code"), "code", 12, is_sheet_only=True),
            Column("unit", texts.text("Unit"), "text", 18),
            Column("system", texts.text("Business system"), "text", 20),
            Column("vm", texts.text("Machine"), "code", 20),
            Column("pool", texts.text("Pool"), "text", 16),
            Column("size", texts.text("Size (vCPU/GiB/GiB)"), "code", 13),
            *use_columns(reader),
        ),
        rows,
        total_label=texts.text("Total"),
        group="unit",
        totals=use_totals(report.total),
        empty=texts.text("Nothing was held in this time."),
        note=use_note(reader),
    )
    title = texts.text("Use by machine")
    return Part("machines", title, title, (table,), is_wide=True, breaks=True)


def _share(value: float | None) -> str:
    return "—" if value is None else percent_text(value)
