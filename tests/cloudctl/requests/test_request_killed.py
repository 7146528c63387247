"""A request whose execution is killed at any commit, and executed again, ends as if nobody had killed it."""

import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

from cloudctl.core.audit import verify
from cloudctl.operations.context import open_context
from cloudctl.operations.requests.approve_request import Grant, approve_request
from cloudctl.operations.requests.check_request import check_request
from cloudctl.operations.requests.submit_request import submit_request
from policies.requests.model import Draft, RequestKind
from policies.requests.wishes import Wish
from tests.provisioning.estate import build_estate

PROGRAM = Path(__file__).with_name("killed_request.py")


def granted(ctx, as_person):
    build_estate(ctx)
    operator, judge = as_person(ctx, "otto", "operator"), as_person(ctx, "pan", "panel")
    draft = Draft(RequestKind.NEW, "tax", "Filing", 2, "200 users", date(2026, 12, 1), (), date(2027, 12, 31))
    wish = Wish("web", 2, "lab", 4, 8192, {"ssd": 100})
    number = submit_request(operator, draft, [wish], lambda fault: fault.field).request
    check_request(operator, number)
    approve_request(judge, number, Grant())
    return number


def test_a_request_killed_anywhere_ends_the_same(ctx, as_person, tmp_path):
    number, work = granted(ctx, as_person), tmp_path / "work"
    work.mkdir()
    command = [sys.executable, str(PROGRAM), str(ctx.home), str(work), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)

    assert done.returncode == 0, done.stderr
    points, whole = int(done.stdout), snapshot(work / "whole")
    assert points >= 8
    assert whole["request"] == [("done", 1)]
    assert [name for name, *_ in whole["machines"]] == ["web-1", "web-2"]
    assert [size for _, *size in whole["machines"]] == [[4, 8192], [4, 8192]]
    for at in range(1, points + 1):
        assert snapshot(work / str(at)) == whole, f"killed at point {at}"
        with open_context(work / str(at)) as context, context.reading() as session:
            assert verify(session).ok


def snapshot(home):
    """What the execution leaves behind, in ledger and cloud."""
    return {
        "request": rows(home / "ledger.sqlite", "SELECT state, change_id FROM request"),
        "changes": rows(home / "ledger.sqlite", "SELECT state FROM change"),
        "linked": rows(home / "ledger.sqlite", "SELECT vm_id FROM request_machine ORDER BY vm_id"),
        "terms": rows(home / "ledger.sqlite", "SELECT vm_id, until FROM machine_term ORDER BY vm_id"),
        "held": rows(
            home / "ledger.sqlite", 'SELECT vm_id, vcpus, memory_mib, "end" FROM allocation ORDER BY vm_id'
        ),
        "told": rows(home / "ledger.sqlite", "SELECT recipient, subject FROM outbox_message ORDER BY id"),
        "steps": rows(home / "ledger.sqlite", "SELECT step, state FROM request_event ORDER BY id"),
        "machines": rows(
            home / "clouds" / "lab" / "cloud.sqlite",
            "SELECT name, vcpus, memory_mib FROM machine ORDER BY name",
        ),
    }


def rows(path, text):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()
