"""September is settled without a word, October with all that can happen: from the draft to its verification."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cloudctl.core.errors import Message
from cloudctl.operations.demo.troupe import Troupe
from cloudctl.operations.settlement.answer_statement import confirm_statement, dispute_statement
from cloudctl.operations.settlement.approve_statements import approve_statements
from cloudctl.operations.settlement.close_period import Closed, close_period
from cloudctl.operations.settlement.deem_statements import deem_statements
from cloudctl.operations.settlement.draft_settlement import Drafted, draft_settlement
from cloudctl.operations.settlement.issue_statements import issue_statements
from cloudctl.operations.settlement.read_settlement import show_settlement
from cloudctl.operations.settlement.resolve_dispute import uphold_statement
from cloudctl.operations.settlement.verify_period import Verification, verify_period

PERIOD, BEFORE = "2026-10", "2026-09"
OBJECTION = Message("This machine was cut in the middle of October; why is it billed at its earlier size?")
ANSWER = Message("The line ends when the machine was cut; from then on the next line bills the smaller size.")


@dataclass(slots=True)
class Settling:
    """The month's course. numbers: statement number -> unit."""

    drafted: Drafted | None = None
    numbers: dict[str, str] = field(default_factory=dict)
    disputed: str | None = None
    silent: str | None = None
    deemed: tuple[str, ...] = ()
    closed: Closed | None = None
    verified: Verification | None = None


def issue_before(troupe: Troupe) -> dict[str, str]:
    """The month before is drafted and issued; returns its statements' numbers and units."""
    ctx = troupe.acting(troupe.cast.operators[0])
    draft_settlement(ctx, BEFORE)
    return {str(row["number"]): str(row["unit"]) for row in issue_statements(ctx, BEFORE)}


def close_before(troupe: Troupe, numbers: Mapping[str, str]) -> None:
    """Nobody has anything against it."""
    for number, unit in numbers.items():
        confirm_statement(troupe.unit_member(unit), number)
    approve_statements(troupe.acting(troupe.cast.finance[1]), BEFORE)
    close_period(troupe.acting(troupe.cast.finance[0]), BEFORE)


def draft_and_issue(troupe: Troupe, settling: Settling) -> None:
    ctx = troupe.acting(troupe.cast.operators[0])
    settling.drafted = draft_settlement(ctx, PERIOD)
    settling.numbers = {str(row["number"]): str(row["unit"]) for row in issue_statements(ctx, PERIOD)}


def dispute_one(troupe: Troupe, settling: Settling) -> None:
    """The first unit with a machine that was cut in the month objects to the line before the cut."""
    document = show_settlement(troupe.acting(troupe.cast.finance[0]), PERIOD)
    month_end = max(line["end"] for statement in document["statements"] for line in statement["lines"])
    for statement in document["statements"]:
        for position, line in enumerate(statement["lines"], 1):
            if line["end"] < month_end:
                ctx = troupe.unit_member(statement["unit"])
                dispute_statement(ctx, statement["number"], position, ctx.texts.message(OBJECTION))
                settling.disputed = statement["number"]
                return


def answer_dispute(troupe: Troupe, settling: Settling) -> None:
    if settling.disputed is not None:
        ctx = troupe.acting(troupe.cast.operators[1])
        uphold_statement(ctx, settling.disputed, ctx.texts.message(ANSWER))
        confirm_statement(troupe.unit_member(settling.numbers[settling.disputed]), settling.disputed)


def confirm_others(troupe: Troupe, settling: Settling) -> int:
    """All units confirm but the one that disputes and the last other one, which says nothing."""
    open_ones = [number for number in settling.numbers if number != settling.disputed]
    settling.silent = settling.numbers[open_ones[-1]] if open_ones else None
    confirmed = [number for number in open_ones if settling.numbers[number] != settling.silent]
    for number in confirmed:
        confirm_statement(troupe.unit_member(settling.numbers[number]), number)
    return len(confirmed)


def close(troupe: Troupe, settling: Settling) -> None:
    """Silence is acceptance by now; finance approves and closes, somebody else than who prepared; audit verifies."""
    settling.deemed = tuple(deem_statements(troupe.acting(troupe.cast.operators[0])))
    approve_statements(troupe.acting(troupe.cast.finance[1]), PERIOD)
    settling.closed = close_period(troupe.acting(troupe.cast.finance[0]), PERIOD)
    settling.verified = verify_period(troupe.acting(troupe.cast.auditor), PERIOD)
