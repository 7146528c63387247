"""Held and used side by side: the columns that machines, systems, units and pools have in common."""

from reports.charts.model import PairBars
from reports.datasets.shared import MeterUse, Use
from reports.document import Block, Cell, ChartBlock, Column, Part, Table
from reports.layouts.wording import Reader, label

MIB_PER_GIB = 1024
# More bars than that do not fit on a page; the table beside the chart has them all.
MOST_BARS = 46


def use_columns(reader: Reader, *, with_p95: bool = True) -> tuple[Column, ...]:
    """Three bands, one per meter, and the least coverage of the three."""
    texts, columns = reader.texts, []
    units = {"cpu": "vCPU", "memory": "GiB", "storage": "GiB"}
    for meter, unit in units.items():
        band = texts.text("{meter} ({unit})", meter=label(reader, "meter", meter), unit=unit)
        columns += [
            Column(f"{meter}_held", texts.text("Held"), "measure", 9, band, is_summed=True),
            Column(f"{meter}_used", texts.text("Used"), "measure", 9, band, is_summed=True),
            Column(f"{meter}_mean", texts.text("Utilisation"), "share", 9, band),
        ]
        if with_p95:
            columns.append(Column(f"{meter}_p95", "P95", "percent", 9, band))
    columns.append(Column("coverage", texts.text("Coverage"), "percent", 9))
    return tuple(columns)


def use_cells(use: Use, *, with_p95: bool = True) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for meter, scale in ((use.cpu, 1), (use.memory, MIB_PER_GIB), (use.storage, 1)):
        cells += [scaled(meter.held, scale), scaled(meter.used, scale), meter.mean]
        if with_p95:
            cells.append(meter.p95)
    return (*cells, least_coverage(use))


def meter_table(reader: Reader, use: Use) -> Table:
    """One row per meter: the whole at a glance."""
    texts = reader.texts
    rows = []
    for meter, unit, scale in (("cpu", "vCPU", 1), ("memory", "GiB", MIB_PER_GIB), ("storage", "GiB", 1)):
        figures: MeterUse = getattr(use, meter)
        held, used = scaled(figures.held, scale), scaled(figures.used, scale)
        rows.append((label(reader, "meter", meter), unit, held, used, figures.mean, figures.coverage))
    return Table(
        "meters",
        texts.text("Held and used"),
        (
            Column("meter", texts.text("Resource"), "text", 16),
            Column("unit", texts.text("Measured in"), "text", 10),
            Column("held", texts.text("Held"), "measure", 14),
            Column("used", texts.text("Used"), "measure", 14),
            Column("mean", texts.text("Utilisation"), "share", 14),
            Column("coverage", texts.text("Coverage"), "percent", 12),
        ),
        tuple(rows),
    )


def use_part(
    reader: Reader,
    key: str,
    sheet: str,
    whose: str,
    entries: list[tuple[str, Use]],
    total: Use,
    extra: tuple[Block, ...] = (),
) -> Part:
    """Held against used of each meter by system, unit or pool (`whose`): charts, and the figures behind them."""
    texts = reader.texts
    title = texts.text("Held and used, by {whose}", whose=whose)
    with_p95 = any(use.cpu.p95 is not None for _, use in entries)
    table = Table(
        f"use_by_{key}",
        "",
        (Column(key, whose[:1].upper() + whose[1:], "text", 26), *use_columns(reader, with_p95=with_p95)),
        tuple((who, *use_cells(use, with_p95=with_p95)) for who, use in entries),
        total_label=texts.text("Total"),
        empty=texts.text("Nothing was held in this time."),
        note=use_note(reader),
        totals=use_totals(total),
    )
    charts = [
        ChartBlock(use_bars(reader, f"{key}-{meter}", meter, entries, whose))
        for meter in ("cpu", "memory", "storage")
    ]
    return Part(f"use-{key}", title, sheet, (*extra, *charts, table), breaks=True)


def use_note(reader: Reader) -> str:
    return reader.texts.text(
        "Held and used are means over the whole time; utilisation is used over held where it was measured; P95 is of "
        "the 5-minute values; coverage is the least of the three meters. A dash means not measured, never 0."
    )


def use_totals(total: Use) -> dict[str, Cell]:
    """The utilisation of a sum is Σ used / Σ held, never a mean of ratios."""
    return {
        "cpu_mean": total.cpu.mean,
        "memory_mean": total.memory.mean,
        "storage_mean": total.storage.mean,
        "coverage": least_coverage(total),
    }


def least_coverage(use: Use) -> float | None:
    known = [meter.coverage for meter in (use.cpu, use.memory, use.storage) if meter.coverage is not None]
    return min(known, default=None)


def scaled(value: float | None, scale: int) -> float | None:
    return None if value is None else value / scale


def use_bars(reader: Reader, name: str, meter: str, entries: list[tuple[str, Use]], whose: str) -> PairBars:
    """Held against used of one meter, for every entry that holds any."""
    texts = reader.texts
    scale = MIB_PER_GIB if meter == "memory" else 1
    unit = "vCPU" if meter == "cpu" else "GiB"
    picked: list[tuple[str, MeterUse]] = [(who, getattr(use, meter)) for who, use in entries]
    shown = [(who, figures, figures.held / scale) for who, figures in picked if figures.held]
    title = texts.text("{meter} held and used, by {whose}", meter=label(reader, "meter", meter), whose=whose)
    if len(shown) > MOST_BARS:
        least = sorted((held for _, _, held in shown), reverse=True)[MOST_BARS - 1]
        shown = [entry for entry in shown if entry[2] >= least][:MOST_BARS]
        title = texts.text("{title} (the {count} largest)", title=title, count=MOST_BARS)
    return PairBars(
        name=name,
        title=title,
        description=texts.text(
            "{title}: {entries}",
            title=title,
            entries="; ".join(
                f"{who} {held:.1f}/{'—' if figures.used is None else format(figures.used / scale, '.1f')} {unit}"
                for who, figures, held in shown[:60]
            ),
        ),
        axis=unit,
        held_name=texts.text("Held"),
        used_name=texts.text("Used"),
        unknown=texts.text("not measured"),
        categories=tuple(who for who, _, _ in shown),
        held=tuple(held for _, _, held in shown),
        used=tuple(scaled(figures.used, scale) for _, figures, _ in shown),
        empty=texts.text("Nothing was held in this time."),
    )
