"""Compares statements as they stand with what the evidence says, line by line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from metering.settlement.document import line_document
from metering.settlement.drafting import Draft
from metering.settlement.model import Line, Statement


@dataclass(frozen=True, slots=True)
class Difference:
    """A line (or a total) that is not what the evidence says. subject: "NUMBER/LINE", or "NUMBER".

    fields: what differs. Amounts in fen; None on the side where the line is missing.
    """

    subject: str
    vm: str | None
    item: str | None
    fields: tuple[str, ...]
    stored_fen: int | None
    computed_fen: int | None


def differences(statements: Sequence[Statement], drafts: Sequence[Draft]) -> list[Difference]:
    """Every difference, by statement and line; a statement without lines is the same as none."""
    computed = {(draft.unit, draft.provider): draft for draft in drafts}
    found: list[Difference] = []
    for statement in statements:
        draft = computed.pop((statement.unit, statement.provider), None)
        found += _of_statement(statement, draft.lines if draft else ())
    for draft in computed.values():
        subject = f"{draft.unit} {draft.provider}"
        found.append(Difference(subject, None, None, ("statement",), None, draft.total_fen))
    return found


def _of_statement(statement: Statement, lines: Sequence[Line]) -> Iterator[Difference]:
    name = statement.number or f"{statement.unit} {statement.provider}"
    for stored, line in zip_longest(statement.lines, lines):
        present = stored or line
        fields = _fields(stored, line)
        if fields:
            subject = f"{name}/{present.position}"
            yield Difference(subject, present.vm, present.item, fields, _fen(stored), _fen(line))
    printed = sum(line.amount_fen for line in statement.lines)
    if printed != statement.total_fen:
        yield Difference(name, None, None, ("total",), statement.total_fen, printed)


def _fields(stored: Line | None, line: Line | None) -> tuple[str, ...]:
    if stored is None or line is None:
        return ("line",)
    if stored == replace(line, position=stored.position) and stored.position == line.position:
        return ()
    before, after = line_document(stored), line_document(line)
    return tuple(name for name in before if before[name] != after[name])


def _fen(line: Line | None) -> int | None:
    return None if line is None else line.amount_fen
