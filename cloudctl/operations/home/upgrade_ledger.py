"""Brings an older ledger to this version's schema, after a copy of it was put aside."""

from dataclasses import dataclass
from pathlib import Path

from cloudctl.core.database import Database
from cloudctl.core.errors import Message, NotFound, Refused
from cloudctl.core.identity import Role
from cloudctl.core.ledger_store import copy_ledger
from cloudctl.core.schema import known_revisions, present_revision, schema_state
from cloudctl.core.settings import load_settings
from cloudctl.operations.context import LEDGER_FILE, find_actor, home_clock, ledger_url, open_context
from cloudctl.operations.home.migrate import migrate


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade would do: the revisions still to come, and where the copy of the ledger would go."""

    present: str | None
    revisions: tuple[str, ...]
    copy: Path


def plan_upgrade(home: Path) -> UpgradePlan:
    """NotFound without a ledger; Refused for one of a newer version."""
    settings = load_settings(home)
    if not (home / LEDGER_FILE).exists() and not settings.ledger.url:
        raise NotFound("There is no cloudctl home at {home}.", home=str(home))
    database = Database(ledger_url(home, settings))
    try:
        if schema_state(database) == "newer":
            raise Refused(
                "This home was written by a newer version of cloudctl.",
                hint=Message("Install that version or a later one; nothing was changed."),
            )
        present = present_revision(database)
    finally:
        database.close()
    to_come = tuple(revision for revision in known_revisions() if revision > (present or ""))
    at = home_clock(home, settings).now()
    return UpgradePlan(present, to_come, home / "backups" / f"before-upgrade-{at:%Y%m%dT%H%M%SZ}.sqlite")


def upgrade(home: Path, plan: UpgradePlan, *, login: str | None = None) -> None:
    """Carries the plan out. Needs a system administrator; the ledger as it was stays in the copy."""
    settings = load_settings(home)
    database = Database(ledger_url(home, settings))
    try:
        if plan.present is not None:
            with database.reading() as session:
                find_actor(session, settings, login, "cli").require(Role.SYSADMIN)
        plan.copy.parent.mkdir(exist_ok=True)
        copy_ledger(database, plan.copy)
        migrate(database)
    finally:
        database.close()
    with open_context(home, login=login) as ctx, ctx.writing() as session:
        ctx.record(session, "ledger.upgrade", home.name, revisions=list(plan.revisions))
