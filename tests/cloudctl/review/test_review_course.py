"""A case's course to its decision: notice, answer, votes, appeal, and who may not do what."""

from datetime import timedelta

import pytest

from cloudctl.core.errors import NotFound, Refused
from cloudctl.core.identity import job_actor
from cloudctl.core.quantity import Size
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.appeal_case import appeal_case
from cloudctl.operations.review.decide_case import decidable_cases, decide_cases
from cloudctl.operations.review.execute_case import execute_case
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.review_deadlines import pass_review_deadlines
from cloudctl.operations.review.roll_back_case import roll_back_case
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.show_cases import show_case
from cloudctl.operations.review.vote_case import vote_case
from cloudctl.operations.review.watch_cases import finish_watch, watch_cases
from policies.panel import Answer, Decision
from policies.store import savings
from tests.cloudctl.review.opened_case import SATURDAY, accepted, held, letters, state, watched
from tests.cloudctl.reviewed_city import LARGE, City, at


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
