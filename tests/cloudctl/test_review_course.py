"""A case's course: notice, answer, votes, decision, execution, watch, rollback, and who may not do what."""

from contextlib import closing
from datetime import timedelta

import pytest

from cloudctl.core.errors import NotFound, Refused
from cloudctl.core.identity import job_actor
from cloudctl.core.outbox import notices
from cloudctl.core.quantity import Size
from cloudctl.operations.machines.execute_change import ChangeFailed
from cloudctl.operations.machines.show_change import list_changes, show_change
from cloudctl.operations.review import order_storage
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.appeal_case import appeal_case
from cloudctl.operations.review.confirm_resizes import confirm_resizes
from cloudctl.operations.review.decide_case import decidable_cases, decide_cases
from cloudctl.operations.review.execute_case import execute_case
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.review_deadlines import pass_review_deadlines
from cloudctl.operations.review.roll_back_case import roll_back_case
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.show_cases import show_case
from cloudctl.operations.review.vote_case import vote_case
from cloudctl.operations.review.watch_cases import finish_watch, watch_cases
from metering.allocations import current_allocation, size_of
from policies.panel import Answer, Decision
from policies.store import savings
from provisioning.drivers.embedded import EmbeddedDriver
from provisioning.model import Capability
from provisioning.store import get_pool, get_vm, open_pool_driver
from tests.cloudctl.reviewed_city import LARGE, City, at

SATURDAY = at(11, 7, 22)


@pytest.fixture
def city(ctx, as_person):
    """One machine of system tax (unit fin) used at a fifth, its case opened on 1 November by olga."""
    city = City(ctx, as_person).found()
    city.machine("tax-1")
    city.october("tax-1", cpu=0.2, memory=0.3)
    ctx.clock.move_to(at(11, 1, 1))
    city.case = city.open().cases[0]["case"]
    return city


def state(city):
    return show_case(city.ctx, city.case)["state"]


def held(city, name="tax-1"):
    with city.ctx.reading() as session:
        row = current_allocation(session, city.ids[name])
        return row and size_of(row)


def seen(city, name):
    """What the cloud itself has."""
    with city.ctx.reading() as session:
        pool = get_pool(session, get_vm(session, city.ids[name]).pool_id)
        driver = open_pool_driver(session, pool, city.ctx.home, city.ctx.clock)
    with closing(driver):
        return next(m.size for m in driver.observe().machines if m.name == name)


def letters(city):
    with city.ctx.reading() as session:
        return [(row.recipient, row.subject) for row in notices(session, f"case:{city.case}")]


def accepted(city):
    notify_cases(city.operator, [city.case])
    answer_case(city.unit_fin, city.case, Answer.ACCEPT)
    decide_cases(city.operator, [city.case])


def watched(city):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)
    execute_case(city.other_operator, city.case)


def test_an_accepted_case_goes_to_done_without_the_panel(city):
    watched(city)
    shown = show_case(city.ctx, city.case)
    executed = shown["executed_at"]
    assert (shown["state"], shown["before"]["vcpus"], held(city)) == (
        "watching",
        8,
        Size(2, 6144, {"ssd": 100}),
    )
    city.use("tax-1", executed, executed + timedelta(days=14), cpu=0.7)
    city.ctx.clock.move_to(executed + timedelta(days=14, minutes=1))

    (seen,) = watch_cases(city.operator)

    assert (seen.verdict, seen.step.state, state(city)) == ("fine", "done", "done")
    with city.ctx.reading() as session:
        (saving,) = savings(session)
    assert (saving.start, saving.end) == (executed, None)
    assert saving.from_size["vcpus"] == 8 and saving.to_size["vcpus"] == 2


def test_the_panel_decides_by_quorum_and_majority_with_a_recusal(city):
    notify_cases(city.operator, [city.case])
    answer_case(city.unit_fin, city.case, Answer.ARGUE, "The year's end is coming")
    pan, pei, pip, pfin = city.panel

    with pytest.raises(Refused, match="recused"):
        vote_case(pfin, city.case, Decision.KEEP, "Our own")
    vote_case(pan, city.case, Decision.CUT, "A fifth is used")
    vote_case(pei, city.case, Decision.KEEP, "Wait")
    with pytest.raises(Refused, match="has voted"):
        vote_case(pan, city.case, Decision.KEEP, "On second thoughts")
    with pytest.raises(Refused, match="2 of the 3"):
        decide_cases(city.operator, [city.case])
    vote_case(pip, city.case, Decision.CUT, "Agreed")
    decide_cases(city.operator, [city.case])

    shown = show_case(city.ctx, city.case)
    assert (shown["state"], shown["decision"]) == ("decided", "cut")
    assert shown["votes"]["counts"] == {"cut": 2, "keep": 1, "defer": 0}
    assert [ballot["voter"] for ballot in shown["votes"]["ballots"]] == ["pan", "pei", "pip"]
    assert letters(city)[-1][0] == "fin@example.gov.cn"


