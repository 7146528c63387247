"""Where a month is signed and sealed, what was signed before, and how anybody can check it."""

from collections.abc import Sequence

from reports.datasets.statement import Signing, StatementReport
from reports.document import Column, Paragraph, SignatureBox, Signatures, Table
from reports.layouts.wording import Reader, label, named
from reports.notation import instant_text

PREPARING = ("draft", "issue", "correct", "uphold")
ANSWERING = ("confirm", "dispute", "deem")
APPROVING = ("approve", "close")


def signature_block(report: StatementReport, reader: Reader) -> Signatures:
    texts = reader.texts
    return Signatures(
        texts.text("Signatures"),
        (
            signature_box(
                reader, texts.text("Prepared by"), texts.text("Cloud operator"), report.signings, PREPARING
            ),
            signature_box(
                reader, texts.text("Confirmed by the unit"), named(report.unit), report.signings, ANSWERING
            ),
            signature_box(
                reader,
                texts.text("Approved by finance"),
                texts.text("Finance department"),
                report.signings,
                APPROVING,
            ),
        ),
    )


def signature_box(
    reader: Reader, title: str, organisation: str, signings: Sequence[Signing], acts: Sequence[str]
) -> SignatureBox:
    texts = reader.texts
    last = {signing.act: signing for signing in signings if signing.act in acts}
    recorded = sorted(last.values(), key=lambda signing: (signing.at, acts.index(signing.act)))
    return SignatureBox(
        title=title,
        organisation=organisation,
        recorded=tuple(
            texts.text(
                "{act}: {name}, {at}",
                act=label(reader, "act", signing.act),
                name=person_text(signing.name, reader),
                at=instant_text(signing.at, reader.zone),
            )
            for signing in recorded
        ),
        blanks=(texts.text("Signature:"), texts.text("Date:")),
        seal=texts.text("(seal)"),
    )


def person_text(name: str, reader: Reader) -> str:
    """A person by name; what a job did by itself is said so."""
    return reader.texts.text("the system") if name.startswith("job:") else name


def acts_table(signings: Sequence[Signing], reader: Reader) -> Table:
    """Every act on record, oldest first."""
    texts = reader.texts
    return Table(
        "acts",
        texts.text("Acts on record"),
        (
            Column("at", texts.text("Time"), "instant", 18),
            Column("act", texts.text("Act"), "text", 14),
            Column("name", texts.text("Person"), "text", 16),
            Column("role", texts.text("Role"), "text", 14),
            Column("reason", texts.text("Reason"), "text", 40),
        ),
        tuple(
            (
                signing.at,
                label(reader, "act", signing.act),
                person_text(signing.name, reader),
                label(reader, "role", signing.role),
                signing.reason,
            )
            for signing in signings
        ),
        empty=texts.text("Nothing was signed yet."),
    )


def check_paragraph(period: str, reader: Reader) -> Paragraph:
    texts = reader.texts
    return Paragraph(
        texts.text(
            "Anybody with the right can recompute this month from allocations, tariffs and sealed samples and "
            "compare it line by line: cloudctl settle verify {period}. A difference of one fen, or one changed byte "
            "of evidence, is named and ends with exit code 7.",
            period=period,
        ),
        texts.text("How to check"),
    )
