"""A case's way through notice, answer, votes, decision and execution: a pure machine of states.

`step(case, act)` yields the case after the act, or refuses it. What holds in every reachable state, and why:

- *Nobody of the owning unit and nobody who proposed a case votes on it*: `vote` refuses both, and it is the only
  act that adds a ballot.
- *One person, one vote per round*: `vote` looks for the voter among the ballots of the present round. A new round
  begins only with an appeal, and an appeal is granted once, so a case has at most two rounds.
- *No decision without quorum and majority, unless the unit agreed*: `decide` is the only way into DECIDED. It
  demands an accepted answer (where the site skips the panel for those), or `quorum` ballots of the present round and
  more than half of them for one choice. When every member who may vote has voted and no choice has more than half,
  nothing is changed: the decision is `defer`.
- *Nothing is carried out that was not decided*: SCHEDULED is entered from DECIDED with the decision CUT alone,
  EXECUTING from SCHEDULED alone, WATCHING from EXECUTING alone.
- *The proposer never executes*: `execute` refuses him; a case opened by a job may be executed by any operator.
- *An appeal suspends*: from APPEALED only a new decision leads on, and none of the acts of execution is allowed there.
- *Everything ends*: DONE, ROLLED_BACK, EXPIRED, a decision to keep or to defer have no way out, save that a case
  that is done can still be rolled back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cloudctl.core.errors import Message, Refused


class CaseState(StrEnum):
    """LISTED, EXEMPT and SUPERSEDED are entries of a list that ask nothing of anybody."""

    MARKED = "marked"
    NOTIFIED = "notified"
    ANSWERED = "answered"
    VOTING = "voting"
    DECIDED = "decided"
    APPEALED = "appealed"
    SCHEDULED = "scheduled"
    EXECUTING = "executing"
    WATCHING = "watching"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"
    LISTED = "listed"
    EXEMPT = "exempt"
    SUPERSEDED = "superseded"


class Decision(StrEnum):
    """CUT carries the case's proposal out, whatever it is; KEEP and DEFER end the case."""

    CUT = "cut"
    KEEP = "keep"
    DEFER = "defer"


class Answer(StrEnum):
    ACCEPT = "accept"
    ARGUE = "argue"


# act -> states in which it may be done
ACTS: Mapping[str, tuple[CaseState, ...]] = {
    "notify": (CaseState.MARKED,),
    "remind": (CaseState.NOTIFIED,),
    "answer": (CaseState.NOTIFIED,),
    "vote": (CaseState.NOTIFIED, CaseState.ANSWERED, CaseState.VOTING, CaseState.APPEALED),
    "decide": (CaseState.ANSWERED, CaseState.VOTING, CaseState.APPEALED),
    "appeal": (CaseState.DECIDED, CaseState.SCHEDULED),
    "schedule": (CaseState.DECIDED, CaseState.SCHEDULED),
    "execute": (CaseState.SCHEDULED, CaseState.EXECUTING),
    "carried_out": (CaseState.EXECUTING,),
    "withdraw": (CaseState.EXECUTING,),
    "report": (CaseState.WATCHING, CaseState.DONE),
    "finish": (CaseState.EXECUTING, CaseState.WATCHING),
    "rollback": (CaseState.WATCHING, CaseState.DONE),
    "expire": (
        CaseState.MARKED,
        CaseState.NOTIFIED,
        CaseState.ANSWERED,
        CaseState.VOTING,
    ),
}
ENDED = frozenset(
    {
        CaseState.DONE,
        CaseState.ROLLED_BACK,
        CaseState.EXPIRED,
        CaseState.LISTED,
        CaseState.EXEMPT,
        CaseState.SUPERSEDED,
    }
)
UNDECIDED = ACTS["expire"]
# How a refusal speaks of a state.
_WORDS = {
    CaseState.MARKED: Message("marked; its unit was not notified yet"),
    CaseState.NOTIFIED: Message("waiting for its unit's answer"),
    CaseState.ANSWERED: Message("answered; no decision was drawn yet"),
    CaseState.VOTING: Message("before the panel"),
    CaseState.DECIDED: Message("decided"),
    CaseState.APPEALED: Message("appealed, and before the panel again"),
    CaseState.SCHEDULED: Message("scheduled"),
    CaseState.EXECUTING: Message("being carried out"),
    CaseState.WATCHING: Message("under watch"),
    CaseState.DONE: Message("done"),
    CaseState.ROLLED_BACK: Message("rolled back"),
    CaseState.EXPIRED: Message("expired"),
    CaseState.LISTED: Message("listed for want of evidence"),
    CaseState.EXEMPT: Message("exempt"),
    CaseState.SUPERSEDED: Message("superseded by a later finding"),
}