def test_without_a_majority_of_anybody_left_nothing_is_cut(city):
    notify_cases(city.operator, [city.case])
    answer_case(city.unit_fin, city.case, Answer.ARGUE, "No")
    for member, choice in zip(city.panel, (Decision.CUT, Decision.KEEP, Decision.DEFER), strict=False):
        vote_case(member, city.case, choice, "So I think")

    decide_cases(city.operator, [city.case])

    assert show_case(city.ctx, city.case)["decision"] == "defer"


def test_who_proposed_does_not_vote(city, ctx, as_person):
    as_person(ctx, "olga", "operator", "panel", unit="data")
    notify_cases(city.operator, [city.case])
    answer_case(city.unit_fin, city.case, Answer.ARGUE, "No")

    with pytest.raises(Refused, match="proposed case"):
        vote_case(as_person(ctx, "olga"), city.case, Decision.CUT, "Mine")


def test_who_proposed_does_not_execute_and_a_job_may_propose(city):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)

    with pytest.raises(Refused, match="somebody else"):
        execute_case(city.operator, city.case)

    assert held(city) == LARGE


def test_the_panel_votes_on_silence_only_when_the_term_is_over(city):
    notify_cases(city.operator, [city.case])
    with pytest.raises(Refused, match="still has time"):
        vote_case(city.panel[0], city.case, Decision.CUT, "Early")
    # Notified on a Sunday: ten working days end with Friday the 13th.
    assert show_case(city.ctx, city.case)["answer_by"] == at(11, 14)
    city.ctx.clock.move_to(at(11, 14))

    with pytest.raises(Refused, match="is over"):
        answer_case(city.unit_fin, city.case, Answer.ACCEPT)
    for member in city.panel[:3]:
        vote_case(member, city.case, Decision.CUT, "Silence")
    passed = pass_review_deadlines(city.ctx.acting_as(job_actor("deadlines")))

    assert passed.decided == (city.case,) and state(city) == "decided"


def test_a_reminder_grants_a_last_term_once(city, home):
    (home / "cloudctl.toml").write_text('[clock]\nmode = "driven"\n[review]\nreminder_workdays = 5\n')
    from dataclasses import replace

    from cloudctl.core.settings import load_settings

    operator = replace(city.operator, settings=load_settings(home))
    notify_cases(operator, [city.case])
    city.ctx.clock.move_to(at(11, 14))

    assert pass_review_deadlines(operator).reminded == (city.case,)
    assert pass_review_deadlines(operator).reminded == ()
    assert show_case(city.ctx, city.case)["answer_by"] == at(11, 21)
    city.ctx.clock.move_to(at(11, 21))
    assert pass_review_deadlines(operator).silent == (city.case,)


def test_answers_come_from_the_owning_unit_alone_and_an_argument_has_a_text(city):
    notify_cases(city.operator, [city.case])

    with pytest.raises(Refused, match="Only unit fin"):
        answer_case(city.unit_edu, city.case, Answer.ACCEPT)
    with pytest.raises(Refused, match="roles"):
        answer_case(city.operator, city.case, Answer.ACCEPT)
    with pytest.raises(Refused, match="needs a text"):
        answer_case(city.unit_fin, city.case, Answer.ARGUE, "  ")


def test_illegal_steps_are_refused_and_leave_no_trace(city):
    before = show_case(city.ctx, city.case)
    for act in (
        lambda: answer_case(city.unit_fin, city.case, Answer.ACCEPT),
        lambda: vote_case(city.panel[0], city.case, Decision.CUT, "Now"),
        lambda: decide_cases(city.operator, [city.case]),
        lambda: appeal_case(city.unit_fin, city.case, "No"),
        lambda: schedule_case(city.operator, city.case),
        lambda: execute_case(city.other_operator, city.case),
        lambda: roll_back_case(city.operator, city.case),
        lambda: watch_cases(city.operator, [city.case]),
        lambda: finish_watch(city.operator, city.case, "Enough"),
    ):
        with pytest.raises(Refused):
            act()
    with pytest.raises(NotFound):
        notify_cases(city.operator, [999])

    assert show_case(city.ctx, city.case) == before


