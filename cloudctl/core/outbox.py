"""Notices to units and people: written in the transaction of what they tell of, delivered by a channel later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.i18n import Catalogue
from cloudctl.core.tables import OutboxRow


@dataclass(frozen=True, slots=True)
class Notice:
    """Subject and body as messages, so that they can be rendered in the site's language, whoever acts."""

    recipient: str
    subject: Message
    body: Message
    about: str


def post(session: Session, now: datetime, recipient: str, subject: str, body: str, about: str) -> OutboxRow:
    """A notice to `recipient` (a unit's contact, else its code). about: what it concerns, like "case 12"."""
    row = OutboxRow(created_at=now, recipient=recipient, subject=subject, body=body, about=about)
    session.add(row)
    session.flush()
    return row


def post_notice(session: Session, now: datetime, texts: Catalogue, notice: Notice) -> OutboxRow:
    """The same from messages, in the language of `texts`."""
    subject, body = texts.message(notice.subject), texts.message(notice.body)
    return post(session, now, notice.recipient, subject, body, notice.about)


def notices(session: Session, about: str | None = None) -> Sequence[OutboxRow]:
    """Notices in the order they were written; `about` narrows them to one matter."""
    query = select(OutboxRow).order_by(OutboxRow.id)
    return session.scalars(query if about is None else query.where(OutboxRow.about == about)).all()
