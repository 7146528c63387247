"""What every operation is given: the home, its ledger, clock, settings, language, and who acts."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from cloudctl.core import audit
from cloudctl.core.clock import Clock, FileClock, SystemClock
from cloudctl.core.database import Database
from cloudctl.core.errors import Message, NotFound, Refused
from cloudctl.core.i18n import DEFAULT_LANGUAGE, Catalogue
from cloudctl.core.identity import Actor, Role
from cloudctl.core.settings import Settings, load_settings
from cloudctl.core.tables import PersonRow, SiteRow, UnitRow

LEDGER_FILE = "ledger.sqlite"
CLOCK_FILE = "clock"


@dataclass(frozen=True, slots=True)
class Context:
    """One caller's view of one home. Operations take it first and own their transactions through it."""

    home: Path
    settings: Settings
    database: Database
    clock: Clock
    actor: Actor
    site: "Site"
    texts: Catalogue

    def writing(self) -> Any:
        """A context manager that yields a Session in one committed transaction."""
        return self.database.writing()

    def reading(self) -> Any:
        """A context manager that yields a Session for reading."""
        return self.database.reading()

    def record(self, session: Session, action: str, subject: str, **detail: Any) -> None:
        """Appends to the audit chain, in the transaction of the change."""
        audit.append(
            session, at=self.clock.now(), actor=self.actor, action=action, subject=subject, detail=detail
        )

    def acting_as(self, actor: Actor) -> "Context":
        return replace(self, actor=actor)


@dataclass(frozen=True, slots=True)
class Site:
    """Whose ledger this is; zone is where its days and months begin."""

    name: str
    zone: ZoneInfo
    currency: str
    language: str

    def local(self, instant: datetime) -> str:
        """An instant as this site's people read it in a message: ISO 8601 with the site's offset."""
        return instant.astimezone(self.zone).isoformat(timespec="seconds")


def ledger_url(home: Path, settings: Settings) -> str:
    return settings.ledger.url or f"sqlite:///{home / LEDGER_FILE}"


@contextmanager
def open_context(
    home: Path, *, login: str | None = None, language: str | None = None, origin: str = "cli"
) -> Iterator[Context]:
    """Opens an initialised home for one person. NotFound without a home, Refused for an unknown person."""
    if not (home / LEDGER_FILE).exists() and not load_settings(home).ledger.url:
        raise NotFound(
            "There is no cloudctl home at {home}.",
            home=str(home),
            hint=Message("Make one with “cloudctl --home {home} init”.", {"home": str(home)}),
        )
    settings = load_settings(home)
    database = Database(ledger_url(home, settings))
    try:
        require_current_schema(database)
        with database.reading() as session:
            site = read_site(session)
            actor = find_actor(session, settings, login, origin)
        yield Context(
            home,
            settings,
            database,
            home_clock(home, settings),
            actor,
            site,
            Catalogue(language or site.language or DEFAULT_LANGUAGE),
        )
    finally:
        database.close()


def home_clock(home: Path, settings: Settings) -> Clock:
    return FileClock(home / CLOCK_FILE) if settings.clock.mode == "driven" else SystemClock()


def read_site(session: Session) -> Site:
    row = session.scalars(select(SiteRow)).one()
    return Site(row.name, ZoneInfo(row.timezone), row.currency, row.language)


def require_current_schema(database: Database) -> None:
    """Refused when the ledger was written by a newer version, or waits for `db upgrade`."""
    from cloudctl.core.schema import schema_state  # the migrations are read only when a home is opened

    state = schema_state(database)
    if state == "newer":
        raise Refused(
            "This home was written by a newer version of cloudctl.",
            hint=Message("Install that version or a later one; nothing was changed."),
        )
    if state == "older":
        raise Refused(
            "This home was written by an older version of cloudctl.",
            hint=Message("Upgrade it with “cloudctl db upgrade”."),
        )


def find_actor(session: Session, settings: Settings, login: str | None, origin: str) -> Actor:
    """The person of that login, or of the OS login. Refused when unknown, or when --as is bound to the OS login."""
    os_login = getpass.getuser()
    if settings.identity.bound and login not in (None, os_login):
        raise Refused("On this install you can only act as yourself ({login}).", login=os_login)
    wanted = login or os_login
    row = session.scalar(select(PersonRow).where(PersonRow.login == wanted, PersonRow.removed_at.is_(None)))
    if row is None:
        raise Refused(
            "{login} is not among this site's people.",
            login=wanted,
            hint=Message("Name a person of the inventory with --as."),
        )
    unit = session.get(UnitRow, row.unit_id) if row.unit_id else None
    return Actor(row.login, unit.code if unit else None, frozenset(map(Role, row.roles)), origin)
