"""The ledger on a real PostgreSQL server: the suites that SQLite passes, and what is PostgreSQL's own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Refused
from cloudctl.core.tables import UnitRow
from cloudctl.daemon.leadership import leading
from cloudctl.operations.context import Context, open_context
from cloudctl.operations.home.initialise import initialise
from cloudctl.operations.home.scheduler_lock import scheduler_now
from cloudctl.operations.machines.change_lock import held_change, is_in_hand
from tests import ledgers
from tests.conftest import START
from tests.integration.labs import postgresql_lab

ROOT = Path(__file__).parents[2]
# Each goes a whole way through the ledger; all of the suite would take as long again as on SQLite.
SUITES = (
    "tests/cloudctl/test_apply_inventory.py",
    "tests/cloudctl/test_migrations.py",
    "tests/cloudctl/requests/test_request_executing.py",
    "tests/cloudctl/requests/test_request_reserving.py",
    "tests/cloudctl/review/test_review_course.py",
    "tests/cloudctl/review/test_review_executing.py",
    "tests/cloudctl/test_settle_month.py",
    "tests/cloudctl/test_settle_adjust.py",
    "tests/metering/test_import_samples.py",
    "tests/metering/test_sweeps.py",
    "tests/provisioning/test_execute_change.py",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if postgresql_lab.programs() is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL's server is not installed")
        pytest.skip("PostgreSQL's server is not installed (package postgresql)")
    with postgresql_lab.server() as url:
        yield url


@pytest.fixture
def there(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """The founder's context of a home whose ledger the server keeps."""
    monkeypatch.setenv(ledgers.SERVER, server)
    home = tmp_path / "home"
    home.mkdir()
    (home / "cloudctl.toml").write_text("")
    ledgers.keep_ledger_in(home, ledgers.new_database())
    initialise(home, language="en")
    with open_context(home) as opened:
        yield replace(opened, clock=DrivenClock(START))


@pytest.mark.parametrize("suite", SUITES)
def test_what_holds_on_sqlite_holds_here(server: str, suite: str) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", suite]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | {ledgers.SERVER: server},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


@pytest.mark.parametrize("words", ["UPDATE audit_entry SET actor = 'nobody'", "DELETE FROM audit_entry"])
def test_the_audit_chain_refuses_changes(there: Context, words: str) -> None:
    with pytest.raises(DBAPIError, match="not changed"), there.writing() as session:
        session.execute(text(words))


def test_writers_wait_for_one_another(there: Context) -> None:
    begun, order = Event(), []

    def second() -> None:
        begun.wait()
        with there.writing() as session:
            session.add(UnitRow(code="two", name="two", contact=""))
            order.append("second")

    other = Thread(target=second, daemon=True)
    other.start()
    with there.writing() as session:
        begun.set()
        # Long enough for the other to get in, if anything let it.
        other.join(0.5)
        session.add(UnitRow(code="one", name="one", contact=""))
        order.append("first")
    other.join(180)
    assert order == ["first", "second"]


def test_a_reader_sees_one_state_of_the_ledger(there: Context) -> None:
    with there.reading() as session:
        before = session.query(UnitRow).count()
        with there.writing() as writer:
            writer.add(UnitRow(code="new", name="new", contact=""))
        assert session.query(UnitRow).count() == before


def test_one_scheduler_leads_and_one_who_was_given_up_writes_no_more(there: Context) -> None:
    with leading(there) as led:
        assert str(scheduler_now(there)).startswith(f"{os.getpid()}@")
        with pytest.raises(Refused, match="Another scheduler runs"), leading(there):
            pass
        with led.writing() as session:
            session.add(UnitRow(code="led", name="led", contact=""))
        # The server loses the leader's connection; he himself hears nothing of it.
        with there.writing() as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 180000) FROM pg_locks "
                    "WHERE locktype = 'advisory' AND classid = :lock"
                ),
                {"lock": 0x6C656164},
            )
        with leading(there) as newer:
            with pytest.raises(Refused, match="Another scheduler leads"), led.writing():
                pass
            with newer.writing() as session:
                session.add(UnitRow(code="newer", name="newer", contact=""))
    assert scheduler_now(there) is None


def test_a_scheduler_of_another_ledger_on_the_server_is_not_ours(there: Context, tmp_path: Path) -> None:
    with leading(there):
        pass
    other = tmp_path / "other"
    other.mkdir()
    (other / "cloudctl.toml").write_text("")
    ledgers.keep_ledger_in(other, ledgers.new_database())
    initialise(other, language="en")
    with open_context(other) as context, leading(context):
        assert scheduler_now(context) is not None
        assert scheduler_now(there) is None
        with leading(there):
            pass


def test_a_change_is_in_the_hands_of_one_of_all_homes_that_share_the_ledger(
    there: Context, tmp_path: Path
) -> None:
    with open_context(_second_home(there, tmp_path)) as other:
        with held_change(there, 2):
            assert is_in_hand(other, 2) and not is_in_hand(other, 3)
            with pytest.raises(Refused, match="by another process"), held_change(other, 2):
                pass
            with held_change(other, 3):
                pass
        assert not is_in_hand(other, 2)
        with held_change(other, 2):
            assert is_in_hand(there, 2)


def _second_home(ctx: Context, folder: Path) -> Path:
    home = folder / "second"
    home.mkdir()
    (home / "cloudctl.toml").write_text("")
    ledgers.keep_ledger_in(home, ledgers.ledger_of(ctx.home))
    return home


def test_a_server_that_is_gone_is_told_in_words(there: Context, run_cli: object) -> None:
    home = there.home
    ledgers.keep_ledger_in(home, "postgresql+psycopg://cloudctl@127.0.0.1:1/ledger")
    done = run_cli(home, "unit", "list", lang="en")  # type: ignore[operator]
    assert done.exit_code == 6
    assert "The ledger does not answer" in done.stderr
    assert "Traceback" not in done.stderr
