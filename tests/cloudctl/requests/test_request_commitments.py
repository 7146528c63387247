"""What a unit is bound to already counts against its quota and its budget, once, whoever carries it out and when."""

from datetime import timedelta

import pytest

from provisioning.drivers.embedded.faults import Faults, StepFault, write_faults
from tests.cloudctl.requests.asking import NEW, WEB, shown

EXT = "ext,count=2,pool=pub,vcpus=3,memory-gib=4"


@pytest.fixture
def limit(call, home, run_cli):
    """limit(quota="…") or limit(budget="…"): puts a limit of unit fin in force."""

    def put(quota=None, budget=None):
        path = home / "limits.yaml"
        if quota:
            path.write_text(f"quotas: [{{unit: fin, {quota}}}]\n")
            call("olga", "quota", "apply", path, "--yes")
        else:
            path.write_text(f'budgets: [{{year: 2026, unit: fin, kind: cloud, amount: "{budget}"}}]\n')
            assert run_cli(home, "budget", "apply", path, "--yes", login="zhao").exit_code == 0

    return put


def finding(call, number, subject):
    found = call("olga", "check", number, "--dry-run", "-o", "json")["findings"]
    (text,) = [(row["verdict"], row["text"]) for row in found if row["subject"] == subject]
    return text


def test_a_work_order_that_is_out_counts_until_it_is_done(call, ask, grant, limit, ctx):
    limit(quota="machines: 3, vcpus: 8")
    first = grant("new", "--machine", EXT)
    call("otto", "execute", first, "--yes")
    assert shown(call, first)["state"] == "executing"
    ctx.clock.advance(timedelta(days=100))
    second = call(
        "wang", "submit", "new", "--system", "tax", *NEW[:-1], "2027-12-01",
        "--machine", "web,count=2,pool=lab,vcpus=1,memory-gib=1", "--yes", "-o", "json",
    )[0]["request"]  # fmt: skip
    over = "Over the unit's quota of machines: 2 held and reserved, 2 more, 3 allowed."
    assert finding(call, second, "quota") == ("bad", over)

    done_at = (ctx.clock.now() - timedelta(hours=1)).isoformat()
    call("otto", "execute", first, "--done-at", done_at, "--yes")
    assert finding(call, second, "quota") == ("bad", over), "held now, and counted once"


def test_a_name_is_taken_while_its_work_order_is_out(call, grant):
    first = grant("new", "--machine", EXT)
    call("otto", "execute", first, "--yes")
    words = ["submit", "new", "--system", "tax", *NEW, "--machine", EXT, "--yes"]
    assert f"“ext-1” is reserved for request {first}" in call("wang", *words, code=3).stderr


def test_what_a_failed_try_made_is_not_counted_twice(call, ask, grant, limit, ctx):
    limit(quota="vcpus: 9")
    first = grant("new", "--machine", WEB)
    folder = ctx.home / "clouds" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    write_faults(folder, Faults(steps=(StepFault("web-2", "create", "refuse", 1),)))
    call("otto", "execute", first, "--yes", code=5)
    second = ask("new", "--machine", "app,pool=lab,vcpus=1,memory-gib=1")
    assert finding(call, second, "quota")[0] == "fine", "8 of 9 are promised, whatever was made of them"
    third = ask("new", "--machine", "job,pool=lab,vcpus=2,memory-gib=1")
    assert "8 held and reserved, 2 more, 9 allowed" in finding(call, third, "quota")[1]


def test_the_money_of_a_grant_stays_bound_when_its_machines_run(call, ask, grant, limit):
    """780.00 a month for three months of October to December: reserved first, then running, never free again."""
    limit(budget="3000.00")
    first = grant("new", "--machine", WEB)
    second = ask("new", "--machine", WEB.replace("web", "app"))
    told = (
        "Of the cloud budget of 2026 3000.00 is left; to the year's end the machines there are take {running}, "
        "other grants {reserved}, and this 2340.00."
    )
    assert finding(call, second, "budget") == ("bad", told.format(running="0.00", reserved="2340.00"))
    call("otto", "execute", first, "--yes")
    assert finding(call, second, "budget") == ("bad", told.format(running="2340.00", reserved="0.00"))
    call("olga", "check", second, "--yes")
    call("pan", "approve", second, "--yes", code=5)
    call(
        "pan",
        "approve",
        second,
        "--grant",
        "app,count=1,vcpus=1",
        "--reason",
        "What is left",
        "--yes",
        code=5,
    )
    smallest = ["--grant", "app,count=1,vcpus=1,memory-gib=4,storage=ssd:10", "--reason", "What is left"]
    call("pan", "approve", second, *smallest, "--yes")


def test_money_that_lapsed_or_was_withdrawn_is_free_again(call, ask, grant, limit, ctx):
    limit(budget="2400.00")
    first = grant("new", "--machine", WEB)
    second = ask("new", "--machine", WEB.replace("web", "app"))
    assert finding(call, second, "budget")[0] == "bad"
    call("wang", "withdraw", first, "--reason", "Not any more", "--yes")
    assert finding(call, second, "budget")[0] == "fine"
    call("olga", "check", second, "--yes")
    call("pan", "approve", second, "--yes")
    third = ask("new", "--machine", WEB.replace("web", "job"))
    assert finding(call, third, "budget")[0] == "bad"
    ctx.clock.advance(timedelta(days=60))
    assert finding(call, third, "budget")[0] == "fine", "to the instant, without any job"


def test_a_resize_is_bound_by_what_it_adds(call, ask, grant, limit):
    first = grant("new", "--machine", "web,pool=lab,vcpus=4,memory-gib=8")
    call("otto", "execute", first, "--yes")
    limit(quota="vcpus: 8", budget="2000.00")
    limit(budget="2000.00")
    second = grant("resize", "--machine", "web,vcpus=6")
    third = ask("new", "--machine", "app,pool=lab,vcpus=3,memory-gib=1")
    assert "6 held and reserved, 3 more, 8 allowed" in finding(call, third, "quota")[1]
    # 320.00 a month runs, 92.00 a month is granted on top: of three months each.
    assert "there are take 960.00, other grants 276.00" in finding(call, third, "budget")[1]
    call("otto", "execute", second, "--yes")
    assert "there are take 1236.00, other grants 0.00" in finding(call, third, "budget")[1]
