"""The review of September: marks, notices, what units answer, how the panel votes, what is scheduled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from cloudctl.core.clock import month_bounds
from cloudctl.core.errors import Message, Refused
from cloudctl.operations.demo.troupe import Troupe
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.appeal_case import appeal_case
from cloudctl.operations.review.change_exemptions import add_exemption
from cloudctl.operations.review.decide_case import decidable_cases, decide_cases
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.open_review import Opening, open_review
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.show_cases import CaseQuery, list_cases
from cloudctl.operations.review.vote_case import vote_case
from policies.exemption import ExemptionKind
from policies.panel import Answer, CaseState, Decision

# The shares of marked machines taken up in the first round and in the second; the others wait.
FIRST_ROUND, SECOND_ROUND = 0.3, 0.1
# The panel takes so many cases at a time, and so long over them.
SHEAF, PACE = 5, timedelta(minutes=10)
ARGUMENTS = (
    Message("Year-end closing lies ahead; load will rise until January."),
    Message("A new service goes live on this machine in December."),
    Message("Queries at noon are slow already; memory is needed as cache."),
    Message("It stands in for the machine beside it when that one fails."),
)
VOTES = {
    Decision.CUT: Message("The evidence is clear, and the target leaves enough room."),
    Decision.KEEP: Message("The unit's reason convinces me; look again in three months."),
    Decision.DEFER: Message("Measure one more month before deciding."),
}
APPEAL = Message("The panel has not seen our test of last week; please look at it again.")


@dataclass(slots=True)
class Review:
    """The story's cases as they stand. recused: how often a member had to stand aside."""

    random: Random
    opening: Opening | None = None
    round_one: tuple[dict[str, Any], ...] = ()
    round_two: tuple[dict[str, Any], ...] = ()
    argued: list[int] = field(default_factory=list)
    recused: int = 0
    appealed: int | None = None


def exempt_some(troupe: Troupe) -> int:
    """Machines whose idleness is meant: examinations in June, and the standby of a database. Returns how many."""
    ctx = troupe.acting(troupe.cast.operators[0])
    until = troupe.at(date(2027, 6, 30), 0)
    added = 0
    for machine in troupe.city.machines_at_first():
        kind = None
        if machine.system == "edu-exam":
            kind, reason = ExemptionKind.SEASONAL, Message("Examinations are in June; load comes then.")
        elif machine.pool == "ded" and machine.name.endswith("-db-2"):
            kind, reason = ExemptionKind.STANDBY, Message("Standby of the first database.")
        if kind is not None:
            owner = troupe.cast.members[machine.system.partition("-")[0]]
            add_exemption(ctx, machine.name, kind, owner, ctx.texts.message(reason), until)
            added += 1
    return added


def open_september(troupe: Troupe, review: Review) -> Opening:
    """The window is the whole of September; of what is marked, the greatest savings are taken up first."""
    ctx = troupe.acting(troupe.cast.operators[0])
    review.opening = opening = open_review(ctx, *month_bounds("2026-09", ctx.site.zone))
    review.round_one = notify_greatest(troupe, FIRST_ROUND * opening.counts.get(CaseState.MARKED, 0))
    return opening


def notify_greatest(troupe: Troupe, count: float) -> tuple[dict[str, Any], ...]:
    """Tells the owners of the cases that would save most of those marked; returns the cases."""
    ctx = troupe.acting(troupe.cast.operators[0])
    marked = list_cases(ctx, CaseQuery(state=CaseState.MARKED))
    by_saving = sorted(marked, key=lambda case: (-float(case["monthly_saving"] or 0), case["case"]))
    taken_up = tuple(by_saving[: round(count + 0.5)])
    notify_cases(ctx, [case["case"] for case in taken_up])
    return taken_up


def answer_notices(troupe: Troupe, review: Review, cases: Sequence[dict[str, Any]], choice: Answer) -> int:
    """What units say within their time: most accept, some argue, some keep silent. Returns how many did."""
    answered = 0
    for case in cases:
        mood = Random(f"{case['vm']} {troupe.city.seed}").random()
        if choice is not _answer_of(mood):
            continue
        ctx = troupe.unit_member(case["unit"])
        text = ""
        if choice is Answer.ARGUE:
            text = ctx.texts.message(review.random.choice(ARGUMENTS))
            review.argued.append(case["case"])
        answer_case(ctx, case["case"], choice, text)
        answered += 1
    return answered


def _answer_of(mood: float) -> Answer | None:
    if mood < 0.62:
        return Answer.ACCEPT
    return Answer.ARGUE if mood < 0.88 else None


def hold_panel(troupe: Troupe, review: Review, cases: Iterable[dict[str, Any]]) -> None:
    """Every member votes on every case in turn; whose unit it is, is turned away by the system."""
    for position, case in enumerate(cases):
        if position % SHEAF == 0:
            troupe.meter_until(troupe.founder.clock.now() + PACE)
        for login in troupe.cast.panel:
            ctx = troupe.acting(login)
            choice = _choice(review, case["case"])
            try:
                vote_case(ctx, case["case"], choice, ctx.texts.message(VOTES[choice]))
            except Refused:
                if ctx.actor.unit != case["unit"]:
                    raise
                review.recused += 1


def _choice(review: Review, number: int) -> Decision:
    """A unit's arguments move some members; silence moves nobody."""
    mood = review.random.random()
    if number not in review.argued:
        return Decision.CUT if mood < 0.95 else Decision.DEFER
    return Decision.CUT if mood < 0.6 else Decision.KEEP if mood < 0.93 else Decision.DEFER


def open_votes(troupe: Troupe, review: Review) -> list[dict[str, Any]]:
    """The first round's cases that nobody's consent has settled."""
    ours = {case["case"] for case in review.round_one}
    undecided = (CaseState.NOTIFIED, CaseState.ANSWERED, CaseState.VOTING)
    return [
        case for case in list_cases(troupe.founder) if case["case"] in ours and case["state"] in undecided
    ]


def decide(troupe: Troupe) -> int:
    """The decisions that answers and votes amount to by now."""
    ctx = troupe.acting(troupe.cast.operators[0])
    ready = decidable_cases(ctx)
    if ready:
        decide_cases(ctx, ready)
    return len(ready)


def appeal_one(troupe: Troupe, review: Review) -> None:
    """One unit that argued in vain appeals."""
    decided = {case["case"]: case for case in decided_cuts(troupe)}
    number = next((number for number in review.argued if number in decided), None)
    if number is not None:
        ctx = troupe.unit_member(decided[number]["unit"])
        appeal_case(ctx, number, ctx.texts.message(APPEAL))
        review.appealed = number


def decided_cuts(troupe: Troupe) -> list[dict[str, Any]]:
    found = list_cases(troupe.founder, CaseQuery(state=CaseState.DECIDED))
    return [case for case in found if case["decision"] == Decision.CUT]


def schedule_decided(troupe: Troupe) -> list[tuple[datetime, int]]:
    """Each decided cut is put into its system's next maintenance window; by time and number."""
    ctx = troupe.acting(troupe.cast.operators[0])
    numbers: Sequence[int] = [case["case"] for case in decided_cuts(troupe)]
    for number in numbers:
        schedule_case(ctx, number)
    scheduled = list_cases(ctx, CaseQuery(state=CaseState.SCHEDULED))
    return sorted((case["scheduled_for"], case["case"]) for case in scheduled if case["case"] in numbers)
