"""Who decides a request, and what may be granted of it."""

import pytest

from tests.cloudctl.requests.asking import WEB, shown


@pytest.mark.parametrize(
    ("login", "words"),
    [
        ("wang", "none of the roles"),
        ("olga", "none of the roles"),
        ("pfin", "belongs to unit fin"),
    ],
)
def test_who_has_a_part_in_it_does_not_decide(call, checked, login, words):
    for args in (["approve", checked], ["refuse", checked, "--reason", "No"]):
        assert words in call(login, *args, "--yes", code=5).stderr
    assert shown(call, checked)["state"] == "checked"


def test_nobody_decides_their_own_request_nor_the_one_they_checked(call, ask, estate):
    first = ask("new", "--machine", WEB, login="both")
    call("olga", "check", first, "--yes")
    assert "nobody decides their own" in call("both", "approve", first, "--yes", code=5).stderr
    second = ask("new", "--machine", WEB.replace("web", "app"), login="olga")
    call("both", "check", second, "--yes")
    assert "somebody else must decide" in call("both", "approve", second, "--yes", code=5).stderr


def test_who_checked_it_once_does_not_decide_after_somebody_elses_check(call, asked):
    call("both", "check", asked, "--reason", "Its room is given up", "--yes")
    call("olga", "check", asked, "--yes")
    assert "somebody else must decide" in call("both", "approve", asked, "--yes", code=5).stderr


@pytest.mark.parametrize(
    ("day", "words"),
    [("2020-01-01", "2020-01-01 has gone by"), ("2026-11-30", "ends before the machines are needed")],
)
def test_no_term_is_granted_that_is_over_before_it_begins(call, checked, day, words):
    granted = call("pan", "approve", checked, "--until", day, "--reason", "Short", "--yes", code=5)
    assert words in granted.stderr
    assert shown(call, checked)["state"] == "checked"


def test_who_granted_does_not_carry_out(call, asked):
    call("olga", "check", asked, "--yes")
    call("both", "approve", asked, "--yes")
    assert "somebody else must carry it out" in call("both", "execute", asked, "--yes", code=5).stderr
    call("olga", "execute", asked, "--yes")


def test_a_reason_gives_a_terminal_no_orders(call, checked):
    told = call(
        "pan", "approve", checked, "--grant", "web\x1b[2J,vcpus=2", "--reason", "Less", "--yes", code=5
    )
    assert "“web\ufffd[2J”" in told.stderr
    call("pan", "refuse", checked, "--reason", "No\x1b[2J", "--yes")
    assert "No\ufffd[2J" in call("olga", "show", checked).stdout


def test_steps_out_of_order_are_refused(call, asked):
    assert "waiting for its technical check" in call("pan", "approve", asked, "--yes", code=5).stderr
    assert "waiting for its technical check" in call("otto", "execute", asked, "--yes", code=5).stderr
    call("pan", "refuse", asked, "--reason", "There is room elsewhere", "--yes")
    for args in (["check", asked], ["execute", asked], ["withdraw", asked, "--reason", "x"]):
        call("olga", *args, "--yes", code=5)


def test_a_refusal_has_its_reason_and_counts_as_nothing_granted(call, checked):
    call("pan", "refuse", checked, "--reason", " ", "--yes", code=5)
    call("pan", "refuse", checked, "--reason", "The present machines have room", "--yes")
    (row,) = call("olga", "totals", "-o", "json")
    assert (row["granted_monthly"], row["reduction_rate"]) == ("0.00", 1.0)


@pytest.mark.parametrize(
    ("grant", "code"),
    [
        (["--grant", "web,vcpus=2"], 5),
        (["--grant", "web,vcpus=5", "--reason", "More"], 5),
        (["--without", "web", "--reason", "None"], 5),
        (["--grant", "app,vcpus=1", "--reason", "Other"], 5),
        (["--grant", "web,colour=red", "--reason", "?"], 2),
        (["--grant", "web", "--reason", "Only this one"], 2),
        (["--grant", "web,vcpus=two", "--reason", "?"], 2),
        (["--until", "2027-01-01"], 5),
    ],
)
def test_no_grant_without_a_reason_beyond_the_request_or_of_nothing(call, checked, grant, code):
    call("pan", "approve", checked, *grant, "--yes", code=code)
    assert shown(call, checked)["state"] == "checked"


def test_a_dry_run_and_a_missing_yes_change_nothing(call, checked):
    call("pan", "approve", checked, "--dry-run")
    call("pan", "approve", checked, code=5)
    assert shown(call, checked)["state"] == "checked"
    call("pan", "approve", checked, "--yes")
    plan = call("otto", "execute", checked, "--dry-run", "-o", "json")
    assert [(step["kind"], step["target"]) for step in plan] == [("create", "web-1"), ("create", "web-2")]
    assert shown(call, checked)["state"] == "granted"


def test_asked_granted_and_cut_are_kept_and_added_up(call, granted):
    # 2 × (4 × 46 + 8 × 17 + 100 × 0.70) = 780.00; granted 2 × (2 × 46 + 136 + 70) = 596.00.
    (row,) = call("olga", "totals", "--year", "2026", "-o", "json")

    assert (row["unit"], row["year"], row["requests"]) == ("fin", 2026, 1)
    assert (row["asked_monthly"], row["granted_monthly"], row["cut_monthly"]) == (
        "780.00",
        "596.00",
        "184.00",
    )
    assert row["reduction_rate"] == pytest.approx(184 / 780, abs=1e-4)
    assert (row["asked"]["vcpus"], row["granted"]["vcpus"], row["vcpus_reduction_rate"]) == (8, 4, 0.5)
    table = call("olga", "totals")
    assert "23.59%" in table.stdout
    assert "23.59%" in call("olga", "list").stdout
    assert call("olga", "totals", "--year", "2025", "-o", "json") == []