@dataclass(frozen=True, slots=True)
class Ballot:
    voter: str
    choice: Decision
    round: int


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: his login and his unit's code."""

    login: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Rules:
    """The site's settings. panel: logins that may sit on this panel at all, recused ones included."""

    quorum: int
    accept_skips_panel: bool
    panel: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Case:
    """What the machine of states looks at. proposer: who opened it; answer_is_late: its time for answering is over."""

    number: int
    unit: str
    proposer: str
    state: CaseState
    round: int = 1
    answer: Answer | None = None
    decision: Decision | None = None
    has_appealed: bool = False
    ballots: Sequence[Ballot] = ()
    answer_is_late: bool = False


def is_open(state: CaseState, decision: Decision | None) -> bool:
    """True while something is still to be done: the machine is not marked again."""
    if state is CaseState.DECIDED:
        return decision is Decision.CUT
    return state not in ENDED


def notified(case: Case) -> Case:
    return replace(_at(case, "notify"), state=CaseState.NOTIFIED)


def answered(case: Case, person: Person, answer: Answer) -> Case:
    """The owning unit's answer, within its time."""
    _at(case, "answer")
    if person.unit != case.unit:
        raise Refused("Only unit {unit} can answer case {case}.", unit=case.unit, case=case.number)
    if case.answer_is_late:
        raise Refused("The time for answering case {case} is over.", case=case.number)
    return replace(case, state=CaseState.ANSWERED, answer=answer)


def voted(case: Case, person: Person, choice: Decision, rules: Rules) -> Case:
    """One more ballot of the present round."""
    _at(case, "vote")
    if case.state is CaseState.NOTIFIED and not case.answer_is_late:
        raise Refused("Unit {unit} still has time to answer case {case}.", unit=case.unit, case=case.number)
    if is_settled_by_answer(case, rules):
        raise Refused(
            "Unit {unit} has accepted case {case}; no vote is needed.", unit=case.unit, case=case.number
        )
    if person.unit == case.unit:
        raise Refused(
            "{login} belongs to unit {unit}, whose machine this is, and is recused from case {case}.",
            login=person.login,
            unit=case.unit,
            case=case.number,
        )
    if person.login == case.proposer:
        raise Refused(
            "{login} proposed case {case} and is recused from it.", login=person.login, case=case.number
        )
    if any(ballot.voter == person.login for ballot in present_ballots(case)):
        raise Refused("{login} has voted on case {case} already.", login=person.login, case=case.number)
    state = CaseState.APPEALED if case.state is CaseState.APPEALED else CaseState.VOTING
    return replace(case, state=state, ballots=(*case.ballots, Ballot(person.login, choice, case.round)))


