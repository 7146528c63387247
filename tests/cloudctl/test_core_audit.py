"""The audit chain: whatever is changed, left out, added or put elsewhere is found, and where."""

import json
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudctl.core.audit import GENESIS, append, digest, preferred_algorithm, verify
from cloudctl.core.identity import Actor, Role, job_actor
from cloudctl.core.tables import AuditRow

pytestmark = pytest.mark.sqlite_file

ENTRIES = 6


@pytest.fixture
def chain(ctx):
    with ctx.writing() as session:
        for number in range(ENTRIES - 1):
            ctx.record(session, "test.act", f"thing-{number}", amount_fen=number, note="非税收入")
    return ctx


def tampered(ctx, *statements):
    """What somebody with the file in his hands could do: the triggers off, the rows changed."""
    with closing(sqlite3.connect(ctx.home / "ledger.sqlite")) as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_entry_no_{verb}")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    with ctx.reading() as session:
        return verify(session)


def test_an_untouched_chain_is_sound(chain):
    with chain.reading() as session:
        report = verify(session)
        last = session.get(AuditRow, ENTRIES)
        first = session.get(AuditRow, 1)

    assert (report.ok, report.entries, report.first_bad) == (True, ENTRIES, None)
    assert (report.head, first.previous_hash) == (last.hash, GENESIS)
    assert report.algorithm == preferred_algorithm() == last.algorithm


@pytest.mark.parametrize(
    "column", ["at", "actor", "origin", "action", "subject", "detail", "algorithm", "previous_hash", "hash"]
)
def test_a_change_of_any_column_is_found(chain, column):
    value = {"at": "at + 1", "detail": """'{"amount_fen":3}'""", "algorithm": "'sha512'"}.get(
        column, "'changed'"
    )
    report = tampered(chain, f"UPDATE audit_entry SET {column} = {value} WHERE sequence = 3")

    assert not report.ok and report.first_bad == 3


def test_an_entry_left_out_is_found(chain):
    report = tampered(chain, "DELETE FROM audit_entry WHERE sequence = 3")

    assert (report.ok, report.first_bad) == (False, 4)


def test_an_entry_left_out_and_the_rest_renumbered_is_found(chain):
    report = tampered(
        chain,
        "DELETE FROM audit_entry WHERE sequence = 3",
        "UPDATE audit_entry SET sequence = sequence - 1 WHERE sequence > 3",
    )

    assert (report.ok, report.first_bad) == (False, 3)


def test_two_entries_that_changed_places_are_found(chain):
    report = tampered(
        chain,
        "UPDATE audit_entry SET sequence = 99 WHERE sequence = 3",
        "UPDATE audit_entry SET sequence = 3 WHERE sequence = 4",
        "UPDATE audit_entry SET sequence = 4 WHERE sequence = 99",
    )

    assert (report.ok, report.first_bad) == (False, 3)


def test_an_entry_whose_hash_was_made_to_fit_breaks_the_next(chain):
    """Without the chain a forger would hash his own row anew; with it every later hash gives him away."""
    with closing(sqlite3.connect(chain.home / "ledger.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        row = dict(connection.execute("SELECT * FROM audit_entry WHERE sequence = 3").fetchone())
    content = {name: row[name] for name in ("sequence", "at", "origin", "action", "subject", "algorithm")}
    content |= {"actor": "forger", "detail": json.loads(row["detail"])}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    forged = digest((row["previous_hash"] + text).encode(), row["algorithm"])
    report = tampered(chain, f"UPDATE audit_entry SET actor = 'forger', hash = '{forged}' WHERE sequence = 3")

    assert (report.ok, report.first_bad) == (False, 4)


def test_verify_names_the_entry_on_the_command_line(chain, run_cli):
    tampered(chain, "UPDATE audit_entry SET subject = 'x' WHERE sequence = 2")
    done = run_cli(chain.home, "audit", "verify", "-o", "json")
    answer = json.loads(done.stdout)

    assert done.exit_code == 7 and "2" in done.stderr
    assert set(answer) == {"entries", "head", "algorithm", "ok", "first_bad"}
    assert (answer["ok"], answer["first_bad"], answer["entries"]) == (False, 2, ENTRIES)


def test_verify_of_a_sound_chain_is_0(chain, run_cli):
    done = run_cli(chain.home, "audit", "verify", "-o", "json")

    assert done.exit_code == 0 and json.loads(done.stdout)["ok"] is True


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
            st.dictionaries(
                st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
                st.integers() | st.none() | st.booleans(),
            ),
        ),
        max_size=4,
    )
)
def test_any_entries_verify(ctx, entries):
    with ctx.writing() as session:
        for subject, detail in entries:
            append(session, at=ctx.clock.now(), actor=ctx.actor, action="x", subject=subject, detail=detail)
    with ctx.reading() as session:
        assert verify(session).ok


def test_an_entry_and_its_change_go_together(ctx):
    with pytest.raises(ZeroDivisionError), ctx.writing() as session:
        ctx.record(session, "test.act", "thing")
        raise ZeroDivisionError
    with ctx.reading() as session:
        assert verify(session).entries == 1


def test_sm3_gives_the_standards_own_digest():
    """GB/T 32905-2016, example 1."""
    if preferred_algorithm() != "sm3":
        pytest.skip("this Python's OpenSSL has no SM3")

    assert digest(b"abc", "sm3") == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_sha256_stands_in_where_there_is_no_sm3(monkeypatch):
    monkeypatch.setattr("hashlib.algorithms_available", {"sha256"})

    assert preferred_algorithm() == "sha256"


def test_the_log_narrows_by_time_actor_action_and_subject(chain, run_cli):
    def logged(*options):
        return [
            row["subject"]
            for row in json.loads(run_cli(chain.home, "audit", "log", "-o", "json", *options).stdout)
        ]

    assert logged("--limit", "2") == ["thing-3", "thing-4"]
    assert logged("--action", "test", "--subject", "thing-1") == ["thing-1"]
    assert logged("--actor", "nobody") == logged("--action", "te_t") == []
    assert logged("--since", "2026-10-02") == [] and len(logged("--until", "2026-10-02")) == ENTRIES


def test_a_jobs_actor_may_operate_and_nothing_else():
    assert job_actor("sweep") == Actor("job:sweep", None, frozenset({Role.OPERATOR}), "daemon")
