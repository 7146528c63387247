"""The end of a granted term: told in time and once, proposed for retirement, and nothing switched off by itself."""

import json
from datetime import timedelta

import pytest

from cloudctl.core.outbox import notices
from tests.cloudctl.requests.asking import WEB, machines, shown


@pytest.fixture
def termed(call, ask, ctx):
    """Two machines until 15 December 2026, told of from 15 November on."""
    number = ask("new", "--machine", WEB, "--until", "2026-12-15")
    call("olga", "check", number, "--yes")
    call("pan", "approve", number, "--yes")
    call("otto", "execute", number, "--yes")
    return number


@pytest.fixture
def deadlines(ctx, as_person):
    """The scheduler's hourly job, at so many days from the beginning."""
    from cloudctl.daemon.jobs import _deadlines

    start = ctx.clock.now()

    def run(days):
        ctx.clock.move_to(start + timedelta(days=days))
        return _deadlines(as_person(ctx, "olga"), ctx.clock.now())

    return run


def letters(ctx):
    with ctx.reading() as session:
        return [(notice.recipient, notice.body) for notice in notices(session, "unit:fin")]


def test_a_term_is_told_of_once_before_its_end_and_once_after(call, ctx, termed, deadlines):
    assert "0 terms told of" in deadlines(44)
    assert [row["stage"] for row in call("wang", "terms", "-o", "json")] == ["running", "running"]
    assert "2 terms told of" in deadlines(45)
    assert "0 terms told of" in deadlines(46)
    ((reader, body),) = letters(ctx)
    assert reader == "fin"
    assert "web-1 (2026-12-15), web-2 (2026-12-15)" in body
    assert "0 terms told of" in deadlines(75)
    assert "2 terms told of" in deadlines(76)
    assert [reader for reader, _ in letters(ctx)] == ["fin", "fin", "operator"]
    assert "request submit retire" in letters(ctx)[-1][1]
    assert "0 terms told of" in deadlines(400)


def test_nothing_is_switched_off_at_the_end(call, home, run_cli, termed, deadlines):
    deadlines(400)
    assert {row["state"] for row in machines(home, run_cli)} == {"active"}
    (first, _) = call("olga", "terms", "--due", "-o", "json")
    assert (first["vm"], first["stage"], first["days_left"]) == ("web-1", "overdue", -325)
    assert "over" in call("olga", "terms", "--due").stdout


def test_an_extension_begins_it_anew(call, ctx, termed, deadlines, home, run_cli):
    deadlines(50)
    words = ["--purpose", "On", "--needed-by", "2026-12-01", "--machine", "web-1", "--until", "2026-12-20"]
    number = call("wang", "submit", "extend", "--system", "tax", *words, "--yes", "-o", "json")[0]["request"]
    call("olga", "check", number, "--yes")
    call("pan", "approve", number, "--yes")
    call("otto", "execute", number, "--yes")
    assert "1 terms told of" in deadlines(51), "web-1 ends soon again"


def test_what_was_retired_is_told_of_no_more(call, ctx, termed, deadlines, ask):
    number = ask("retire", "--machine", "web-1", "--machine", "web-2")
    call("olga", "check", number, "--yes")
    call("pan", "approve", number, "--yes")
    call("otto", "execute", number, "--yes")
    assert shown(call, number)["state"] == "done"
    assert "0 terms told of" in deadlines(80)
    assert letters(ctx) == []


def test_the_command_tells_as_the_scheduler_does(call, ctx, home, run_cli, termed):
    ctx.clock.advance(timedelta(days=50))
    call("olga", "remind", "--dry-run")
    call("olga", "remind", code=5)
    assert letters(ctx) == []
    assert "2 term(s) told of" in call("olga", "remind", "--yes").stderr
    assert call("olga", "remind", "-o", "json") == []
    log = json.loads(run_cli(home, "audit", "log", "--limit", "9", "-o", "json", login="olga").stdout)
    assert [entry["subject"] for entry in log if entry["action"] == "term.remind"] == ["vm:web-1", "vm:web-2"]


def test_a_unit_sees_its_own_terms_and_reminds_nobody(call, termed, ctx):
    ctx.clock.advance(timedelta(days=50))
    assert len(call("wang", "terms", "--due", "-o", "json")) == 2
    assert call("nan", "terms", "-o", "json") == []
    call("wang", "remind", "--yes", code=5)
