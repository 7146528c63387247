"""Verifies a closed month: every piece of evidence against its hash, every line against what the evidence says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from cloudctl.core import audit
from cloudctl.core.errors import CloudctlError, Refused
from cloudctl.core.money import yuan_text
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.close_period import present_hash
from cloudctl.operations.settlement.settlement_acts import READERS, STATES, month, sample_store
from metering.settlement import store as ledger
from metering.settlement.acts_store import closing_entry, evidence_rows
from metering.settlement.comparison import Difference, differences
from metering.settlement.drafting import draft_month, read_estate, terms_of
from metering.settlement.evidence import Piece, Source, gather, seal_hash
from metering.settlement.model import PeriodState, Statement
from metering.settlement.reading import read_statements
from metering.settlement.tables import EvidenceRow, PeriodRow, TariffRow
from metering.store import live_files
from metering.tariffs import PriceBook, Tariff

# What reading broken evidence may raise.
UNREADABLE = (CloudctlError, ValueError, ArithmeticError, LookupError, TypeError, NoResultFound)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed. kind: of evidence, or seal, audit, line, total.

    problem: changed, missing or added. detail: what of it, for a reader. Amounts of a line as text.
    """

    kind: str
    subject: str
    problem: str
    detail: str = ""
    stored: str | None = None
    computed: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a look at everything found; no findings: the month is as it was closed."""

    period: str
    seal: str
    algorithm: str
    evidence: int
    statements: int
    lines: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


def verify_period(ctx: Context, period: str) -> Verification:
    """Recomputes a closed month from allocations, sealed tariffs and samples. Refused for one that isn't closed."""
    ctx.actor.require(*READERS)
    month(ctx, period)
    with ctx.reading() as session:
        row = ledger.get_period(session, period)
        closing = closing_entry(session, period)
        if row.state != PeriodState.CLOSED and closing is None:
            raise Refused("The month {period} is {state}.", period=period, state=STATES[row.state])
        sealed = evidence_rows(session, row.id)
        findings = [*_seal_findings(session, row, sealed), *_piece_findings(ctx, session, row, sealed)]
        statements, lines = 0, 0
        try:
            stored = read_statements(session, row, ledger.current_statements(session, row.id))
            statements, lines = len(stored), sum(len(statement.lines) for statement in stored)
            findings += _line_findings(ctx, session, (row, sealed), stored)
        except UNREADABLE as failure:
            # So broken that nothing can be computed from it: said in one line, the pieces are named above.
            findings.append(Finding("line", period, "changed", str(failure)))
        return Verification(
            period,
            row.seal_hash or "",
            row.seal_algorithm or "",
            len(sealed),
            statements,
            lines,
            tuple(findings),
        )


def _seal_findings(session: Session, row: PeriodRow, sealed: Sequence[EvidenceRow]) -> Iterator[Finding]:
    """The seal over the evidence rows, and the audit chain's record of that seal."""
    if row.state != PeriodState.CLOSED:
        yield Finding("period", row.period, "changed", "state")
    algorithm = row.seal_algorithm or ""
    pieces = [Piece(item.kind, item.subject, item.hash, item.detail) for item in sealed]
    try:
        reckoned = seal_hash(pieces, algorithm)
    except ValueError:
        reckoned = ""
    if reckoned != row.seal_hash:
        yield Finding("seal", row.period, "changed", "evidence")
    closing = closing_entry(session, row.period)
    if closing is None or closing.get("seal") != row.seal_hash or closing.get("algorithm") != algorithm:
        yield Finding("seal", row.period, "missing" if closing is None else "changed", "audit")
    chain = audit.verify(session)
    if not chain.ok:
        yield Finding("audit", str(chain.first_bad), "changed", "chain")


def _piece_findings(
    ctx: Context, session: Session, row: PeriodRow, sealed: Sequence[EvidenceRow]
) -> Iterator[Finding]:
    algorithm = row.seal_algorithm or ""
    try:
        pieces = gather(session, row, _source(ctx, session, row, sealed), algorithm)
    except UNREADABLE as failure:
        yield Finding("seal", row.period, "changed", str(failure))
        return
    present = {(piece.kind, piece.subject): piece for piece in pieces}
    for item in sealed:
        piece = present.pop((item.kind, item.subject), None)
        if piece is None or not piece.hash:
            yield Finding(item.kind, item.subject, "missing")
        elif piece.hash != item.hash:
            yield Finding(item.kind, item.subject, "changed")
    for kind, subject in present:
        yield Finding(kind, subject, "added")


def _source(ctx: Context, session: Session, row: PeriodRow, sealed: Sequence[EvidenceRow]) -> Source:
    """The sealed files and those that have come into the month since; the tariffs the seal names."""
    paths = {item.subject for item in sealed if item.kind == "samples"}
    paths |= {file.path for file in live_files(session, row.starts, row.ends)}
    hashing = present_hash(sample_store(ctx).folder, row.seal_algorithm or "")
    return Source(sorted(paths), hashing, _sealed_tariffs(session, sealed))


def _sealed_tariffs(session: Session, sealed: Sequence[EvidenceRow]) -> list[TariffRow]:
    return list(
        ledger.tariffs_by_id(session, [item.detail["id"] for item in sealed if item.kind == "tariff"])
    )


def _line_findings(
    ctx: Context,
    session: Session,
    sealed: tuple[PeriodRow, Sequence[EvidenceRow]],
    stored: Sequence[Statement],
) -> Iterator[Finding]:
    row, evidence = sealed
    terms = terms_of(session, row)
    tariffs = [Tariff.from_json(tariff.document) for tariff in _sealed_tariffs(session, evidence)]
    book = PriceBook(tariffs, terms.zone)
    drafts = draft_month(session, sample_store(ctx), terms, book, read_estate(session))
    for difference in differences(stored, drafts):
        yield _as_finding(difference)


def _as_finding(difference: Difference) -> Finding:
    place = " ".join(filter(None, [difference.vm, difference.item]))
    return Finding(
        "total" if difference.fields == ("total",) else "line",
        difference.subject,
        "missing" if difference.stored_fen is None else "changed",
        f"{place} {', '.join(difference.fields)}".strip(),
        None if difference.stored_fen is None else yuan_text(difference.stored_fen),
        None if difference.computed_fen is None else yuan_text(difference.computed_fen),
    )
