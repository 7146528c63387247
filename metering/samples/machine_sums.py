"""The dearest part of the main question, one row per machine, kept as lean as a query without exactness would be.

Sums are of integers, so the same samples give the same bytes however many threads add them up. A byte·µs takes more
than 64 bits in a sum's products, so levels are summed in two halves; ratios are scaled after their quantile is taken.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import duckdb

from metering.samples.meters import METERS, P95, SPAN, GroupSums, Meter, MeterSums

# An exact quantile keeps its values in memory: so many rows go into one query, more are asked in parts.
ROWS_AT_ONCE = 9_000_000
# A level's product with a day in µs fits 64 bits up to 100 TiB; an import refuses what would not.
HALF = 20
# Per meter: high half, low half, held, known intervals, p95, maximum.
FIGURES = 6


def machine_sums(
    connection: duckdb.DuckDBPyConnection, machines: Sequence[int], rows: int
) -> dict[int, GroupSums]:
    """Sums per machine over the view `asked`, whole intervals. rows: about how many `asked` has."""
    found: dict[int, GroupSums] = {}
    gapped: list[int] = []
    for condition in _parts(machines, rows):
        columns = ", ".join(_figures(meter) for meter in METERS)
        query = f"SELECT vm, count(*), sum({SPAN}), {columns} FROM asked WHERE {condition} GROUP BY vm"
        for vm, intervals, total_us, *values in connection.execute(query).fetchall():
            found[vm] = _sums(int(total_us), values)
            if any(part.intervals < intervals for part in found[vm].meters.values()):
                gapped.append(vm)
    _take_off_unknown(connection, gapped, found)
    _count_over(connection, found)
    return found


def _parts(machines: Sequence[int], rows: int) -> Iterator[str]:
    """Conditions that each take some of the machines, by ranges of their ids, so that the reader can skip the rest."""
    ordered = sorted(machines)
    size = max(1, len(ordered) * ROWS_AT_ONCE // max(rows, 1))
    for first in range(0, len(ordered), size):
        part = ordered[first : first + size]
        yield f"vm BETWEEN {part[0]} AND {part[-1]}"


def _figures(meter: Meter) -> str:
    ratio = f"{meter.used} / {_divisor(meter)}"
    halves = (
        [f"sum({meter.used})", "0"]
        if meter.is_sum
        else [f"sum(({meter.used} >> {HALF}) * {SPAN})", f"sum(({meter.used} & {(1 << HALF) - 1}) * {SPAN})"]
    )
    return ", ".join(
        [
            *halves,
            f"sum({meter.held} * {SPAN})",
            f"count({meter.used})",
            f"quantile_cont({ratio}, {P95})",
            f"max({ratio})",
        ]
    )


def _divisor(meter: Meter) -> str:
    """What was held, not yet scaled. A machine may hold no storage; every machine has vCPUs and memory."""
    return f"({meter.held} * {SPAN})" if meter.is_sum else f"nullif({meter.held}, 0)"


def _sums(total_us: int, values: Sequence[Any]) -> GroupSums:
    """As if all time were measured; `_take_off_unknown` takes off what was not."""
    sums = GroupSums()
    for place, meter in enumerate(METERS):
        high, low, held, known, p95, maximum = values[place * FIGURES :][:FIGURES]
        used = int(high or 0) if meter.is_sum else (int(high or 0) << HALF) + int(low or 0)
        sums.meters[meter.name] = MeterSums(
            used=Fraction(used),
            held_us=int(held),
            measured_us=total_us,
            intervals=known,
            p95=None if p95 is None else p95 / meter.per_held,
            maximum=None if maximum is None else maximum / meter.per_held,
        )
    return sums


def _take_off_unknown(
    connection: duckdb.DuckDBPyConnection, machines: Sequence[int], found: dict[int, GroupSums]
) -> None:
    """The time in which a meter was not known; asked only of the machines that have any, for most have none."""
    if not machines:
        return
    columns = ", ".join(
        f"sum({meter.held} * {SPAN}) {unknown}, sum({SPAN}) {unknown}"
        for meter in METERS
        for unknown in [f"FILTER ({meter.used} IS NULL)"]
    )
    query = f"SELECT vm, {columns} FROM asked WHERE vm IN ({', '.join(map(str, machines))}) GROUP BY vm"
    for vm, *values in connection.execute(query).fetchall():
        for place, meter in enumerate(METERS):
            held, unknown_us = values[place * 2 : place * 2 + 2]
            found[vm].meters[meter.name].held_us -= int(held or 0)
            found[vm].meters[meter.name].measured_us -= int(unknown_us or 0)


def _count_over(connection: duckdb.DuckDBPyConnection, found: dict[int, GroupSums]) -> None:
    """How many intervals were above what was held: asked only of the machines that have any."""
    machines = [
        vm for vm, sums in found.items() if any((meter.maximum or 0) > 1 for meter in sums.meters.values())
    ]
    if not machines:
        return
    columns = ", ".join(
        f"count(*) FILTER ({meter.used} / {_divisor(meter)} > {meter.per_held})" for meter in METERS
    )
    query = f"SELECT vm, {columns} FROM asked WHERE vm IN ({', '.join(map(str, machines))}) GROUP BY vm"
    for vm, *values in connection.execute(query).fetchall():
        for meter, count in zip(METERS, values, strict=True):
            found[vm].meters[meter.name].over = count
