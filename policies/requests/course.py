"""A request's way from submission to running machines: a pure machine of states.

`stepped(case, act)` yields the state after an act, or refuses it. What holds in every reachable state, and why:

- *Nothing is granted unchecked*: GRANTED is entered by `approve` alone, which is open to CHECKED alone.
- *Four eyes*: `approve` and `refuse` turn away whoever asked, whoever ever checked, and everybody of the owning unit;
  `execute` turns away whoever granted.
- *Nothing is carried out that was not granted, or was granted too long ago*: EXECUTING is entered from GRANTED alone,
  while the grant lasts.
- *A change that failed leaves the grant as it was*: from EXECUTING only `carried_out` and `fail` lead on, and `fail`
  leads back to GRANTED.
- *Everything ends*: REFUSED, DONE, EXPIRED and WITHDRAWN have no way out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cloudctl.core.errors import Message, Refused
from policies.requests.model import RequestState

# act -> (states in which it may be done, the state it leads to)
ACTS: Mapping[str, tuple[tuple[RequestState, ...], RequestState]] = {
    "check": ((RequestState.SUBMITTED, RequestState.CHECKED), RequestState.CHECKED),
    "approve": ((RequestState.CHECKED,), RequestState.GRANTED),
    "refuse": ((RequestState.SUBMITTED, RequestState.CHECKED), RequestState.REFUSED),
    "withdraw": (
        (RequestState.SUBMITTED, RequestState.CHECKED, RequestState.GRANTED),
        RequestState.WITHDRAWN,
    ),
    "execute": ((RequestState.GRANTED, RequestState.EXECUTING), RequestState.EXECUTING),
    "carried_out": ((RequestState.EXECUTING,), RequestState.DONE),
    "fail": ((RequestState.EXECUTING,), RequestState.GRANTED),
    "expire": ((RequestState.GRANTED,), RequestState.EXPIRED),
}
ENDED = frozenset({RequestState.REFUSED, RequestState.DONE, RequestState.EXPIRED, RequestState.WITHDRAWN})
# How a refusal speaks of a state.
_WORDS = {
    RequestState.SUBMITTED: Message("waiting for its technical check"),
    RequestState.CHECKED: Message("waiting for a decision"),
    RequestState.GRANTED: Message("granted"),
    RequestState.REFUSED: Message("refused"),
    RequestState.EXECUTING: Message("being carried out"),
    RequestState.DONE: Message("done"),
    RequestState.EXPIRED: Message("expired"),
    RequestState.WITHDRAWN: Message("withdrawn"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: his login and his unit's code."""

    login: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Course:
    """What the machine of states looks at. grant_until: when a grant that nobody carries out lapses."""

    request: int
    state: RequestState
    unit: str
    requester: str
    checkers: frozenset[str] = frozenset()
    decider: str | None = None
    grant_until: datetime | None = None


def stepped(course: Course, act: str) -> RequestState:
    """The state after the act. Refused where it is not open."""
    states, after = ACTS[act]
    if course.state not in states:
        raise Refused(
            "Request {request} is {state}: this step is not open to it.",
            request=course.request,
            state=_WORDS[course.state],
            hint=Message("See it with “cloudctl request show {request}”.", {"request": course.request}),
        )
    return after


def decided(course: Course, person: Person, act: str) -> RequestState:
    """`approve` or `refuse`, by somebody with no part in the request."""
    after = stepped(course, act)
    if person.login == course.requester:
        raise Refused(
            "{login} asked for request {request}; nobody decides their own.",
            login=person.login,
            request=course.request,
        )
    if person.login in course.checkers:
        raise Refused(
            "{login} checked request {request}; somebody else must decide it.",
            login=person.login,
            request=course.request,
        )
    if person.unit is not None and person.unit == course.unit:
        raise Refused(
            "{login} belongs to unit {unit}, which asks in request {request}, and does not decide it.",
            login=person.login,
            unit=course.unit,
            request=course.request,
        )
    return after


def executing(course: Course, person: Person, now: datetime) -> RequestState:
    """`execute`: by somebody else than who granted it, while the grant lasts. Begun, it may be gone on with later."""
    after = stepped(course, "execute")
    if person.login == course.decider:
        raise Refused(
            "{login} granted request {request}; somebody else must carry it out.",
            login=person.login,
            request=course.request,
        )
    is_begun = course.state is RequestState.EXECUTING
    if not is_begun and course.grant_until is not None and now >= course.grant_until:
        raise Refused(
            "The grant of request {request} lapsed at {time}.",
            request=course.request,
            time=course.grant_until.isoformat(),
        )
    return after


def expired(course: Course, now: datetime) -> RequestState:
    """`expire`: only of a grant whose time is over."""
    after = stepped(course, "expire")
    if course.grant_until is None or now < course.grant_until:
        raise Refused("The grant of request {request} still lasts.", request=course.request)
    return after
