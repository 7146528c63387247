"""The machine of states: its invariants hold whatever is tried in whatever order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cloudctl.core.errors import Refused
from policies import panel
from policies.panel import Answer, Ballot, Case, CaseState, Decision, Person, Rules

PEOPLE = {"ann": "fin", "bob": "edu", "cat": "edu", "dan": None, "eve": "data", "fay": "data"}
people = st.sampled_from([Person(login, unit) for login, unit in PEOPLE.items()])
choices = st.sampled_from(list(Decision))


class Course(RuleBasedStateMachine):
    """Everybody tries everything; what is refused leaves the case as it was."""

    @initialize(quorum=st.integers(1, 4), skips=st.booleans())
    def begin(self, quorum, skips):
        self.rules = Rules(quorum, skips, PEOPLE)
        self.case = Case(number=1, unit="fin", proposer="eve", state=CaseState.MARKED)
        self.trail = [self.case]
        self.executors = []

    def attempt(self, act):
        try:
            after = act(self.case)
        except Refused:
            return False
        self.case = after
        self.trail.append(after)
        return True

    @rule()
    def notify(self):
        self.attempt(panel.notified)

    @rule(person=people, answer=st.sampled_from(list(Answer)))
    def answer(self, person, answer):
        if self.attempt(lambda case: panel.answered(case, person, answer)):
            assert person.unit == "fin"

    @rule()
    def time_passes(self):
        from dataclasses import replace

        self.case = replace(self.case, answer_is_late=True)

    @rule(person=people, choice=choices)
    def vote(self, person, choice):
        before = self.case
        if self.attempt(lambda case: panel.voted(case, person, choice, self.rules)):
            assert before.state is not CaseState.NOTIFIED or before.answer_is_late

    @rule()
    def decide(self):
        before = self.case
        if self.attempt(lambda case: panel.decided(case, self.rules)):
            _check_decision(before, self.case, self.rules)

    @rule(person=people)
    def appeal(self, person):
        if self.attempt(lambda case: panel.appealed(case, person)):
            assert person.unit == "fin"

    @rule()
    def schedule(self):
        self.attempt(panel.scheduled)

    @rule(person=people)
    def execute(self, person):
        if self.attempt(lambda case: panel.executing(case, person)):
            assert person.login != "eve"

    @rule(
        act=st.sampled_from(
            [panel.watched, panel.withdrawn, panel.finished, panel.rolled_back, panel.expired]
        )
    )
    def go_on(self, act):
        self.attempt(act)

    @precondition(lambda self: hasattr(self, "case"))
    @invariant()
    def nobody_votes_twice_or_on_his_own(self):
        voters = [(ballot.voter, ballot.round) for ballot in self.case.ballots]
        assert len(set(voters)) == len(voters)
        assert not {login for login, _ in voters} & {"ann", "eve"}

    @precondition(lambda self: hasattr(self, "case"))
    @invariant()
    def at_most_one_appeal(self):
        assert self.case.round <= 2
        assert (
            sum(b.state is CaseState.APPEALED and a.state is not CaseState.APPEALED for a, b in self.steps())
            <= 1
        )

    @precondition(lambda self: hasattr(self, "case"))
    @invariant()
    def nothing_undecided_is_carried_out(self):
        if self.case.state in (
            CaseState.SCHEDULED,
            CaseState.EXECUTING,
            CaseState.WATCHING,
            CaseState.ROLLED_BACK,
        ):
            assert self.case.decision is Decision.CUT

    @precondition(lambda self: hasattr(self, "case"))
    @invariant()
    def what_has_ended_stays_ended(self):
        for before, after in self.steps():
            if before.state in (CaseState.ROLLED_BACK, CaseState.EXPIRED):
                raise AssertionError("left an end")
            if before.state is CaseState.DONE:
                assert after.state is CaseState.ROLLED_BACK

    def steps(self):
        return zip(self.trail, self.trail[1:], strict=False)


def _check_decision(before, after, rules):
    if before.state is CaseState.ANSWERED and before.answer is Answer.ACCEPT and rules.accept_skips_panel:
        assert after.decision is Decision.CUT
        return
    cast = [ballot.choice for ballot in before.ballots if ballot.round == before.round]
    assert len(cast) >= rules.quorum
    majority = [choice for choice in Decision if cast.count(choice) * 2 > len(cast)]
    assert after.decision is (majority[0] if majority else Decision.DEFER)


Course.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestCourse = Course.TestCase

RULES = Rules(3, True, PEOPLE)


def case(**changed):
    return Case(**{"number": 7, "unit": "fin", "proposer": "eve", "state": CaseState.ANSWERED} | changed)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ("cut cut keep", Decision.CUT),
        ("keep keep cut cut", None),
        ("cut keep defer", None),
        ("defer", Decision.DEFER),
        ("", None),
    ],
)
def test_a_majority_is_more_than_half_of_the_votes_cast(choices, expected):
    assert panel.majority([Decision(choice) for choice in choices.split()]) is expected


def test_a_tie_waits_for_those_who_have_not_voted():
    ballots = (
        Ballot("bob", Decision.CUT, 1),
        Ballot("cat", Decision.KEEP, 1),
        Ballot("dan", Decision.DEFER, 1),
    )

    with pytest.raises(Refused) as refusal:
        panel.decided(case(state=CaseState.VOTING, answer=Answer.ARGUE, ballots=ballots), RULES)

    assert str(refusal.value.hint) == "Still to vote: fay."


def test_votes_of_the_first_round_do_not_count_in_the_second():
    first = tuple(Ballot(login, Decision.CUT, 1) for login in ("bob", "cat", "dan"))
    again = panel.appealed(
        case(state=CaseState.DECIDED, decision=Decision.CUT, ballots=first), Person("ann", "fin")
    )

    with pytest.raises(Refused, match="0 of the 3"):
        panel.decided(again, RULES)


def test_an_accepted_case_needs_the_panel_where_the_site_says_so():
    accepted = case(answer=Answer.ACCEPT)

    assert panel.decided(accepted, RULES).decision is Decision.CUT
    with pytest.raises(Refused, match="0 of the 3"):
        panel.decided(accepted, Rules(3, False, PEOPLE))
    with pytest.raises(Refused, match="no vote is needed"):
        panel.voted(accepted, Person("bob", "edu"), Decision.CUT, RULES)


def test_open_are_those_with_something_to_do():
    assert panel.is_open(CaseState.DECIDED, Decision.CUT)
    assert not panel.is_open(CaseState.DECIDED, Decision.KEEP)
    assert not any(panel.is_open(state, None) for state in panel.ENDED)
