"""Where a statement is signed and sealed: what the ledger recorded is printed, the rest is left for ink."""

from collections.abc import Sequence

from reports.datasets.statement import Signing, StatementReport
from reports.document import SignatureBox, Signatures
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
            signature_box(reader, texts.text("Prepared by"), texts.text("Cloud operator"), report.signings, PREPARING),
            signature_box(reader, texts.text("Confirmed by the unit"), named(report.unit), report.signings, ANSWERING),
            signature_box(
                reader, texts.text("Approved by finance"), texts.text("Finance department"), report.signings, APPROVING
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
                name=signing.name,
                at=instant_text(signing.at, reader.zone),
            )
            for signing in recorded
        ),
        blanks=(texts.text("Signature:"), texts.text("Date:")),
        seal=texts.text("(seal)"),
    )