def test_an_appeal_suspends_until_the_panel_has_voted_anew_and_is_granted_once(city):
    accepted(city)
    schedule_case(city.operator, city.case)

    appeal_case(city.unit_fin, city.case, "The new system goes live")
    with pytest.raises(Refused):
        execute_case(city.other_operator, city.case)
    for member in city.panel[:3]:
        vote_case(member, city.case, Decision.CUT, "Still")
    decide_cases(city.operator, [city.case])

    shown = show_case(city.ctx, city.case)
    assert (shown["state"], shown["round"], shown["scheduled_for"]) == ("decided", 2, None)
    with pytest.raises(Refused, match="once already"):
        appeal_case(city.unit_fin, city.case, "Again")


def test_kept_and_deferred_cases_end_and_exempt_the_machine_for_a_while(city):
    notify_cases(city.operator, [city.case])
    answer_case(city.unit_fin, city.case, Answer.ARGUE, "Keep it")
    for member in city.panel[:3]:
        vote_case(member, city.case, Decision.KEEP, "True")
    decide_cases(city.operator, [city.case])
    with pytest.raises(Refused):
        schedule_case(city.operator, city.case)
    city.use("tax-1", at(11, 1), at(11, 5), cpu=0.2)
    city.ctx.clock.move_to(at(11, 5, 1))

    (case,) = city.open(end=at(11, 5)).cases

    assert (case["state"], case["reason"]) == ("exempt", "recent_decision")


def test_execution_keeps_to_the_maintenance_window(city):
    city.ctx.clock.move_to(at(11, 2))
    accepted(city)
    with pytest.raises(Refused, match="outside"):
        schedule_case(city.operator, city.case, at(11, 5))
    with pytest.raises(Refused, match="gone by"):
        schedule_case(city.operator, city.case, at(10, 31, 23))

    schedule_case(city.operator, city.case)
    with pytest.raises(Refused, match="is scheduled for"):
        execute_case(city.other_operator, city.case)
    city.ctx.clock.move_to(at(11, 8, 7))
    with pytest.raises(Refused, match="outside"):
        execute_case(city.other_operator, city.case)

    assert show_case(city.ctx, city.case)["scheduled_for"] == SATURDAY
    assert letters(city)[-1] == ("fin@example.gov.cn", f"Announcement: tax-1, case {city.case}")


def test_too_little_after_the_cut_proposes_a_rollback_once_and_rolling_back_restores_the_exact_size(city):
    watched(city)
    executed = show_case(city.ctx, city.case)["executed_at"]
    city.use("tax-1", executed, executed + timedelta(days=2), cpu=0.97)
    city.ctx.clock.move_to(executed + timedelta(days=2))

    first, again = watch_cases(city.operator), watch_cases(city.operator)
    proposals = [letter for letter in letters(city) if letter[1].startswith("Rollback proposed")]
    assert [first[0].verdict, again[0].verdict] == ["roll_back", "roll_back"]
    assert sorted(recipient for recipient, _ in proposals) == ["fin@example.gov.cn", "operator"]
    assert show_case(city.ctx, city.case)["rollback_proposed"]
    roll_back_case(city.other_operator, city.case, "Too slow")

    shown = show_case(city.ctx, city.case)
    assert (shown["state"], held(city)) == ("rolled_back", LARGE)
    with city.ctx.reading() as session:
        (saving,) = savings(session)
    assert saving.end == shown["rolled_back_at"]
    with pytest.raises(Refused):
        roll_back_case(city.operator, city.case)


def test_where_the_cloud_can_the_way_back_stays_open_until_the_watch_ends(city, monkeypatch):
    monkeypatch.setattr(EmbeddedDriver, "capabilities", EmbeddedDriver.capabilities | {Capability.HOLD})
    watched(city)
    executed = show_case(city.ctx, city.case)["executed_at"]
    assert last_step(city.ctx)["after"]["hold"] is True
    assert confirm_resizes(city.operator) == 0, "it is watched"
    city.use("tax-1", executed, executed + timedelta(days=14), cpu=0.7)
    city.ctx.clock.move_to(executed + timedelta(days=14, minutes=1))
    watch_cases(city.operator)

    assert (confirm_resizes(city.operator), confirm_resizes(city.operator)) == (1, 0)
    assert "hold" not in last_step(city.ctx)["after"]


