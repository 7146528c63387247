"""What the samples say about segments of allocations: time measured and use, as exact integers and fractions."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import duckdb
from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.samples.segment_model import Span, Use
from metering.samples.store import SampleStore

# A row wholly inside [a, b): its sums are exact in DuckDB's 128-bit integers.
_INSIDE = """
SELECT allocation, min(start_us), max(end_us),
  coalesce(sum(end_us - start_us) FILTER (state <> 'unknown'), 0),
  coalesce(sum(end_us - start_us) FILTER (cpu_ns IS NOT NULL), 0),
  coalesce(sum(cpu_ns), 0),
  coalesce(sum(end_us - start_us) FILTER (memory_used_bytes IS NOT NULL), 0),
  coalesce(sum(memory_used_bytes::HUGEINT * (end_us - start_us)), 0),
  coalesce(sum(end_us - start_us) FILTER (storage_used_bytes IS NOT NULL), 0),
  coalesce(sum(storage_used_bytes::HUGEINT * (end_us - start_us)), 0)
FROM samples WHERE start_us >= {a} AND end_us <= {b} GROUP BY allocation
"""
_ROW = "allocation, start_us, end_us, state, cpu_ns, memory_used_bytes, storage_used_bytes"


def segment_use(
    store: SampleStore, session: Session, spans: Sequence[Span], cuts: Sequence[datetime]
) -> dict[Span, Use]:
    """The use of every span, by the allocation each sample is stamped with.

    cuts: instants in order, the first and last around everything asked; each span lies between two neighbours. A
    sample that crosses a cut, or the span's own bounds, counts for the part inside, its CPU use pro rata.
    """
    answers = {span: Use() for span in spans}
    if not spans:
        return answers
    edges = [to_micros(cut) for cut in cuts]
    with store.opened(session, cuts[0], cuts[-1]) as connection:
        for a, b in pairwise(edges):
            asked = {span.allocation: span for span in spans if a <= span.start_us and span.end_us <= b}
            _take_inside(connection, asked, answers, a, b)
        _take_crossing(connection, spans, answers, edges)
    return answers


def _take_inside(
    connection: duckdb.DuckDBPyConnection, asked: dict[int, Span], answers: dict[Span, Use], a: int, b: int
) -> None:
    ragged = []
    for row in connection.execute(_INSIDE.format(a=a, b=b)).fetchall():
        allocation, first, last, *sums = row
        span = asked.get(allocation)
        if span is None:
            continue
        answers[span].add(_summed(sums))
        if first < span.start_us or last > span.end_us:
            ragged.append(span)
    for row in _beyond(connection, ragged, a, b):
        span = asked[row[0]]
        answers[span].add(_clipped(row, Span(span.allocation, row[1], row[2])), -1)
        answers[span].add(_clipped(row, span))


def _beyond(connection: duckdb.DuckDBPyConnection, spans: Sequence[Span], a: int, b: int) -> Sequence[Any]:
    """Rows between two cuts that reach over the bounds of their span."""
    if not spans:
        return []
    listed = ", ".join(f"({span.allocation}, {span.start_us}, {span.end_us})" for span in spans)
    return connection.execute(
        f"SELECT {_ROW} FROM samples JOIN (VALUES {listed}) AS asked(id, low, high) ON allocation = id "
        f"WHERE start_us >= {a} AND end_us <= {b} AND (start_us < low OR end_us > high)"
    ).fetchall()


def _take_crossing(
    connection: duckdb.DuckDBPyConnection,
    spans: Iterable[Span],
    answers: dict[Span, Use],
    edges: Sequence[int],
) -> None:
    """Rows that lie across a cut: few, so each is shared out by hand. One that crosses two comes once."""
    across = " UNION ".join(
        f"SELECT vm, {_ROW} FROM samples WHERE start_us < {edge} AND end_us > {edge}" for edge in edges
    )
    crossing: dict[int, list[Any]] = {}
    for _, *row in connection.execute(across).fetchall():
        crossing.setdefault(row[0], []).append(row)
    if not crossing:
        return
    for span in spans:
        for row in crossing.get(span.allocation, ()):
            answers[span].add(_clipped(row, span))


def _summed(sums: Sequence[int]) -> Use:
    seen, cpu_us, cpu, memory_us, memory, storage_us, storage = map(int, sums)
    return Use(
        seen,
        {"cpu": cpu_us, "memory": memory_us, "storage": storage_us},
        {"cpu": Fraction(cpu), "memory": Fraction(memory), "storage": Fraction(storage)},
    )


def _clipped(row: Sequence[Any], span: Span) -> Use:
    """The part of one sample inside the span."""
    _, start, end, state, cpu_ns, memory_bytes, storage_bytes = row
    inside = max(0, min(end, span.end_us) - max(start, span.start_us))
    use = Use(seen_us=inside if state != "unknown" else 0)
    for meter, amount in (
        ("cpu", None if cpu_ns is None else Fraction(cpu_ns * inside, end - start)),
        ("memory", None if memory_bytes is None else Fraction(memory_bytes * inside)),
        ("storage", None if storage_bytes is None else Fraction(storage_bytes * inside)),
    ):
        if amount is not None:
            use.measured_us[meter] = inside
            use.used[meter] = amount
    return use
