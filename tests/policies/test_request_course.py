"""A request's course: no walk of acts by anybody reaches what four eyes or the order of steps forbid."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.errors import Refused
from policies.requests.course import ACTS, ENDED, Course, Person, decided, executing, expired, stepped
from policies.requests.model import RequestState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
PEOPLE = [
    Person(login, unit)
    for login, unit in (("asker", "fin"), ("checker", "data"), ("judge", "edu"), ("kin", "fin"))
]
WALKS = st.lists(
    st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(PEOPLE), st.integers(0, 40)), max_size=14
)


def walked(course, act, person, now):
    """The course after an act as the operations take it."""
    if act in ("approve", "refuse"):
        after = replace(course, state=decided(course, person, act), decider=person.login)
        return replace(after, grant_until=now + timedelta(days=30)) if act == "approve" else after
    if act == "execute":
        return replace(course, state=executing(course, person, now))
    if act == "expire":
        return replace(course, state=expired(course, now))
    after = replace(course, state=stepped(course, act))
    return replace(after, checkers=after.checkers | {person.login}) if act == "check" else after


@given(WALKS)
def test_no_walk_breaks_the_rules(walk):
    course, now, seen = Course(1, RequestState.SUBMITTED, "fin", "asker"), NOW, [RequestState.SUBMITTED]
    for act, person, days in walk:
        now += timedelta(days=days)
        before = course
        try:
            course = walked(course, act, person, now)
        except Refused:
            assert course == before
            continue
        assert before.state not in ENDED
        seen.append(course.state)
        if act in ("approve", "refuse"):
            assert person.unit != "fin"
            assert person.login not in (course.requester, *course.checkers)
        if act == "approve":
            assert RequestState.CHECKED in seen
        if act == "execute":
            assert RequestState.GRANTED in seen
            assert person.login != course.decider
            if before.state is RequestState.GRANTED:
                assert now < before.grant_until


@given(st.sampled_from(sorted(RequestState)), st.sampled_from(sorted(ACTS)))
def test_an_act_is_open_in_its_states_alone(state, act):
    course = Course(1, state, "fin", "asker")
    if state in ACTS[act][0]:
        assert stepped(course, act) is ACTS[act][1]
    else:
        with pytest.raises(Refused):
            stepped(course, act)


@pytest.mark.parametrize("person", [PEOPLE[0], PEOPLE[1], PEOPLE[3]], ids=lambda person: person.login)
@pytest.mark.parametrize("act", ["approve", "refuse"])
def test_nobody_with_a_part_in_a_request_decides_it(person, act):
    course = Course(1, RequestState.CHECKED, "fin", "asker", frozenset({"checker"}))
    with pytest.raises(Refused):
        decided(course, person, act)
    assert decided(course, PEOPLE[2], act) is ACTS[act][1]


def test_who_granted_does_not_carry_out():
    course = Course(
        1, RequestState.GRANTED, "fin", "asker", frozenset({"checker"}), "judge", NOW + timedelta(days=1)
    )
    with pytest.raises(Refused):
        executing(course, PEOPLE[2], NOW)
    assert executing(course, PEOPLE[1], NOW) is RequestState.EXECUTING


def test_a_grant_lapses_to_the_instant():
    course = Course(1, RequestState.GRANTED, "fin", "asker", frozenset({"checker"}), "judge", NOW)
    with pytest.raises(Refused, match=r"lapsed|{request}"):
        executing(course, PEOPLE[1], NOW)
    assert expired(course, NOW) is RequestState.EXPIRED
    with pytest.raises(Refused):
        expired(course, NOW - timedelta(microseconds=1))


def test_what_was_begun_in_time_may_be_gone_on_with_later():
    course = Course(1, RequestState.EXECUTING, "fin", "asker", frozenset({"checker"}), "judge", NOW)
    assert executing(course, PEOPLE[1], NOW + timedelta(days=99)) is RequestState.EXECUTING
