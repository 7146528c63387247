"""A grant carried out on a simulated cloud: all the way, again after a failure, by others' hands."""

import json
from datetime import timedelta

import pytest

from cloudctl.core.clock import parse_instant
from cloudctl.core.outbox import notices
from cloudctl.core.tables import SystemRow
from cloudctl.operations.requests import execute_request as execution
from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from tests.cloudctl.requests.asking import NEW, machines, shown
from tests.conftest import START
from tests.provisioning.estate import declared_vm


def test_the_whole_way(call, ctx, home, run_cli, granted):
    executed = call("otto", "execute", granted, "--yes")

    assert f"Request {granted}: done." in executed.stderr
    assert "inventory export" in executed.stderr
    rows = machines(home, run_cli)
    assert [(row["vm"], row["vcpus"], row["memory_mib"], row["unit"]) for row in rows] == [
        ("web-1", 2, 8192, "fin"),
        ("web-2", 2, 8192, "fin"),
    ]
    assert len({row["host"] for row in rows}) == 2
    row = shown(call, granted)
    assert (row["state"], row["vms"], row["executed_by"]) == ("done", ["web-1", "web-2"], "otto")
    assert [event["step"] for event in row["history"]] == [
        "submit",
        "check",
        "approve",
        "execute",
        "carried_out",
    ]
    with ctx.reading() as session:
        about = [notice.recipient for notice in notices(session, f"request:{granted}")]
    assert about == ["operator", "panel", "fin", "operator", "fin"]
    audit = json.loads(run_cli(home, "audit", "verify", "-o", "json", login="olga").stdout)
    assert audit["ok"] is True


def test_a_resize_an_extension_and_a_retirement(call, ask, ctx, home, run_cli, granted):
    call("otto", "execute", granted, "--yes")
    ctx.clock.advance(timedelta(days=1))
    tail = ["--system", "tax", *NEW]
    second = ask("resize", "--machine", "web-1,vcpus=8")
    third = ask("extend", "--machine", "web-1", "--until", "2027-12-31")
    for number in (second, third):
        call("olga", "check", number, "--yes")
    for vcpus, words in ((1, "takes away what it holds"), (2, "has that size already")):
        less = ["--grant", f"web-1,vcpus={vcpus}", "--reason", "Less"]
        assert words in call("pan", "approve", second, *less, "--yes", code=5).stderr
    call("pan", "approve", second, "--grant", "web-1,vcpus=6", "--reason", "Enough", "--yes")
    call("pan", "approve", third, "--until", "2027-06-30", "--reason", "Half a year", "--yes")
    call("otto", "execute", second, "--yes")
    call("otto", "execute", third, "--yes")
    assert machines(home, run_cli)[0]["vcpus"] == 6
    (term,) = call("olga", "terms", "-o", "json")
    vm = json.loads(run_cli(home, "vm", "show", "web-1", "-o", "json", login="olga").stdout)
    assert (vm["request_numbers"], vm["granted_until"]) == ([granted, second, third], "2027-06-30")
    assert (term["vm"], term["until"], term["request"]) == ("web-1", "2027-06-30", third)
    call("wang", "submit", "extend", *tail, "--machine", "web-1", "--until", "2027-06-30", "--yes", code=3)
    fourth = ask("retire", "--machine", "web-2")
    call("olga", "check", fourth, "--yes")
    call("pan", "approve", fourth, "--yes")
    call("otto", "execute", fourth, "--yes")
    assert all(row["vcpus"] is None for row in machines(home, run_cli) if row["vm"] == "web-2")
    (year,) = call("olga", "totals", "-o", "json")
    assert (year["asked"]["vcpus"], year["granted"]["vcpus"]) == (8 + 6, 4 + 4)


def test_a_pool_that_others_run_gets_a_work_order(call, ask, ctx, home, run_cli, estate):
    declared_vm(ctx, "p", estate)
    first = ask("new", "--machine", "ext,pool=pub,vcpus=2,memory-gib=4")
    call("olga", "check", first, "--yes")
    call("pan", "approve", first, "--yes")
    assert "Work orders are out" in call("otto", "execute", first, "--yes").stderr
    assert shown(call, first)["state"] == "executing"
    ctx.clock.advance(timedelta(hours=3))
    done_at = ctx.clock.now() - timedelta(hours=1)
    call("otto", "execute", first, "--done-at", done_at.isoformat(), "--yes")
    assert shown(call, first)["state"] == "done"
    (row,) = [row for row in machines(home, run_cli) if row["vm"] == "ext"]
    assert parse_instant(row["held_since"]) == done_at


