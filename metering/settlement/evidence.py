"""What a closed month rests on, each piece with its hash; gathered alike when it is sealed and when it is verified."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.settlement import store as ledger
from metering.settlement.acts_store import adjustment_rows, dispute_rows, signature_rows, waiver_rows
from metering.settlement.document import document_hash, statement_document
from metering.settlement.reading import as_statement
from metering.settlement.segments import Held
from metering.settlement.tables import PeriodRow, TariffRow

# How a sample file's present content is hashed: path -> hash, "" for a file that is gone.
FileHash = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of evidence. detail: what is needed to find it again."""

    kind: str
    subject: str
    hash: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Where evidence is gathered from: the sample files' paths, their hashing, and the tariffs in question."""

    files: Sequence[str]
    hash_file: FileHash
    tariffs: Sequence[TariffRow]


def gather(session: Session, period: PeriodRow, source: Source, algorithm: str) -> list[Piece]:
    """Every piece of the period's evidence as it stands now, by kind and subject."""
    pieces = [
        Piece("terms", period.period, document_hash(period.terms, algorithm), {}),
        *(Piece("samples", path, source.hash_file(path), {}) for path in source.files),
        *_allocations(session, period, algorithm),
        *(_tariff(row, algorithm) for row in source.tariffs),
        *_statements(session, period, algorithm),
        *_acts(session, period, algorithm),
    ]
    return sorted(pieces, key=lambda piece: (piece.kind, piece.subject))


def seal_hash(pieces: Iterable[Piece], algorithm: str) -> str:
    """One hash over all pieces, in the order of kind and subject."""
    listed = [[piece.kind, piece.subject, piece.hash, dict(piece.detail)] for piece in pieces]
    return document_hash(sorted(listed, key=lambda piece: piece[:2]), algorithm)


def _allocations(session: Session, period: PeriodRow, algorithm: str) -> Iterator[Piece]:
    """A piece per machine: what it held within the month, whatever happens to it later."""
    names = ledger.vm_names(session)
    by_machine: dict[int, list[Any]] = {}
    for held in ledger.held_between(session, period.starts, period.ends):
        by_machine.setdefault(held.vm_id, []).append(_within(held, period.starts, period.ends))
    for vm_id, parts in by_machine.items():
        yield Piece("allocations", names[vm_id], document_hash(parts, algorithm), {"vm": vm_id})


def _within(held: Held, starts: datetime, ends: datetime) -> dict[str, Any]:
    since, until = max(held.start, starts), min(held.end or ends, ends)
    return {**held._asdict(), "start": to_micros(since), "end": to_micros(until)}


def _tariff(row: TariffRow, algorithm: str) -> Piece:
    subject = f"{row.code} v{row.version} {row.valid_from.isoformat()}"
    return Piece("tariff", subject, document_hash(row.document, algorithm), {"id": row.id})


def _statements(session: Session, period: PeriodRow, algorithm: str) -> Iterator[Piece]:
    rows = ledger.all_statements(session, period.id)
    lines = ledger.lines_of(session, [row.id for row in rows])
    for row in rows:
        document = statement_document(as_statement(period, row, lines[row.id]))
        document |= {"state": row.state, "content_hash": row.content_hash, "is_sealed": row.is_sealed}
        document |= {name: _micros(getattr(row, name)) for name in ("issued_at", "deadline")}
        yield Piece(
            "statement", f"{row.number} r{row.revision}", document_hash(document, algorithm), {"id": row.id}
        )


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else to_micros(instant)


def _acts(session: Session, period: PeriodRow, algorithm: str) -> Iterator[Piece]:
    statements = [row.id for row in ledger.all_statements(session, period.id)]
    for kind, rows in (
        ("signatures", signature_rows(session, period.id)),
        ("disputes", dispute_rows(session, statements)),
        ("adjustments", adjustment_rows(session, period.period)),
        ("waivers", waiver_rows(session, period.period)),
    ):
        yield Piece(kind, period.period, document_hash([_columns(row) for row in rows], algorithm), {})


def _columns(row: Any) -> dict[str, Any]:
    """A row's columns in a form that has one text only."""
    return {column.key: _plain(getattr(row, column.key)) for column in inspect(row).mapper.column_attrs}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_micros(value)
    return value if value is None or isinstance(value, int | str) else str(value)
