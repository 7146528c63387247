"""Brings a ledger's schema to this version, in one transaction."""

from importlib.resources import files

from alembic import command
from alembic.config import Config

from cloudctl.core.database import Database, answering


def migrate(database: Database, revision: str = "head") -> None:
    config = Config()
    config.set_main_option("script_location", str(files("cloudctl.migrations")))
    with answering(), database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
