"""The audit chain: each entry is hashed with the one before it, in the transaction of the change it records."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloudctl.core.database import canonical_json, to_micros
from cloudctl.core.identity import Actor
from cloudctl.core.tables import AuditRow

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a walk over the whole chain found; first_bad is the sequence number of the first entry that fails."""

    entries: int
    head: str
    algorithm: str
    ok: bool
    first_bad: int | None


def preferred_algorithm() -> str:
    """SM3 (GB/T 32905) where this Python's OpenSSL has it, else SHA-256."""
    return "sm3" if "sm3" in hashlib.algorithms_available else "sha256"


def digest(data: bytes, algorithm: str | None = None) -> str:
    return hashlib.new(algorithm or preferred_algorithm(), data).hexdigest()


def append(
    session: Session, *, at: datetime, actor: Actor, action: str, subject: str, detail: dict[str, Any]
) -> AuditRow:
    """One entry at the chain's end. The caller's transaction is the change's own and holds the write lock."""
    last = session.scalar(select(AuditRow).order_by(AuditRow.sequence.desc()).limit(1))
    row = AuditRow(
        sequence=last.sequence + 1 if last else 1,
        at=at,
        actor=actor.login,
        origin=actor.origin,
        action=action,
        subject=subject,
        detail=detail,
        algorithm=preferred_algorithm(),
        previous_hash=last.hash if last else GENESIS,
    )
    row.hash = _entry_hash(row)
    session.add(row)
    session.flush()
    return row


def verify(session: Session) -> ChainReport:
    """Walks the chain from its first entry; stops judging at the first that does not fit."""
    previous, entries, first_bad, algorithm = GENESIS, 0, None, preferred_algorithm()
    for row in _in_order(session):
        entries += 1
        algorithm = row.algorithm
        fits = row.sequence == entries and row.previous_hash == previous and row.hash == _entry_hash(row)
        if not fits and first_bad is None:
            first_bad = row.sequence
        previous = row.hash
    return ChainReport(entries, previous, algorithm, first_bad is None, first_bad)


def entries(
    session: Session,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    limit: int,
) -> list[AuditRow]:
    """The latest `limit` entries that fit, oldest first; `action` is a beginning, as "settle" or "review.vote"."""
    query = select(AuditRow).order_by(AuditRow.sequence.desc()).limit(limit)
    if since is not None:
        query = query.where(AuditRow.at >= since)
    if until is not None:
        query = query.where(AuditRow.at < until)
    if actor is not None:
        query = query.where(AuditRow.actor == actor)
    if action is not None:
        query = query.where(AuditRow.action.startswith(action, autoescape=True))
    if subject is not None:
        query = query.where(AuditRow.subject == subject)
    return list(reversed(session.scalars(query).all()))


def _in_order(session: Session) -> Iterator[AuditRow]:
    yield from session.scalars(select(AuditRow).order_by(AuditRow.sequence).execution_options(yield_per=1000))


def _entry_hash(row: AuditRow) -> str:
    content = {
        "sequence": row.sequence,
        "at": to_micros(row.at),
        "actor": row.actor,
        "origin": row.origin,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail,
        "algorithm": row.algorithm,
    }
    try:
        return digest((row.previous_hash + canonical_json(content)).encode(), row.algorithm)
    except ValueError:
        # An algorithm this Python does not know cannot have been checked, so it does not pass.
        return ""