def test_a_change_that_fails_leaves_the_grant_and_can_be_tried_again(call, ctx, granted):
    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_faults(folder, Faults(steps=(StepFault("web-2", "create", "refuse", 1),)))
    call("otto", "execute", granted, "--yes", code=5)
    assert shown(call, granted)["state"] == "granted"
    write_faults(folder, Faults())
    call("otto", "execute", granted, "--yes")
    assert shown(call, granted)["vms"] == ["web-1", "web-2"]


def test_a_change_resumed_by_itself_is_concluded_by_the_scheduler(call, ctx, as_person, granted):
    from cloudctl.daemon.jobs import _deadlines, _reconcile

    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_faults(folder, Faults(pool_down=False, steps=(StepFault("web-2", "create", "late", 3600),)))
    call("otto", "execute", granted, "--yes", code=6)
    assert shown(call, granted)["state"] == "executing"
    write_faults(folder, Faults())
    ctx.clock.advance(timedelta(hours=2))
    assert "1 requests concluded" in _reconcile(as_person(ctx, "olga"), ctx.clock.now())
    assert shown(call, granted)["state"] == "done"
    assert "0 grants lapsed" in _deadlines(as_person(ctx, "olga"), ctx.clock.now())


@pytest.mark.parametrize(
    "wish",
    [("retire",), ("extend", "--until", "2027-12-31"), ("resize",)],
    ids=lambda wish: wish[0],
)
def test_a_machine_that_was_handed_over_is_left_to_its_new_owner(call, grant, home, run_cli, granted, wish):
    call("otto", "execute", granted, "--yes")
    machine = "web-1,vcpus=8" if wish == ("resize",) else "web-1"
    number = grant(*wish, "--machine", machine)
    moved = run_cli(home, "vm", "transfer", "web-1", "--to", "land", "--yes", login="otto")
    assert moved.exit_code == 0, moved.stderr
    before = machines(home, run_cli)

    for words in ("--yes", "--dry-run"):
        told = call("otto", "execute", number, words, code=5).stderr
        assert "web-1 is no longer a machine of this system" in told
    assert machines(home, run_cli) == before
    assert shown(call, number)["state"] == "granted"
    assert call("olga", "terms", "-o", "json") == []


@pytest.mark.parametrize("change", [{"removed_at": START}, {"unit_id": 2}], ids=["removed", "given away"])
def test_nothing_is_made_for_a_system_that_the_unit_has_no_more(call, ask, ctx, granted, change):
    second = ask("new", "--machine", "app,pool=lab,vcpus=1,memory-gib=1")
    with ctx.writing() as session:
        row = session.query(SystemRow).filter_by(code="tax").one()
        for name, value in change.items():
            setattr(row, name, value)
    told = "tax is no longer a system of this unit."
    assert told in call("otto", "execute", granted, "--yes", code=5).stderr
    found = call("olga", "check", second, "--dry-run", "-o", "json")["findings"]
    assert [row["text"] for row in found if row["verdict"] == "bad"] == [told]


def test_an_extension_never_ends_a_term_sooner(call, ask, grant, granted):
    call("otto", "execute", granted, "--yes")
    sooner = grant("extend", "--machine", "web-1", "--machine", "web-2", "--until", "2027-06-30")
    later = grant("extend", "--machine", "web-1", "--until", "2027-12-31")
    waiting = ask("extend", "--machine", "web-1", "--until", "2028-12-31")
    for number in (later, sooner):
        call("otto", "execute", number, "--yes")
    terms = {row["vm"]: (row["until"], row["request"]) for row in call("olga", "terms", "-o", "json")}
    assert terms == {"web-1": ("2027-12-31", later), "web-2": ("2027-06-30", sooner)}

    call("olga", "check", waiting, "--yes")
    less = ["--until", "2027-10-01", "--reason", "Shorter"]
    told = call("pan", "approve", waiting, *less, "--yes", code=5).stderr
    assert "web-1 is granted until 2027-12-31 already" in told


def test_what_somebody_began_meanwhile_is_gone_on_with(call, as_person, ctx, granted, monkeypatch):
    """Both have looked at the cloud when the first begins."""
    otto, olga, looked = (
        as_person(ctx, "otto", "operator"),
        as_person(ctx, "olga", "operator"),
        execution._observed,
    )

    def late(acting, pool_ids):
        seen = looked(acting, pool_ids)
        monkeypatch.setattr(execution, "_observed", looked)
        execution._begin(otto, granted)
        return seen

    monkeypatch.setattr(execution, "_observed", late)
    assert execution.execute_request(olga, granted).state == "done"
    row = shown(call, granted)
    assert (row["executed_by"], row["change"], row["vms"]) == ("otto", 1, ["web-1", "web-2"])
