"""How near the end of a term is, to the day."""

from datetime import date, timedelta

import pytest

from policies.requests.terms import TermStage, stage_of

UNTIL = date(2026, 12, 31)


@pytest.mark.parametrize(
    ("days_before", "stage"),
    [(31, "running"), (30, "ending"), (1, "ending"), (0, "ending"), (-1, "overdue"), (-400, "overdue")],
)
def test_the_last_day_belongs_to_the_term(days_before, stage):
    assert stage_of(UNTIL, UNTIL - timedelta(days=days_before), 30) is TermStage(stage)


def test_without_notice_a_term_ends_soon_on_its_last_day_alone():
    assert stage_of(UNTIL, UNTIL - timedelta(days=1), 0) is TermStage.RUNNING
    assert stage_of(UNTIL, UNTIL, 0) is TermStage.ENDING
