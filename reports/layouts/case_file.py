"""One case on paper: what was measured, what is proposed, what the unit and the panel said, what became of it."""

from reports.charts.model import Event, LineChart, Mark, Series
from reports.datasets.case import CaseReport, MeterEvidence
from reports.document import (
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
    Table,
)
from reports.layouts.case_course import course_part
from reports.layouts.wording import Reader, assemble, label, named, size_text
from reports.notation import instant_text, money_text, number_text, percent_text, span_text

MIB_PER_GIB = 1024
UNITS = {"cpu": "vCPU", "memory": "GiB", "storage": "GiB"}


def lay_out_case(report: CaseReport, reader: Reader) -> Document:
    texts = reader.texts
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Case file"),
        subtitle=texts.text(
            "Case {case}: {kind}", case=report.case, kind=label(reader, "case_kind", report.kind)
        ),
        reference=texts.text("Case {case} · {vm}", case=report.case, vm=report.vm),
        notices=_notices(report, reader),
        parts=(_front(report, reader), _evidence_part(report, reader), course_part(report, reader)),
    )


def _notices(report: CaseReport, reader: Reader) -> tuple[Notice, ...]:
    texts, found = reader.texts, []
    if report.appealed_at and report.state == "appealed":
        found.append(Notice(texts.text("The unit has appealed: execution is suspended."), "warning"))
    if report.rollback_proposed_at and not report.rolled_back_at:
        found.append(
            Notice(texts.text("A rollback has been proposed: the new size is too small."), "warning")
        )
    return tuple(found)


def _front(report: CaseReport, reader: Reader) -> Part:
    texts = reader.texts
    blocks: tuple[Block, ...] = (
        case_facts(report, reader),
        case_figures(report, reader),
        _proposal(report, reader),
        meter_table(report, reader),
    )
    return Part("case", "", texts.text("Case file"), blocks)


def case_facts(report: CaseReport, reader: Reader) -> Facts:
    texts = reader.texts
    return Facts(
        (
            (texts.text("Machine"), report.vm),
            (texts.text("State"), label(reader, "case_state", report.state)),
            (texts.text("Business system"), named(report.system)),
            (texts.text("Unit"), named(report.unit)),
            (texts.text("Pool"), named(report.pool)),
            (texts.text("Window"), span_text(report.start, report.end, reader.zone)),
            (texts.text("Rule"), texts.text("version {version}", version=report.rule.version)),
            (texts.text("Opened"), f"{instant_text(report.opened_at, reader.zone)} · {report.opened_by}"),
        )
    )


def case_figures(report: CaseReport, reader: Reader) -> Figures:
    texts = reader.texts
    return Figures(
        (
            Figure(
                texts.text("Price a month, at present"),
                report.monthly_fen,
                "money",
                texts.text("not priced by any tariff") if report.monthly_fen is None else "",
            ),
            Figure(texts.text("Saving a month"), report.monthly_saving_fen, "money", ""),
            Figure(
                texts.text("Risk"),
                report.over_share,
                "percent",
                texts.text("of the time the load would have exceeded the proposed size"),
            ),
            Figure(
                texts.text("Waiting for a core"),
                report.steal_share,
                "percent",
                texts.text("of the time, since the last resize"),
            ),
        )
    )


def _proposal(report: CaseReport, reader: Reader) -> Table:
    texts = reader.texts
    rows = [
        (texts.text("Present size"), size_text(reader, report.size)),
        (texts.text("Proposal"), proposal_text(report, reader)),
        (texts.text("Grounds"), grounds_text(report, reader)),
    ]
    if report.remedy:
        rows.append((texts.text("How it is carried out"), label(reader, "remedy", report.remedy)))
    if report.resized_at:
        rows.append((texts.text("Last resize"), instant_text(report.resized_at, reader.zone)))
    return Table(
        "proposal",
        texts.text("Proposal"),
        (
            Column("what", texts.text("Subject"), "text", 18),
            Column("text", texts.text("Content"), "text", 78),
        ),
        tuple(rows),
    )


def proposal_text(report: CaseReport, reader: Reader) -> str:
    texts = reader.texts
    if report.kind == "insufficient":
        return texts.text("Nothing is proposed: the evidence does not suffice.")
    if report.outcome == "bursty_keep":
        return texts.text("Keep: the load comes in bursts, no smaller size holds it.")
    if report.kind == "idle":
        return texts.text("Retire the machine.")
    return size_text(reader, report.target) if report.target else texts.text("Nothing is proposed.")


def grounds_text(report: CaseReport, reader: Reader) -> str:
    """Why the rule marked the machine, in one sentence per marked meter."""
    texts = reader.texts
    if report.lack:
        return label(reader, "lack", report.lack)
    if report.exemption:
        return texts.text("Exempt: {reason}", reason=report.exemption)
    sentences = [
        texts.text(
            "{meter}: mean utilisation {mean}, P95 {p95}, highest {max}, coverage {coverage}.",
            meter=label(reader, "meter", meter.meter),
            mean=_share(meter.mean),
            p95=_share(meter.p95),
            max=_share(meter.max),
            coverage=_share(meter.coverage),
        )
        for meter in report.meters
        if meter.is_marked
    ]
    return " ".join(sentences)


