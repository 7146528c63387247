"""Closes a month: all its statements together, sealed with everything they rest on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from cloudctl.core.audit import preferred_algorithm
from cloudctl.core.errors import Message, Refused
from cloudctl.core.identity import Role
from cloudctl.core.money import yuan_text
from cloudctl.operations.context import Context
from cloudctl.operations.settlement.draft_settlement import compute
from cloudctl.operations.settlement.settlement_acts import require_period, sample_store, sign
from metering.samples.files import file_hash
from metering.samples.sealing import seal_files
from metering.settlement import store as ledger
from metering.settlement.acts_store import CLOSING
from metering.settlement.comparison import differences
from metering.settlement.evidence import Piece, Source, gather, seal_hash
from metering.settlement.model import Act, PeriodState
from metering.settlement.reading import read_statements
from metering.settlement.tables import EvidenceRow, PeriodRow
from metering.store import Seal
from metering.tables import SampleFileRow


@dataclass(frozen=True, slots=True)
class Closed:
    """A sealed month: what it came to, and the hash over its evidence."""

    period: str
    statements: int
    total_fen: int
    evidence: int
    algorithm: str
    seal: str


@dataclass(frozen=True, slots=True)
class Closing:
    """What is about to be sealed."""

    period: str
    statements: int
    total_fen: int


def plan_closing(ctx: Context, period: str) -> Closing:
    """Every check of close_period, and what it would seal."""
    ctx.actor.require(Role.FINANCE)
    with ctx.reading() as session:
        row = _closable(ctx, session, period)
        statements = ledger.current_statements(session, row.id)
        return Closing(period, len(statements), sum(statement.total_fen for statement in statements))


def close_period(ctx: Context, period: str) -> Closed:
    """Seals an approved month. Refused when the evidence has moved since its statements were computed.

    From here on triggers refuse to change its statements, acts and evidence, and the allocations of its time; the
    sample files are sealed; only adjustments in a later month speak of it.
    """
    ctx.actor.require(Role.FINANCE)
    with ctx.writing() as session:
        row = _closable(ctx, session, period)
        files = seal_files(session, sample_store(ctx), Seal(row.starts, row.ends))
        sign(ctx, session, (row, None), (Act.CLOSE, Role.FINANCE))
        ledger.seal_rows(session, row.id)
        session.expire_all()
        algorithm = preferred_algorithm()
        pieces = gather(session, row, _source(ctx, session, row, files), algorithm)
        for piece in pieces:
            session.add(_evidence_row(row, piece, algorithm))
        row.seal_hash, row.seal_algorithm = seal_hash(pieces, algorithm), algorithm
        row.state, row.closed_at = PeriodState.CLOSED, ctx.clock.now()
        session.flush()
        statements = ledger.current_statements(session, row.id)
        total_fen = sum(statement.total_fen for statement in statements)
        ctx.record(
            session,
            CLOSING,
            period,
            statements=len(statements),
            total_fen=total_fen,
            evidence=len(pieces),
            algorithm=algorithm,
            seal=row.seal_hash,
        )
        return Closed(period, len(statements), total_fen, len(pieces), algorithm, row.seal_hash)


def _closable(ctx: Context, session: Session, period: str) -> PeriodRow:
    row = ledger.get_period(session, period)
    require_period(session, row, PeriodState.APPROVED)
    _require_unmoved(ctx, session, row)
    return row


def _require_unmoved(ctx: Context, session: Session, row: PeriodRow) -> None:
    statements = read_statements(session, row, ledger.current_statements(session, row.id))
    moved = differences(statements, compute(ctx, session, row))
    if moved:
        first = moved[0]
        raise Refused(
            "The evidence of {period} has changed since its statements were computed; {count} difference(s), first "
            "in {statement}: {stored} became {computed}.",
            period=row.period,
            count=len(moved),
            statement=first.subject,
            stored=_amount(first.stored_fen),
            computed=_amount(first.computed_fen),
            hint=Message("Correct the statements concerned with “cloudctl settle resolve NUMBER --correct”."),
        )


def _amount(fen: int | None) -> str:
    return "–" if fen is None else yuan_text(fen)


def present_hash(folder: Path, algorithm: str) -> Callable[[str], str]:
    """Hashes a file of the sample store as it lies there now; "" when it is gone."""

    def hashed(path: str) -> str:
        target = folder / path
        return file_hash(target, algorithm) if target.is_file() else ""

    return hashed


def _source(ctx: Context, session: Session, row: PeriodRow, files: Sequence[SampleFileRow]) -> Source:
    """The files just sealed, whose content was held against the manifest; the tariffs that governed the month."""
    algorithm = preferred_algorithm()
    known = {file.path: file.hash for file in files if file.algorithm == algorithm}
    hash_now = present_hash(sample_store(ctx).folder, algorithm)
    tariffs = [
        tariff for tariff in ledger.tariffs_in_force(session) if ledger.touches(tariff, row, ctx.site.zone)
    ]
    return Source([file.path for file in files], lambda path: known.get(path) or hash_now(path), tariffs)


def _evidence_row(row: PeriodRow, piece: Piece, algorithm: str) -> EvidenceRow:
    return EvidenceRow(
        period_id=row.id,
        kind=piece.kind,
        subject=piece.subject,
        algorithm=algorithm,
        hash=piece.hash,
        detail=dict(piece.detail),
    )