def decided(case: Case, rules: Rules) -> Case:
    """The decision that answer or votes amount to. Refused before quorum, and while a majority can still form."""
    _at(case, "decide")
    if is_settled_by_answer(case, rules):
        return replace(case, state=CaseState.DECIDED, decision=Decision.CUT)
    ballots = present_ballots(case)
    if len(ballots) < rules.quorum:
        raise Refused(
            "Case {case} has {votes} of the {quorum} votes its quorum needs.",
            case=case.number,
            votes=len(ballots),
            quorum=rules.quorum,
        )
    choice = majority([ballot.choice for ballot in ballots])
    if choice is None and _waiting(case, rules):
        raise Refused(
            "No choice has a majority on case {case} yet.",
            case=case.number,
            hint=Message("Still to vote: {names}.", {"names": ", ".join(_waiting(case, rules))}),
        )
    return replace(case, state=CaseState.DECIDED, decision=choice or Decision.DEFER)


def appealed(case: Case, person: Person) -> Case:
    """Once, against a decision to act: suspends it until the panel has voted anew."""
    _at(case, "appeal")
    if case.decision is not Decision.CUT:
        raise Refused("Case {case} changes nothing, so there is nothing to appeal.", case=case.number)
    if person.unit != case.unit:
        raise Refused("Only unit {unit} can appeal case {case}.", unit=case.unit, case=case.number)
    if case.has_appealed:
        raise Refused("Unit {unit} has appealed case {case} once already.", unit=case.unit, case=case.number)
    return replace(
        case,
        state=CaseState.APPEALED,
        has_appealed=True,
        round=case.round + 1,
        decision=None,
        answer=Answer.ARGUE,
    )


def scheduled(case: Case) -> Case:
    _at(case, "schedule")
    if case.decision is not Decision.CUT:
        raise Refused("Case {case} was not decided to be carried out.", case=case.number)
    return replace(case, state=CaseState.SCHEDULED)


def executing(case: Case, person: Person) -> Case:
    """Begun, or gone on with after an interruption, by somebody other than the proposer."""
    _at(case, "execute")
    if person.login == case.proposer:
        raise Refused(
            "{login} proposed case {case}; somebody else must carry it out.",
            login=person.login,
            case=case.number,
        )
    return replace(case, state=CaseState.EXECUTING)


def watched(case: Case) -> Case:
    return replace(_at(case, "carried_out"), state=CaseState.WATCHING)


def withdrawn(case: Case) -> Case:
    """The change failed and was taken back: the case waits for a new time."""
    return replace(_at(case, "withdraw"), state=CaseState.DECIDED)


def reported(case: Case) -> Case:
    """What had to be done by hand beside the change is done too."""
    return _at(case, "report")


def finished(case: Case) -> Case:
    return replace(_at(case, "finish"), state=CaseState.DONE)


def rolled_back(case: Case) -> Case:
    return replace(_at(case, "rollback"), state=CaseState.ROLLED_BACK)


def expired(case: Case) -> Case:
    return replace(_at(case, "expire"), state=CaseState.EXPIRED)


def majority(choices: Sequence[Decision]) -> Decision | None:
    """The choice of more than half of the votes cast, or None."""
    return next((choice for choice in Decision if 2 * choices.count(choice) > len(choices)), None)


def present_ballots(case: Case) -> list[Ballot]:
    return [ballot for ballot in case.ballots if ballot.round == case.round]


def eligible(case: Case, rules: Rules) -> list[str]:
    """The panel's members who are not recused."""
    return sorted(
        login for login, unit in rules.panel.items() if unit != case.unit and login != case.proposer
    )


def _waiting(case: Case, rules: Rules) -> list[str]:
    voters = {ballot.voter for ballot in present_ballots(case)}
    return [login for login in eligible(case, rules) if login not in voters]


def is_settled_by_answer(case: Case, rules: Rules) -> bool:
    return case.state is CaseState.ANSWERED and case.answer is Answer.ACCEPT and rules.accept_skips_panel


def _at(case: Case, act: str) -> Case:
    """The case, if it is in a state that allows the act."""
    if case.state not in ACTS[act]:
        raise Refused(
            "Case {case} is {state}: this step is not open to it.",
            case=case.number,
            state=_WORDS[case.state],
            hint=Message("See its history with “cloudctl review show {case}”.", {"case": case.number}),
        )
    return case
