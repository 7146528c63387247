"""The migrations make exactly the tables that the packages declare, and nothing in them is inexact."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from cloudctl.core.database import Database
from cloudctl.migrations.all_tables import TABLE_MODULES, metadata
from cloudctl.operations.home.migrate import migrate
from tests import ledgers

ROOT = Path(__file__).parents[2]
PACKAGES = ("cloudctl", "provisioning", "metering", "policies", "reports")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """An empty ledger, on the server where one keeps the ledgers."""
    file = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'ledger.sqlite'}"
    database = Database(ledgers.new_database() if ledgers.server() else file)
    migrate(database)
    yield database
    database.close()


def test_tables_and_migrations_are_the_same(ledger):
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.sqlite_file
def test_nullability_and_defaults_are_the_same(ledger):
    """Alembic's comparison leaves out what SQLite keeps to itself, so the columns are compared once more."""
    with ledger.engine.connect() as connection:
        made = {
            table.name: {
                row.name: (row.type.upper(), bool(row.notnull) or bool(row.pk))
                for row in connection.execute(text(f"PRAGMA table_info('{table.name}')"))
            }
            for table in metadata.sorted_tables
        }
    declared = {
        table.name: {
            column.name: (str(column.type.compile(ledger.engine.dialect)).upper(), not column.nullable)
            for column in table.columns
        }
        for table in metadata.sorted_tables
    }

    assert made == declared


def test_every_module_of_tables_is_compared():
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if "__tablename__" in path.read_text(encoding="utf-8")
    }

    assert {module.__name__ for module in TABLE_MODULES} == names


def columns(ledger):
    """(table, column, type, whether it may be empty) of the whole ledger, and its indexes."""
    seen = inspect(ledger.engine)
    tables = sorted(seen.get_table_names())
    return [
        *(
            (table, row["name"], str(row["type"]), row["nullable"])
            for table in tables
            for row in seen.get_columns(table)
        ),
        *(
            (table, row["name"], str(row["column_names"]), row["unique"])
            for table in tables
            for row in seen.get_indexes(table)
        ),
    ]


def test_no_column_is_inexact(ledger):
    found = columns(ledger)

    assert len({table for table, *_ in found}) > 10
    assert [row for row in found if re.search("REAL|FLOA|DOUB|NUMERIC|DECIMAL", row[2].upper())] == []


def test_migrating_twice_changes_nothing(ledger):
    before = columns(ledger)
    migrate(ledger)
    assert columns(ledger) == before
