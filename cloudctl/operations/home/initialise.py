"""Makes a home: folders, settings, an empty ledger, and the OS login as its founder."""

import getpass
from pathlib import Path

from cloudctl.core.database import Database
from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.core.settings import FILE_NAME, load_settings
from cloudctl.core.tables import PersonRow, SiteRow
from cloudctl.operations.context import LEDGER_FILE, ledger_url, open_context
from cloudctl.operations.home.migrate import migrate

FOUNDER_ROLES = (Role.OPERATOR, Role.SYSADMIN)


def initialise(home: Path, *, language: str = "zh_CN", dry_run: bool = False) -> None:
    """Refused when a ledger stands there already. dry_run: asks that alone.

    The founder operates the home until an inventory names people; he gets no right to sign or decide.
    """
    settings = load_settings(home)
    if (home / LEDGER_FILE).exists() and not settings.ledger.url:
        raise Refused("There is a cloudctl home at {home} already.", home=str(home))
    if dry_run:
        return
    home.mkdir(parents=True, exist_ok=True)
    (home / "samples").mkdir(exist_ok=True)
    if not (home / FILE_NAME).exists():
        (home / FILE_NAME).write_text("# Settings of this home; every key has a default, see docs.\n")
    database = Database(ledger_url(home, settings))
    try:
        migrate(database)
        with database.writing() as session:
            if session.get(SiteRow, 1):
                raise Refused("There is a cloudctl home at {home} already.", home=str(home))
            session.add(SiteRow(id=1, name="", timezone="Asia/Shanghai", currency="CNY", language=language))
            session.add(
                PersonRow(
                    login=getpass.getuser(),
                    name=getpass.getuser(),
                    roles=list(FOUNDER_ROLES),
                    is_founder=True,
                )
            )
    finally:
        database.close()
    with open_context(home) as context, context.writing() as session:
        context.record(session, "home.initialise", "home")
