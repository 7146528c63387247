"""How near the end of a machine's granted term is. Pure."""

from datetime import date, timedelta
from enum import StrEnum


class TermStage(StrEnum):
    """ending: within the site's notice; overdue: its last day has gone by."""

    RUNNING = "running"
    ENDING = "ending"
    OVERDUE = "overdue"


def stage_of(until: date, today: date, notice_days: int) -> TermStage:
    """until: the last day of the term, which still belongs to it."""
    if today > until:
        return TermStage.OVERDUE
    return TermStage.ENDING if until - today <= timedelta(days=notice_days) else TermStage.RUNNING
