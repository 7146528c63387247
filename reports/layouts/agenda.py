"""The panel's agenda on paper: what is to be decided, by whom, and every case in brief."""

from reports.datasets.case import AgendaReport, CaseReport
from reports.document import (
    Block,
    ChartBlock,
    Column,
    Document,
    Facts,
    Figure,
    Figures,
    Part,
    SignatureBox,
    Signatures,
    Table,
)
from reports.layouts.case_course import panel_note
from reports.layouts.case_file import (
    case_facts,
    case_figures,
    grounds_text,
    meter_chart,
    meter_table,
    proposal_text,
)
from reports.layouts.wording import Reader, assemble, label, named, short_size
from reports.notation import day_text, instant_text


def lay_out_agenda(report: AgendaReport, reader: Reader) -> Document:
    texts = reader.texts
    return assemble(
        reader,
        report.imprint,
        title=texts.text("Agenda of the expert panel"),
        subtitle=texts.text("as of {day}", day=day_text(report.at, reader.zone)),
        reference=texts.text("{count} case(s) to decide", count=len(report.votes)),
        parts=(_front(report, reader), *(_brief(case, reader) for case in report.votes)),
    )


def _front(report: AgendaReport, reader: Reader) -> Part:
    texts = reader.texts
    saving = sum(case.monthly_saving_fen or 0 for case in report.votes)
    figures = Figures(
        (
            Figure(texts.text("Cases to decide"), len(report.votes), "count", ""),
            Figure(texts.text("Saving a month, if all are carried out"), saving, "money", ""),
            Figure(
                texts.text("Quorum"),
                report.quorum,
                "count",
                texts.text("{members} members", members=len(report.members)),
            ),
        )
    )
    blocks: tuple[Block, ...] = (
        figures,
        case_table(report.votes, "votes", texts.text("To be voted on"), reader),
        case_table(
            report.accepted,
            "accepted",
            texts.text("For information: accepted by the unit, decided without a vote"),
            reader,
        ),
        _members(report, reader),
        _signatures(report, reader),
    )
    return Part("agenda", "", texts.text("Agenda"), blocks)


def case_table(cases: tuple[CaseReport, ...], name: str, title: str, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        name,
        title,
        (
            Column("case", texts.text("Case"), "code", 7),
            Column("unit", texts.text("Unit"), "text", 16),
            Column("system", texts.text("Business system"), "text", 18),
            Column("vm", texts.text("Machine"), "code", 16),
            Column("kind", texts.text("Kind"), "text", 7),
            Column("size", texts.text("Present size"), "code", 13),
            Column("proposal", texts.text("Proposal"), "code", 13),
            Column("saving", texts.text("Saving a month"), "money", 12, is_summed=True),
            Column("answer", texts.text("Answer of the unit"), "text", 10),
            Column("votes", texts.text("Votes"), "text", 10),
        ),
        tuple(
            (
                str(case.case),
                named(case.unit),
                named(case.system),
                case.vm,
                label(reader, "case_kind", case.kind),
                short_size(case.size),
                _target(case, reader),
                case.monthly_saving_fen,
                label(reader, "answer", case.answer) if case.answer else texts.text("none"),
                tally_text(case, reader),
            )
            for case in cases
        ),
        total_label=texts.text("Total"),
        empty=texts.text("There is none."),
    )


def _target(case: CaseReport, reader: Reader) -> str:
    if case.kind == "idle":
        return reader.texts.text("retire")
    return short_size(case.target) if case.target else "—"


def tally_text(case: CaseReport, reader: Reader) -> str:
    """Votes of the present round by choice."""
    cast = [f"{label(reader, 'decision', choice)} {count}" for choice, count in case.tally.items() if count]
    return ", ".join(cast) or reader.texts.text("none")


def _members(report: AgendaReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "members",
        texts.text("Members of the panel"),
        (
            Column("name", texts.text("Member"), "text", 20),
            Column("unit", texts.text("Unit"), "text", 26),
            Column("recused", texts.text("Recused from"), "text", 40),
        ),
        tuple(
            (
                member.name,
                named(member.unit) if member.unit else texts.text("none"),
                ", ".join(str(case.case) for case in report.votes if member.name in case.recused)
                or texts.text("nobody's case"),
            )
            for member in report.members
        ),
        empty=texts.text("Nobody is in the panel."),
    )


def _signatures(report: AgendaReport, reader: Reader) -> Signatures:
    texts = reader.texts
    blanks = (texts.text("Signature:"), texts.text("Date:"))
    return Signatures(
        texts.text("Signatures"),
        (
            SignatureBox(texts.text("Chair of the panel"), "", (), blanks, ""),
            SignatureBox(texts.text("Minutes"), "", (), blanks, ""),
        ),
    )


def _brief(case: CaseReport, reader: Reader) -> Part:
    """One page per case: enough to vote on, the dossier has the rest."""
    texts = reader.texts
    title = texts.text("Case {case}: {kind}", case=case.case, kind=label(reader, "case_kind", case.kind))
    answer = texts.text("The unit has not answered.")
    if case.answer:
        answer = label(reader, "answer", case.answer) + (f": {case.answer_text}" if case.answer_text else "")
    elif case.answer_by:
        answer = texts.text(
            "The unit has not answered; its time ran until {at}.",
            at=instant_text(case.answer_by, reader.zone),
        )
    charts = tuple(
        ChartBlock(meter_chart(case, meter, reader, is_low=True)) for meter in case.meters if meter.is_marked
    )
    blocks: tuple[Block, ...] = (
        case_facts(case, reader),
        case_figures(case, reader),
        Facts(
            (
                (texts.text("Proposal"), proposal_text(case, reader)),
                (texts.text("Grounds"), grounds_text(case, reader)),
                (texts.text("Answer of the unit"), answer),
                (texts.text("Panel"), panel_note(case, reader)),
            ),
            columns=1,
        ),
        meter_table(case, reader),
        *charts,
    )
    return Part(f"case-{case.case}", title, texts.text("Case {case}", case=case.case), blocks, breaks=True)
