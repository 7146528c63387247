"""Decided cases carried out in the maintenance windows, watched, and taken back where a machine begins to hurt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudctl.core.errors import Message, Refused
from cloudctl.operations.demo.troupe import Troupe
from cloudctl.operations.review.execute_case import execute_case
from cloudctl.operations.review.roll_back_case import roll_back_case
from cloudctl.operations.review.show_cases import CaseQuery, list_cases
from cloudctl.operations.review.watch_cases import watch_cases
from policies.panel import CaseState
from policies.underuse import Remedy

# Three machines at a time, every few minutes, beginning a little after the window opens.
HANDS, PACE = 3, timedelta(minutes=4)
HURTS = Message("It has too little since it was cut; the unit asks for its earlier size.")


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a night's work: cases carried out, and those whose cloud refused."""

    done: int
    refused: int


def carry_out(troupe: Troupe, scheduled: Sequence[tuple[datetime, int]]) -> Carried:
    """The second operator and his hands carry out what the first proposed."""
    ctx = troupe.acting(troupe.cast.operators[1])
    done = refused = 0
    for position, (at, number) in enumerate(scheduled):
        if position % HANDS == 0 or ctx.clock.now() < at:
            troupe.meter_until(max(at, ctx.clock.now()) + PACE)
        try:
            execute_case(ctx, number)
            done += 1
        except Refused:
            refused += 1
    return Carried(done, refused)


def report_disks(troupe: Troupe, share: float) -> int:
    """The first of the work orders on storage are reported as done; the rest stay open. Returns how many."""
    ctx = troupe.acting(troupe.cast.operators[1])
    by_hand = (Remedy.REPLACE_AND_COPY, Remedy.RESIZE_AND_REPLACE)
    waiting = [
        case["case"]
        for case in list_cases(ctx)
        if case["remedy"] in by_hand and case["state"] in (CaseState.EXECUTING, CaseState.WATCHING)
    ]
    reported = waiting[: round(share * len(waiting))]
    for number in reported:
        execute_case(ctx, number, done_at=ctx.clock.now())
    return len(reported)


def watch_and_roll_back(troupe: Troupe, at_most: int) -> list[str]:
    """Looks at every machine under watch and takes some back that hurt, where there is room. Returns their names."""
    ctx = troupe.acting(troupe.cast.operators[1])
    watch_cases(ctx)
    hurting = [
        case for case in list_cases(ctx, CaseQuery(state=CaseState.WATCHING)) if case["rollback_proposed"]
    ]
    rolled_back: list[str] = []
    for case in hurting:
        if len(rolled_back) == at_most:
            break
        try:
            roll_back_case(ctx, case["case"], ctx.texts.message(HURTS))
            rolled_back.append(case["vm"])
        except Refused:
            continue
    return rolled_back
