"""The shared fixtures keep the promises that all other tests are built on."""

from datetime import datetime, timedelta


def test_context_and_command_line_see_the_same_time(home, ctx, run_cli):
    ctx.clock.advance(timedelta(days=1))

    assert (home / "clock").read_text().strip() == "2026-10-01T16:00:00+00:00"
    assert ctx.clock.now() == datetime.fromisoformat("2026-10-02T00:00:00+08:00")


def test_another_person_acts_with_the_roles_recorded(ctx, as_person):
    actor = as_person(ctx, "wang", "finance").actor

    assert (actor.login, set(actor.roles)) == ("wang", {"finance"})
    assert as_person(ctx, "wang").actor == actor


def test_a_call_of_the_command_line_leaves_its_code_and_streams(home, run_cli):
    done = run_cli(home, "--version")
    wrong = run_cli(home, "no-such-thing")

    assert done.exit_code == 0 and done.stdout.startswith("cloudctl") and done.stderr == ""
    assert wrong.exit_code == 2 and wrong.stdout == "" and "no-such-thing" in wrong.stderr
