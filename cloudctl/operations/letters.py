"""Letters to units and to those who run the site: in its language, in the transaction of what they tell of."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.i18n import Catalogue
from cloudctl.core.outbox import Notice, post_notice
from cloudctl.core.tables import UnitRow
from cloudctl.operations.context import Context

OPERATORS, PANEL = "operator", "panel"


def tell(ctx: Context, session: Session, recipient: str, about: str, subject: Message, body: Message) -> None:
    """about: what it concerns, like "case:12"."""
    notice = Notice(recipient, subject, body, about)
    post_notice(session, ctx.clock.now(), Catalogue(ctx.site.language), notice)


def tell_unit(
    ctx: Context, session: Session, unit_id: int, about: str, subject: Message, body: Message
) -> None:
    """To the unit's contact, else under its code."""
    unit = session.get_one(UnitRow, unit_id)
    tell(ctx, session, unit.contact or unit.code, about, subject, body)