def last_step(ctx):
    return show_change(ctx, list_changes(ctx)[-1]["change"])["steps"][-1]


def test_samples_from_before_the_change_do_not_propose_a_rollback(city):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.use("tax-1", at(11, 1), SATURDAY - timedelta(hours=1), cpu=1.0)
    city.ctx.clock.move_to(SATURDAY)
    execute_case(city.other_operator, city.case)
    executed = show_case(city.ctx, city.case)["executed_at"]
    city.use("tax-1", executed, executed + timedelta(hours=8), cpu=0.3)
    city.ctx.clock.move_to(executed + timedelta(hours=8))

    (seen,) = watch_cases(city.operator)

    assert (seen.verdict, seen.p95) == ("so_far", pytest.approx(0.6))


def test_a_watch_without_evidence_does_not_end_by_itself(city):
    watched(city)
    city.ctx.clock.advance(timedelta(days=15))

    (seen,) = watch_cases(city.operator)
    assert (seen.verdict, state(city)) == ("thin", "watching")
    with pytest.raises(Refused, match="needs its reason"):
        finish_watch(city.operator, city.case, "")
    finish_watch(city.operator, city.case, "The collector was down")

    assert state(city) == "done"


def test_an_idle_machine_is_retired(city, ctx):
    city.machine("zombie", system="exam")
    city.use("zombie", ctx.clock.now(), at(12, 2), cpu=0.01, traffic=0)
    ctx.clock.move_to(at(12, 3))
    case = next(c for c in city.open(end=at(12, 2)).cases if c["vm"] == "zombie")
    notify_cases(city.operator, [case["case"]])
    answer_case(city.unit_edu, case["case"], Answer.ACCEPT)
    decide_cases(city.operator, [case["case"]])
    schedule_case(city.operator, case["case"])

    step = execute_case(city.other_operator, case["case"])

    assert (case["kind"], step.state, held(city, "zombie")) == ("idle", "done", None)
    with city.ctx.reading() as session:
        (saving,) = savings(session)
    assert saving.to_size["vcpus"] == 0

    roll_back_case(city.other_operator, case["case"], "it was needed")

    assert held(city, "zombie") == Size.from_json(case["from"])
    assert show_case(ctx, case["case"])["state"] == "rolled_back"


def test_in_an_external_pool_execution_is_a_work_order(city, ctx):
    city.machine("far", pool="pub")
    city.use("far", ctx.clock.now(), at(12, 2), cpu=0.2, storage=0.2)
    ctx.clock.move_to(at(12, 3))
    case = next(c for c in city.open(end=at(12, 2)).cases if c["vm"] == "far")["case"]
    notify_cases(city.operator, [case])
    answer_case(city.unit_fin, case, Answer.ACCEPT)
    decide_cases(city.operator, [case])
    schedule_case(city.operator, case)

    ordered = execute_case(city.other_operator, case)
    ctx.clock.advance(timedelta(days=1))
    done_at = ctx.clock.now() - timedelta(hours=2)
    reported = execute_case(city.other_operator, case, done_at=done_at)

    assert (ordered.state, reported.state) == ("executing", "watching")
    assert held(city, "far") == Size(2, 16384, {"ssd": 30})
    assert show_case(ctx, case)["executed_at"] == done_at


def test_storage_beside_a_resize_is_a_work_order_of_its_own(city, ctx):
    city.machine("hoard", system="exam")
    city.use("hoard", ctx.clock.now(), at(12, 2), cpu=0.2, storage=0.2)
    ctx.clock.move_to(at(12, 3))
    case = next(c for c in city.open(end=at(12, 2)).cases if c["vm"] == "hoard")["case"]
    notify_cases(city.operator, [case])
    answer_case(city.unit_edu, case, Answer.ACCEPT)
    decide_cases(city.operator, [case])
    schedule_case(city.operator, case)

    changed = execute_case(city.other_operator, case)
    assert (changed.state, held(city, "hoard")) == ("watching", Size(2, 16384, {"ssd": 100}))
    ctx.clock.advance(timedelta(days=1))
    with pytest.raises(Refused, match="between the last change"):
        execute_case(city.other_operator, case, done_at=ctx.clock.now() - timedelta(days=2))
    assert seen(city, "hoard").storage_gib == {"ssd": 100}
    execute_case(city.other_operator, case, done_at=ctx.clock.now())
    assert held(city, "hoard") == seen(city, "hoard") == Size(2, 16384, {"ssd": 30})
    with ctx.reading() as session:
        first, second = savings(session)
    assert first.end == second.start == ctx.clock.now() and second.to_size["storage_gib"] == {"ssd": 30}
    ctx.clock.advance(timedelta(days=1))
    roll_back_case(city.operator, case)

    assert held(city, "hoard") == seen(city, "hoard") == LARGE


