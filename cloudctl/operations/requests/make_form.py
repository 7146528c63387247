"""Makes the empty form for this home: its choices are what the ledger has, a unit's own where a unit's person asks."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.estate import systems, unit_codes
from cloudctl.core.i18n import Catalogue
from cloudctl.core.tables import AuditRow
from cloudctl.operations.context import Context
from cloudctl.operations.requests.request_steps import may_see_all
from policies.requests.model import RequestKind
from provisioning.store import images, networks, pools
from reports.forms.model import VERSION, Choices, Form, Mark
from reports.forms.writer import write_form

# What stands before the blank in a choice is the code, what follows is for people.
SEPARATOR = " "
EQUIPMENT_KINDS = ("server", "storage", "network", "power", "other")


def make_form(
    ctx: Context, form: Form, path: Path, *, overwrite: bool = False, dry_run: bool = False
) -> None:
    """Refused when there is such a file; Unreachable when it cannot be written."""
    if path.exists() and not overwrite:
        raise Refused("There is a file {path} already.", path=str(path))
    with ctx.reading() as session:
        mark = Mark(form.kind, VERSION, home_mark(session), ctx.texts.language)
        content = write_form(form, mark, _choices(ctx, session), ctx.texts)
    if dry_run:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as failure:
        raise Unreachable(
            "The form cannot be written to {path}: {reason}", path=str(path), reason=failure.strerror
        ) from None


def home_mark(session: Session) -> str:
    """What a form is known by as this home's: the hash of the first entry of its audit chain."""
    first = session.get(AuditRow, 1)
    return first.hash[:16] if first else "empty"


def chosen(choice: str) -> str:
    """The code of a choice."""
    return choice.split(SEPARATOR, 1)[0]


def kind_choices(texts: Catalogue) -> dict[str, RequestKind]:
    """Label -> kind, as the form of that language has them."""
    return {texts.label("request_kind", kind): kind for kind in RequestKind}


def equipment_choices(texts: Catalogue) -> dict[str, str]:
    return {texts.label("equipment_kind", kind): kind for kind in EQUIPMENT_KINDS}


def _choices(ctx: Context, session: Session) -> Choices:
    units = unit_codes(session)
    own = [row for row in systems(session) if may_see_all(ctx) or units[row.unit_id] == ctx.actor.unit]
    rows = pools(session)
    tiers = {tier for pool in rows for tier in pool.options.get("tiers") or {}}
    return {
        "kinds": tuple(kind_choices(ctx.texts)),
        "systems": tuple(f"{row.code}{SEPARATOR}{row.name}" for row in own),
        "pools": tuple(f"{row.code}{SEPARATOR}{row.name}" for row in rows),
        "tiers": tuple(sorted(tiers)) or ("ssd", "sas", "sata"),
        "images": _sorted([row.code for row in images(session)]),
        "networks": _sorted([row.code for row in networks(session)]),
        "equipment_kinds": tuple(equipment_choices(ctx.texts)),
    }


def _sorted(codes: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))
