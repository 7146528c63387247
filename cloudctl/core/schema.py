"""Which schema a ledger has, against the migrations this version carries."""

from importlib.resources import files
from typing import Literal

from sqlalchemy import inspect, text

from cloudctl.core.database import Database, answering

SchemaState = Literal["current", "older", "newer"]


def known_revisions() -> list[str]:
    """The migrations' revision ids in order: the four digits their file names begin with."""
    names = (item.name for item in files("cloudctl.migrations").joinpath("versions").iterdir())
    return sorted(name[:4] for name in names if name[:4].isdigit() and name.endswith(".py"))


def schema_state(database: Database) -> SchemaState:
    """Compares the revision written in the ledger with ours, without loading the migration machinery."""
    revision, head = present_revision(database), known_revisions()[-1]
    if revision == head:
        return "current"
    return "older" if revision is None or revision < head else "newer"


def present_revision(database: Database) -> str | None:
    """The revision written in the ledger; None for one that has no tables yet."""
    with answering(), database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if revision is None else str(revision)
