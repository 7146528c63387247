"""What every step of a case has in common: reading it, keeping the new state, its history, the notices."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.core.i18n import Catalogue
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow
from cloudctl.operations import letters
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_effects import size_text
from policies import panel
from policies.store import find_case, panel_members, read_case
from policies.tables import CaseRow, EventRow
from provisioning.store import get_vm


@dataclass(frozen=True, slots=True)
class CaseStep:
    """What a step came to."""

    case: int
    vm: str
    state: str
    decision: str | None


def rules_of(ctx: Context, session: Session) -> panel.Rules:
    """The site's settings and who sits in the panel."""
    review = ctx.settings.review
    return panel.Rules(review.quorum, review.accept_skips_panel, panel_members(session))


def actor_of(ctx: Context) -> panel.Person:
    return panel.Person(ctx.actor.login, ctx.actor.unit)


def take_step(
    ctx: Context,
    session: Session,
    number: int,
    step: str,
    act: Callable[[panel.Case], panel.Case],
    text: str = "",
    **detail: Any,
) -> CaseRow:
    """Walks one case through one act and keeps what came of it. NotFound; Refused as the act refuses."""
    row = find_case(session, number)
    keep_step(ctx, session, row, act(read_case(session, row, ctx.clock.now())), step, text, **detail)
    return row


def keep_step(
    ctx: Context, session: Session, row: CaseRow, case: panel.Case, step: str, text: str = "", **detail: Any
) -> None:
    """Writes the state, one line of history and one entry of the audit chain."""
    row.state, row.round, row.answer, row.decision = case.state, case.round, case.answer, case.decision
    session.add(
        EventRow(
            case_id=row.id, at=ctx.clock.now(), actor=ctx.actor.login, step=step, state=row.state, text=text
        )
    )
    session.flush()
    document = {"state": row.state, "decision": row.decision, "text": text or None, **detail}
    ctx.record(session, f"review.{step}", f"case:{row.id}", **{k: v for k, v in document.items() if v})


def step_of(session: Session, row: CaseRow) -> CaseStep:
    return CaseStep(row.id, get_vm(session, row.vm_id).name, row.state, row.decision)


def in_site_language(ctx: Context) -> Context:
    """Letters are written in the site's language, whatever the language of the person at the command."""
    return replace(ctx, texts=Catalogue(ctx.site.language))


def tell_unit(ctx: Context, session: Session, row: CaseRow, subject: Message, body: Message) -> None:
    """A letter to the owning unit's contact, about the case."""
    letters.tell_unit(ctx, session, row.unit_id, f"case:{row.id}", subject, body)


def tell_operators(ctx: Context, session: Session, row: CaseRow, subject: Message, body: Message) -> None:
    """A letter to whoever operates the cloud."""
    letters.tell(ctx, session, letters.OPERATORS, f"case:{row.id}", subject, body)


def proposal_text(ctx: Context, row: CaseRow) -> str:
    """The proposed size in words of the site's language; a retirement by its name."""
    site = in_site_language(ctx)
    size = Size.from_json(row.to_size or row.from_size)
    return size_text(site, size) if size.vcpus else site.texts.label("remedy", "retire")


def system_of(session: Session, row: CaseRow) -> SystemRow:
    return session.get_one(SystemRow, row.system_id)
