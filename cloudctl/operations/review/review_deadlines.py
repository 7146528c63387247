"""What time does to cases: a reminder when a term has passed, a decision where answers or votes amount to one."""

from dataclasses import dataclass

from cloudctl.core.identity import Role
from cloudctl.core.workdays import load_calendar
from cloudctl.operations.context import Context
from cloudctl.operations.review.decide_case import decidable_cases, decide_cases
from cloudctl.operations.review.notify_case import remind_case
from policies.panel import CaseState
from policies.store import CaseFilter, cases


@dataclass(frozen=True, slots=True)
class Passed:
    """Numbers of the cases that were reminded, are silent (the panel may vote), and were decided."""

    reminded: tuple[int, ...]
    silent: tuple[int, ...]
    decided: tuple[int, ...]


def pass_review_deadlines(ctx: Context) -> Passed:
    """For the scheduler, as often as it likes: what was done once is not done again."""
    ctx.actor.require(Role.OPERATOR)
    reminded, silent = _remind(ctx)
    ready = decidable_cases(ctx)
    if ready:
        decide_cases(ctx, ready)
    return Passed(reminded, silent, tuple(ready))


def _remind(ctx: Context) -> tuple[tuple[int, ...], tuple[int, ...]]:
    now, calendar = ctx.clock.now(), load_calendar(ctx.home)
    reminded, silent = [], []
    with ctx.writing() as session:
        for row in cases(session, CaseFilter(state=CaseState.NOTIFIED)):
            if row.answer_by is None or now < row.answer_by:
                continue
            if ctx.settings.review.reminder_workdays and row.reminded_at is None:
                remind_case(ctx, session, calendar, row)
                reminded.append(row.id)
            else:
                silent.append(row.id)
    return tuple(reminded), tuple(silent)
