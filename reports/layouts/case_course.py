"""The sheet of a case that tells its course: votes, opinions and signatures, dates, acts, hashes."""

from datetime import datetime

from reports.datasets.case import CaseReport
from reports.document import Block, Cell, Column, Facts, Part, SignatureBox, Signatures, Table
from reports.layouts.wording import Reader, label, named, size_text
from reports.notation import instant_text


def course_part(report: CaseReport, reader: Reader) -> Part:
    """The case's last sheet: opinions, votes, signatures, dates, every act, and the hashes of the evidence."""
    texts = reader.texts
    blocks: tuple[Block, ...] = (
        _votes(report, reader),
        _panel_signatures(report, reader),
        _dates(report, reader),
        _history(report, reader),
        _hashes(report, reader),
    )
    title = texts.text("Opinions, votes and course")
    return Part("course", title, texts.text("Course of the case"), blocks, breaks=True)


def _votes(report: CaseReport, reader: Reader) -> Table:
    texts = reader.texts
    rows: list[tuple[Cell, ...]] = [
        (
            ballot.round,
            ballot.voter if ballot.voter is not None else texts.text("(secret)"),
            label(reader, "decision", ballot.choice),
            ballot.reason if ballot.reason is not None else "",
            ballot.at,
        )
        for ballot in report.ballots
    ]
    return Table(
        "votes",
        texts.text("Votes of the panel"),
        (
            Column("round", texts.text("Round"), "count", 7),
            Column("voter", texts.text("Member"), "text", 14),
            Column("choice", texts.text("Vote"), "text", 10),
            Column("reason", texts.text("Reason"), "text", 48),
            Column("at", texts.text("Time"), "instant", 18),
        ),
        tuple(rows),
        empty=texts.text("Nobody has voted yet."),
        note=panel_note(report, reader),
    )


def panel_note(report: CaseReport, reader: Reader) -> str:
    texts = reader.texts
    none = texts.text("nobody")
    waiting = texts.text("(secret)") if report.is_secret else ", ".join(report.to_vote) or none
    return texts.text(
        "Quorum {quorum}. Recused: {recused}. Still to vote: {waiting}.",
        quorum=report.quorum,
        recused=", ".join(report.recused) or none,
        waiting=waiting,
    )


def _panel_signatures(report: CaseReport, reader: Reader) -> Signatures:
    texts = reader.texts
    decision = (
        [texts.text("Decision: {decision}", decision=label(reader, "decision", report.decision))]
        if (report.decision)
        else []
    )
    if report.decided_at:
        decision.append(instant_text(report.decided_at, reader.zone))
    answer = []
    if report.answer:
        answer.append(texts.text("Answer: {answer}", answer=label(reader, "answer", report.answer)))
    if report.answer_text:
        answer.append(report.answer_text)
    blanks = (texts.text("Signature:"), texts.text("Date:"))
    seal = texts.text("(seal)")
    return Signatures(
        texts.text("Opinions and signatures"),
        (
            SignatureBox(texts.text("Opinion of the unit"), named(report.unit), tuple(answer), blanks, seal),
            SignatureBox(
                texts.text("Decision of the panel"), texts.text("Panel"), tuple(decision), blanks, ""
            ),
            SignatureBox(texts.text("Finance"), texts.text("Finance department"), (), blanks, seal),
        ),
    )


def _dates(report: CaseReport, reader: Reader) -> Facts:
    texts, zone = reader.texts, reader.zone

    def when(at: datetime | None) -> str:
        return instant_text(at, zone) if at else texts.text("not yet")

    executed = when(report.executed_at) + (f" · {report.executed_by}" if report.executed_by else "")
    return Facts(
        (
            (texts.text("Notified"), when(report.notified_at)),
            (texts.text("Answer by"), when(report.answer_by)),
            (texts.text("Decided"), when(report.decided_at)),
            (texts.text("Scheduled for"), when(report.scheduled_for)),
            (texts.text("Carried out"), executed),
            (texts.text("Size before"), size_text(reader, report.before_size) if report.before_size else "—"),
            (texts.text("Watched until"), when(report.watch_until)),
            (texts.text("Rolled back"), when(report.rolled_back_at)),
        )
    )


def _history(report: CaseReport, reader: Reader) -> Table:
    texts = reader.texts
    return Table(
        "history",
        texts.text("Acts on record"),
        (
            Column("at", texts.text("Time"), "instant", 18),
            Column("actor", texts.text("Person"), "text", 14),
            Column("step", texts.text("Act"), "text", 14),
            Column("state", texts.text("State"), "text", 12),
            Column("text", texts.text("Content"), "text", 44),
        ),
        tuple(
            (
                step.at,
                step.actor,
                label(reader, "case_step", step.step),
                label(reader, "case_state", step.state),
                step.text,
            )
            for step in report.history
        ),
        empty=texts.text("Nothing has happened yet."),
    )


def _hashes(report: CaseReport, reader: Reader) -> Facts:
    texts = reader.texts
    return Facts(
        (
            (
                texts.text("Hash of the frozen evidence"),
                f"{report.evidence_algorithm.upper()} {report.evidence_hash}",
            ),
            (texts.text("Hash of the rule"), report.rule.hash),
        ),
        columns=1,
    )