class Unattended:
    """The simulated cloud as a real one would be: people have to do things there themselves."""

    def __init__(self, cloud):
        self.capabilities, self.observe, self.close = cloud.capabilities, cloud.observe, cloud.close


def test_a_disk_that_the_cloud_still_has_is_not_reported_as_replaced(city, ctx, monkeypatch):
    city.machine("hoard", system="exam")
    city.use("hoard", ctx.clock.now(), at(12, 2), cpu=0.2, storage=0.2)
    ctx.clock.move_to(at(12, 3))
    case = next(c for c in city.open(end=at(12, 2)).cases if c["vm"] == "hoard")["case"]
    notify_cases(city.operator, [case])
    answer_case(city.unit_edu, case, Answer.ACCEPT)
    decide_cases(city.operator, [case])
    schedule_case(city.operator, case)
    execute_case(city.other_operator, case)
    ctx.clock.advance(timedelta(days=1))

    monkeypatch.setattr(
        order_storage, "open_pool_driver", lambda *facts: Unattended(open_pool_driver(*facts))
    )
    with pytest.raises(Refused, match="still shows the old storage of hoard"):
        execute_case(city.other_operator, case, done_at=ctx.clock.now())

    assert held(city, "hoard") == Size(2, 16384, {"ssd": 100})


def test_a_machine_changed_since_is_not_executed(city):
    from cloudctl.operations.machines.execute_change import change_machines
    from provisioning.steps import resize_step

    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)
    step = resize_step(city.ids["tax-1"], "tax-1", LARGE, Size(4, 16384, {"ssd": 100}))
    change_machines(city.operator, [step], "by hand")

    with pytest.raises(Refused, match="no longer has the size"):
        execute_case(city.other_operator, city.case)


def test_a_change_the_cloud_refuses_leaves_the_case_waiting_for_a_new_time(city, monkeypatch):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)

    def refuse(self, step):
        raise Refused("No.")

    with monkeypatch.context() as patch:
        patch.setattr("provisioning.drivers.embedded.driver.EmbeddedDriver.apply", refuse)
        with pytest.raises(ChangeFailed):
            execute_case(city.other_operator, city.case)
    assert (state(city), held(city)) == ("decided", LARGE)
    schedule_case(city.operator, city.case)
    execute_case(city.other_operator, city.case)

    assert state(city) == "watching"


def test_an_interrupted_execution_is_taken_up_again_without_a_second_change(city, monkeypatch):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)
    with monkeypatch.context() as patch:
        patch.setattr("cloudctl.operations.review.execute_case.run_change", _killed)
        with pytest.raises(KeyboardInterrupt):
            execute_case(city.other_operator, city.case)
    assert state(city) == "executing"
    change = show_case(city.ctx, city.case)["change"]

    execute_case(city.other_operator, city.case)

    shown = show_case(city.ctx, city.case)
    assert (shown["state"], shown["change"], held(city).vcpus) == ("watching", change, 2)
    with city.ctx.reading() as session:
        assert len(savings(session)) == 1


def _killed(*args, **more):
    raise KeyboardInterrupt


def test_a_job_opens_and_decides_what_is_decidable_but_an_operator_executes(ctx, as_person):
    city = City(ctx, as_person).found()
    city.machine("tax-1")
    city.october("tax-1", cpu=0.2)
    ctx.clock.move_to(at(11, 1, 1))
    city.operator = ctx.acting_as(job_actor("review"))
    city.case = city.open().cases[0]["case"]
    notify_cases(city.operator)
    answer_case(city.unit_fin, city.case, Answer.ACCEPT)

    assert decidable_cases(ctx) == [city.case]
    assert pass_review_deadlines(city.operator).decided == (city.case,)
    schedule_case(city.operator, city.case)
    ctx.clock.move_to(SATURDAY)
    execute_case(as_person(ctx, "olga"), city.case)

    assert state(city) == "watching"
