"""The store's main question: per group of machines, exact sums and pooled ratios of every meter over a window."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import duckdb
from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.samples.archive import add_archived
from metering.samples.machine_sums import ROWS_AT_ONCE, machine_sums
from metering.samples.meters import METERS, P95, SPAN, GroupSums, Meter, MeterSums
from metering.samples.quantile import pooled_quantiles
from metering.samples.store import SampleStore
from metering.store import archived_paths, rows_between

# So many values one group may have in a query; its memory doubles as it grows.
ROWS_OF_ONE = 1_500_000


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the window, which group each allocation belongs to, and where a holding began inside the window.

    groups: allocation id -> group; begun: allocation id -> start in µs of the unbroken holding it belongs to, for those
    that began after the window did. machines: all machine ids, when each is a group of its own.
    """

    start: datetime
    end: datetime
    groups: Mapping[int, int]
    begun: Mapping[int, int]
    machines: Sequence[int] | None = None


def window_sums(store: SampleStore, session: Session, question: Question) -> dict[int, GroupSums]:
    """Sums per group; a machine is its own group by its id when `machines` are given.

    Intervals that cross the window's bounds (or a holding's begin) count pro rata in the sums, whole in the ratios.
    """
    with store.opened(session, question.start, question.end) as connection:
        rows = rows_between(session, question.start, question.end)
        _name_groups(connection, question)
        if question.machines is not None:
            found = machine_sums(connection, question.machines, rows)
        else:
            in_one = rows <= ROWS_AT_ONCE and rows * _largest_share(question) <= ROWS_OF_ONE
            found = _read_groups(connection, with_quantile=in_one)
            if not in_one:
                _add_quantiles(connection, found, rows)
        _take_off_outside(connection, question, found)
        _add_archived(connection, store, session, question, found)
    return found


def _add_archived(
    connection: duckdb.DuckDBPyConnection,
    store: SampleStore,
    session: Session,
    question: Question,
    found: dict[int, GroupSums],
) -> None:
    """Whole days whose raw samples have been given up; they never cross the window's bounds."""
    paths = [str(store.folder / path) for path in archived_paths(session, question.start, question.end)]
    bounds = (to_micros(question.start), to_micros(question.end))
    add_archived(connection, paths, bounds, question.groups, found)


def _name_groups(connection: duckdb.DuckDBPyConnection, question: Question) -> None:
    """Joins each sample's group by the allocation stamped on it; samples of other allocations are left out."""
    connection.execute(
        "CREATE TEMP TABLE owner AS SELECT unnest($1::BIGINT[]) AS allocation, unnest($2::BIGINT[]) AS grp",
        [list(question.groups), list(question.groups.values())],
    )
    source = "samples JOIN owner USING (allocation)"
    if question.machines is not None:
        source = "samples"
    connection.execute(f"CREATE TEMP VIEW asked AS SELECT * FROM {source}")


def _largest_share(question: Question) -> float:
    """The share of the allocations that the largest group has."""
    counts = Counter(question.groups.values())
    return max(counts.values()) / counts.total()


def _read_groups(connection: duckdb.DuckDBPyConnection, with_quantile: bool) -> dict[int, GroupSums]:
    found: dict[int, GroupSums] = {}
    columns = ", ".join(_aggregates(meter, with_quantile) for meter in METERS)
    for group, *values in connection.execute(f"SELECT grp, {columns} FROM asked GROUP BY grp").fetchall():
        sums = found.setdefault(group, GroupSums())
        for number, meter in enumerate(METERS):
            used, held_us, measured_us, *rest = values[number * 7 : number * 7 + 7]
            sums.meters[meter.name] = MeterSums(
                Fraction(used or 0), int(held_us or 0), int(measured_us or 0), *rest
            )
    return found


def _aggregates(meter: Meter, with_quantile: bool) -> str:
    known = f"CASE WHEN {meter.used} IS NOT NULL THEN {SPAN} END"
    return ", ".join(
        [
            f"sum({meter.amount})",
            f"sum({meter.held} * ({known}))",
            f"sum({known})",
            f"count({meter.used})",
            f"count(*) FILTER (WHERE {meter.ratio} > 1)",
            f"quantile_cont({meter.ratio}, {P95})" if with_quantile else "NULL",
            f"max({meter.ratio})",
        ]
    )


def _add_quantiles(connection: duckdb.DuckDBPyConnection, found: dict[int, GroupSums], rows: int) -> None:
    ratios = {meter.name: meter.ratio for meter in METERS}
    wanted = {
        (group, name)
        for group, sums in found.items()
        for name, part in sums.meters.items()
        if part.maximum is not None
    }
    for (group, name), value in pooled_quantiles(connection, "asked", rows, ratios, P95, wanted).items():
        found[group].meters[name].p95 = value


def _take_off_outside(
    connection: duckdb.DuckDBPyConnection, question: Question, found: dict[int, GroupSums]
) -> None:
    """Intervals that cross a bound were summed whole: takes off what lies outside, exactly."""
    start, end = to_micros(question.start), to_micros(question.end)
    key = "grp" if question.machines is None else "vm"
    used = ", ".join(meter.used for meter in METERS)
    held = ", ".join(meter.held for meter in METERS)
    columns = f"{key}, start_us, end_us, {used}, {held}"
    # Parts with one comparison each, so that the engine can skip what lies well inside.
    parts = [
        f"SELECT {columns}, {start}, {end} FROM asked WHERE start_us < {start}",
        f"SELECT {columns}, {start}, {end} FROM asked WHERE end_us > {end} AND start_us >= {start}",
    ]
    if question.begun:
        connection.execute(
            "CREATE TEMP TABLE begun AS SELECT unnest($1::BIGINT[]) AS allocation, unnest($2::BIGINT[]) AS begin_us",
            [list(question.begun), list(question.begun.values())],
        )
        first, last = min(question.begun.values()), max(question.begun.values())
        parts.append(
            f"SELECT {columns}, begin_us, {end} FROM asked JOIN begun USING (allocation) "
            f"WHERE start_us < begin_us AND end_us > begin_us AND start_us >= {start} AND end_us <= {end} "
            f"AND end_us > {first} AND start_us < {last}"
        )
    rows = connection.execute(" UNION ALL ".join(parts))
    for group, *row in rows.fetchall():
        _take_off(found[group], row)


def _take_off(sums: GroupSums, row: Sequence[Any]) -> None:
    first, last, *rest = row
    uses, sizes, (low, high) = rest[:3], rest[3:6], rest[6:]
    outside = (last - first) - (min(last, high) - max(first, low))
    for meter, used, size in zip(METERS, uses, sizes, strict=True):
        if used is None:
            continue
        part = sums.meters[meter.name]
        whole = used if meter.is_sum else used * (last - first)
        part.used -= Fraction(whole * outside, last - first)
        part.held_us -= size * outside
        part.measured_us -= outside