def meter_table(report: CaseReport, reader: Reader) -> Table:
    texts = reader.texts
    measured, load, proposal = (
        texts.text("Measured"),
        texts.text("Load since the last resize"),
        texts.text("Size"),
    )
    return Table(
        f"meters_{report.case}",
        texts.text("Evidence by resource"),
        (
            Column("meter", texts.text("Resource"), "text", 14),
            Column("marked", texts.text("Marked"), "text", 7),
            Column("held", texts.text("Held"), "measure", 8, measured),
            Column("used", texts.text("Used"), "measure", 8, measured),
            Column("mean", texts.text("Utilisation"), "share", 9, measured),
            Column("p95", "P95", "percent", 8, measured),
            Column("max", texts.text("Highest"), "percent", 8, measured),
            Column("coverage", texts.text("Coverage"), "percent", 8, measured),
            Column("load_p95", "P95", "measure", 8, load),
            Column("load_max", texts.text("Highest"), "measure", 8, load),
            Column("present", texts.text("Present"), "measure", 8, proposal),
            Column("proposed", texts.text("Proposed"), "measure", 8, proposal),
            Column("expected_p95", texts.text("Expected P95"), "percent", 9, proposal),
            Column("verdict", texts.text("Conclusion"), "text", 14),
        ),
        tuple(_meter_row(meter, reader) for meter in report.meters),
        note=texts.text(
            "The rule, version {version}: marked when a mean over {days} days is under {mean}, with at least "
            "{coverage} of the time measured; the proposed size keeps P95 at or under {p95} and the highest value "
            "under {max}.",
            version=report.rule.version,
            days=report.rule.window_days,
            mean=_rule_share(report.rule.mean_below),
            coverage=_rule_share(report.rule.coverage_at_least),
            p95=_rule_share(report.rule.p95_at_most),
            max=_rule_share(report.rule.max_below),
        ),
    )


def _meter_row(meter: MeterEvidence, reader: Reader) -> tuple[Cell, ...]:
    scale = MIB_PER_GIB if meter.meter == "memory" else 1

    def amount(value: float | None) -> float | None:
        return None if value is None else value / scale

    return (
        f"{label(reader, 'meter', meter.meter)} ({UNITS[meter.meter]})",
        reader.texts.text("yes") if meter.is_marked else "",
        amount(meter.held),
        amount(meter.used),
        meter.mean,
        meter.p95,
        meter.max,
        meter.coverage,
        amount(meter.load_p95),
        amount(meter.load_max),
        amount(meter.present),
        amount(meter.proposed),
        meter.expected_p95,
        label(reader, "verdict", meter.verdict) if meter.verdict else "",
    )


def _evidence_part(report: CaseReport, reader: Reader) -> Part:
    texts = reader.texts
    title = texts.text("Use over the window")
    charts = tuple(ChartBlock(meter_chart(report, meter, reader)) for meter in report.meters)
    known: list[tuple[Cell, ...]] = [
        (
            texts.text("Share of the time in which the load would exceed the target of the proposed size"),
            _share(report.tight_share),
        ),
        (texts.text("Share of memory samples that count page cache"), _share(report.memory_coarse_share)),
    ]
    # Asked of machines that hardly compute alone: of others nobody needs to know.
    if report.network_bytes_per_s is not None:
        known.append(
            (texts.text("Network traffic in the last days"), _rate(report.network_bytes_per_s, reader))
        )
    if report.disk_written_bytes_per_s is not None:
        known.append(
            (texts.text("Disk writes in the last days"), _rate(report.disk_written_bytes_per_s, reader))
        )
    figures = Table(
        "recent",
        texts.text("Other evidence"),
        (Column("what", texts.text("Figure"), "text", 50), Column("value", texts.text("Value"), "text", 30)),
        tuple(known),
    )
    return Part("evidence", title, texts.text("Evidence"), (*charts, figures), breaks=True)


def meter_chart(
    report: CaseReport, meter: MeterEvidence, reader: Reader, *, is_low: bool = False
) -> LineChart:
    """Mean and highest use per bucket, as a share of the present size, with the rule's line and the P95."""
    texts = reader.texts
    name = label(reader, "meter", meter.meter)
    marks = [Mark(_rule_share(report.rule.mean_below), float(report.rule.mean_below))]
    if meter.p95 is not None:
        marks.append(Mark(f"P95 {percent_text(meter.p95)}", meter.p95))
    events = []
    if report.resized_at:
        events.append(Event(texts.text("resized"), report.resized_at))
    return LineChart(
        name=f"case-{report.case}-{meter.meter}",
        title=texts.text("{meter} utilisation", meter=name),
        description=texts.text(
            "{meter} of {vm}: mean {mean}, P95 {p95}, highest {max}, coverage {coverage}.",
            meter=name,
            vm=report.vm,
            mean=_share(meter.mean),
            p95=_share(meter.p95),
            max=_share(meter.max),
            coverage=_share(meter.coverage),
        ),
        measure="percent",
        axis=texts.text("% of the present size"),
        times=meter.curve.times,
        series=(
            Series(texts.text("mean"), meter.curve.mean),
            Series(texts.text("highest"), meter.curve.high),
        ),
        marks=tuple(marks),
        events=tuple(events),
        is_low=is_low,
        empty=texts.text("Nothing was measured."),
    )


def _share(value: float | None) -> str:
    return "—" if value is None else percent_text(value)


def _rule_share(value: str) -> str:
    return f"{number_text(float(value) * 100)}%"


def _rate(value: float, reader: Reader) -> str:
    return reader.texts.text("{rate} KiB/s", rate=number_text(value / 1024))


def saving_text(report: CaseReport) -> str:
    return "—" if report.monthly_saving_fen is None else money_text(report.monthly_saving_fen)
