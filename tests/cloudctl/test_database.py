"""The ledger keeps exact values exact, its writers apart, and tells its troubles in words."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from cloudctl.core.database import (
    Database,
    ExactDecimal,
    ExactFraction,
    Id,
    Instant,
    JsonText,
    canonical_json,
    enter_wal,
)
from cloudctl.core.errors import Unreachable
from cloudctl.core.tables import AuditRow, SiteRow
from cloudctl.operations.context import open_context

pytestmark = pytest.mark.sqlite_file

VALUES = Table(
    "value",
    MetaData(),
    Column("id", Id, primary_key=True),
    Column("decimal", ExactDecimal),
    Column("fraction", ExactFraction),
    Column("instant", Instant),
    Column("document", JsonText),
    Column("fen", Id),
)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1800, 1, 2), datetime(9990, 1, 1), timezones=ZONES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('scratch') / 'scratch.sqlite'}")
    VALUES.metadata.create_all(database.engine)
    yield database
    database.close()


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.fractions(),
    INSTANTS,
    JSON,
    st.integers(-(2**63), 2**63 - 1),
)
def test_what_goes_in_comes_out(scratch, decimal, fraction, instant, document, fen):
    given_ = {"decimal": decimal, "fraction": fraction, "instant": instant, "document": document, "fen": fen}
    with scratch.writing() as session:
        session.execute(text("DELETE FROM value"))
        session.execute(insert(VALUES).values(given_))
    with scratch.reading() as session:
        row = session.execute(select(*(VALUES.c[name] for name in given_))).one()
        kinds = session.execute(
            text("SELECT typeof(decimal), typeof(fraction), typeof(instant), typeof(fen) FROM value")
        ).one()

    assert row._asdict() == given_
    assert str(row.decimal) == str(decimal)
    assert row.instant.utcoffset() == timedelta(0)
    assert "real" not in kinds


def test_the_decimal_that_sqlite_would_bend_stays_itself(scratch):
    amount = Decimal("123456789012345678901234.123456")
    with scratch.writing() as session:
        session.execute(text("DELETE FROM value"))
        session.execute(insert(VALUES).values(decimal=amount))
    with scratch.reading() as session:
        assert session.scalar(select(VALUES.c.decimal)) == amount


@pytest.mark.parametrize("column", ["decimal", "fraction"])
def test_a_float_is_refused(scratch, column):
    with pytest.raises(StatementError), scratch.writing() as session:
        session.execute(insert(VALUES).values({column: 0.1}))


def test_a_naive_time_is_refused(scratch):
    with pytest.raises(StatementError), scratch.writing() as session:
        session.execute(insert(VALUES).values(instant=datetime(2026, 10, 1)))


def test_json_with_a_nan_is_refused():
    with pytest.raises(ValueError):
        canonical_json({"share": float("nan")})


def test_fractions_of_any_size_survive(scratch):
    third = Fraction(10**40 + 1, 3 * 10**39)
    with scratch.writing() as session:
        session.execute(text("DELETE FROM value"))
        session.execute(insert(VALUES).values(fraction=third))
    with scratch.reading() as session:
        assert session.scalar(select(VALUES.c.fraction)) == third


def test_the_ledger_is_in_wal_with_guarded_triggers(ctx):
    with ctx.reading() as session:
        pragmas = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "recursive_triggers", "busy_timeout")
        }

    assert pragmas == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "recursive_triggers": 1,
        "busy_timeout": 30000,
    }


def test_of_several_who_open_a_new_file_at_once_none_is_refused(tmp_path, monkeypatch):
    """While another writes or does the same, SQLite refuses at once, whatever its timeout."""
    path = tmp_path / "new.sqlite"
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(path)) as other:
        one.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("cloudctl.core.database.sleep", lambda _: one.rollback())

        enter_wal(other)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_failed_transaction_leaves_nothing(ctx):
    with pytest.raises(ZeroDivisionError), ctx.writing() as session:
        session.get(SiteRow, 1).name = "changed"
        session.flush()
        raise ZeroDivisionError
    with ctx.reading() as session:
        assert session.get(SiteRow, 1).name == ""


def test_rows_read_stay_readable_after_the_transaction(ctx):
    with ctx.reading() as session:
        row = session.get(SiteRow, 1)

    assert row.timezone == "Asia/Shanghai"


def test_a_reader_sees_one_state_while_another_writes(ctx):
    with ctx.reading() as reader:
        before = reader.get(SiteRow, 1).name
        with ctx.writing() as writer:
            writer.get(SiteRow, 1).name = "changed"
        assert reader.scalar(select(SiteRow.name)) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entry SET actor = 'nobody'",
        "DELETE FROM audit_entry",
        "INSERT OR REPLACE INTO audit_entry SELECT * FROM audit_entry",
    ],
)
def test_the_audit_chain_refuses_changes(ctx, statement):
    with pytest.raises(IntegrityError), ctx.writing() as session:
        session.execute(text(statement))
    with ctx.reading() as session:
        assert session.scalar(select(AuditRow.actor)) == ctx.actor.login


def test_a_ledger_that_stays_locked_is_exit_6(home, run_cli, monkeypatch):
    monkeypatch.setattr("cloudctl.core.database.BUSY_TIMEOUT_S", 0)
    other = sqlite3.connect(home / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(Unreachable, match="locked"), open_context(home) as context, context.writing():
            pass
    finally:
        other.close()


def test_a_damaged_ledger_is_exit_6(home, run_cli):
    (home / "ledger.sqlite").write_bytes(b"this was a ledger once" * 500)

    done = run_cli(home, "audit", "log")

    assert done.exit_code == 6
    assert "damaged" in done.stderr and "Traceback" not in done.stderr


def test_a_ledger_torn_in_the_middle_is_exit_6(home, run_cli):
    ledger = home / "ledger.sqlite"
    data = bytearray(ledger.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    ledger.write_bytes(data)

    done = run_cli(home, "audit", "log")

    assert done.exit_code == 6, done


def test_a_ledger_that_cannot_be_written_is_exit_6(home, run_cli, monkeypatch):
    monkeypatch.setenv("CLOUDCTL_LEDGER_URL", f"sqlite:///file:{home / 'ledger.sqlite'}?mode=ro&uri=true")

    assert run_cli(home, "audit", "log").exit_code == 0
    done = run_cli(home, "db", "backup", home.parent / "backup")
    assert done.exit_code == 6 and "cannot be written" in done.stderr


def test_a_full_disk_is_exit_6_and_changes_nothing(ctx):
    with pytest.raises(Unreachable, match="full"), ctx.writing() as session:
        pages = session.execute(text("PRAGMA page_count")).scalar()
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
        session.execute(
            text("INSERT INTO outbox_message VALUES (1, 0, 'r', 's', :body, 'a', NULL)"),
            {"body": "x" * 10**6},
        )
    with ctx.reading() as session:
        assert session.execute(text("SELECT count(*) FROM outbox_message")).scalar() == 0


def test_a_home_from_a_newer_version_is_refused_untouched(home, run_cli):
    connection = sqlite3.connect(home / "ledger.sqlite")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    copy = home.with_name("copy")
    shutil.copytree(home, copy)

    for command in (["audit", "log"], ["db", "upgrade", "--yes"], ["db", "check"]):
        done = run_cli(home, *command)
        assert done.exit_code == 5 and "newer" in done.stderr, command

    assert (home / "ledger.sqlite").read_bytes() == (copy / "ledger.sqlite").read_bytes()


def test_a_home_that_is_none_is_exit_4(tmp_path, run_cli):
    done = run_cli(tmp_path / "nothing", "audit", "log")

    assert done.exit_code == 4 and "init" in done.stderr


def test_instants_are_utc_inside(ctx):
    with ctx.reading() as session:
        assert session.scalar(select(AuditRow.at)).tzinfo is UTC
