"""Which database test homes keep their ledger in: SQLite, or the PostgreSQL server that TEST_LEDGER_SERVER names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, create_engine, make_url, text

from cloudctl.core.settings import FILE_NAME

SERVER = "TEST_LEDGER_SERVER"


def server() -> str:
    """The server's URL with its maintenance database; empty: homes keep SQLite files."""
    return os.environ.get(SERVER, "")


def new_database(like: str = "") -> str:
    """A new database's URL, empty or a copy of the database of another URL, which then has no sessions any more."""
    # A process's number comes again: one server outlives many runs of tests.
    name = f"test_{uuid4().hex}"
    template = make_url(like).database if like else "template1"
    with _maintenance() as connection:
        if like:
            # One that was closed just now is not gone yet, and the server waits for it a few seconds at most.
            ending = "SELECT pg_terminate_backend(pid, 180000) FROM pg_stat_activity WHERE datname = :name"
            connection.execute(text(ending), {"name": template})
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    return make_url(server()).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str) -> None:
    """Hundreds of them would fill a small disk."""
    with _maintenance() as connection:
        connection.execute(text(f'DROP DATABASE "{make_url(url).database}" WITH (FORCE)'))


@contextmanager
def _maintenance() -> Iterator[Connection]:
    engine = create_engine(server(), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def keep_ledger_in(home: Path, url: str) -> None:
    """Writes the URL into a home's settings."""
    settings = home / FILE_NAME
    lines = [line for line in settings.read_text().splitlines() if not line.startswith("url = ")]
    sections = [line for line in lines if line != "[ledger]"]
    settings.write_text("\n".join([*sections, "[ledger]", f'url = "{url}"']) + "\n")


def ledger_of(home: Path) -> str:
    """The URL in a home's settings; empty for SQLite."""
    lines = (home / FILE_NAME).read_text().splitlines()
    return next((line.split('"')[1] for line in lines if line.startswith("url = ")), "")
