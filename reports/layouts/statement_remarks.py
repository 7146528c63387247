"""What a statement is accompanied by: disputes and answers, acts on record, and what it can be recomputed from."""

from reports.datasets.statement import StatementReport
from reports.document import Column, Part, Table
from reports.layouts.signing import acts_table, check_paragraph
from reports.layouts.wording import Reader, label


def remarks_part(report: StatementReport, reader: Reader) -> Part:
    texts = reader.texts
    title = texts.text("Record and evidence")
    return Part(
        "record",
        title,
        title,
        (
            _disputes(report, reader),
            acts_table(report.signings, reader),
            _evidence(report, reader),
            check_paragraph(report.period, reader),
        ),
        breaks=True,
    )


def _disputes(report: StatementReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "disputes",
        texts.text("Disputed lines"),
        (
            Column("line", texts.text("Line"), "count", 7),
            Column("reason", texts.text("Reason of the unit"), "text", 34),
            Column("raised_at", texts.text("Raised"), "instant", 18),
            Column("raised_by", texts.text("By"), "text", 10),
            Column("answer", texts.text("Answer"), "text", 10),
            Column("answer_reason", texts.text("Reason of the operator"), "text", 34),
            Column("answered_at", texts.text("Answered"), "instant", 18),
        ),
        tuple(
            (
                dispute.line,
                dispute.reason,
                dispute.raised_at,
                dispute.raised_by,
                label(reader, "act", dispute.answer) if dispute.answer else None,
                dispute.answer_reason,
                dispute.answered_at,
            )
            for dispute in report.disputes
        ),
        empty=texts.text("No line was disputed."),
    )


def _evidence(report: StatementReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "evidence",
        texts.text("Evidence"),
        (
            Column("kind", texts.text("Kind"), "text", 20),
            Column("name", texts.text("Name"), "text", 26),
            Column("hash", texts.text("Hash"), "code", 66),
        ),
        tuple((label(reader, "evidence", item.kind), item.name, item.hash) for item in report.evidence),
        empty=texts.text("No evidence has been sealed yet."),
    )
