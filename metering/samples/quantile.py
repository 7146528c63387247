"""Exact quantiles of groups too large to hold in memory: bounds from a part of the values, then those between them.

What a quantile needs is one or two values at known ranks. A sample of the rows says between which bounds they lie
almost surely; one pass over all rows counts what is below and keeps what is between. Where the ranks turn out to lie
outside, the bounds are widened and the pass repeated for those groups: the answer is always exact.
"""

from collections.abc import Mapping, Sequence, Set

import duckdb

# How far to either side of the quantile the bounds are drawn, at first and when that was too near.
MARGINS = (0.01, 0.04, 1.0)
# About so many values per meter are enough to draw the bounds from.
SAMPLE_ROWS = 400_000


def pooled_quantiles(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    rows: int,
    values: Mapping[str, str],
    quantile: float,
    wanted: Set[tuple[int, str]],
) -> dict[tuple[int, str], float]:
    """(group, name) -> quantile, for each named expression over `source`, a relation with the columns grp, vm, end_us.

    Linear interpolation between ranks, as `quantile_cont` has it. wanted: those that have a value at all; rows: about
    how many `source` has.
    """
    found: dict[tuple[int, str], float] = {}
    for margin in MARGINS:
        missing = wanted - found.keys()
        if not missing:
            break
        bounds = _draw_bounds(connection, source, rows, values, (quantile, margin))
        bounds = {key: bound for key, bound in bounds.items() if key in missing}
        if bounds:
            found |= _select(connection, source, values, quantile, bounds)
    return found


Bounds = dict[tuple[int, str], tuple[float, float]]


def _draw_bounds(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    rows: int,
    values: Mapping[str, str],
    around: tuple[float, float],
) -> Bounds:
    quantile, margin = around
    low, high = max(0.0, quantile - margin), min(1.0, quantile + margin)
    every = max(1, rows // SAMPLE_ROWS) if margin < 1 else 1
    ends = (
        "min({v}), max({v})" if margin == 1 else f"quantile_cont({{v}}, {low}), quantile_cont({{v}}, {high})"
    )
    columns = ", ".join(ends.format(v=value) for value in values.values())
    # Every n-th interval of each machine, at other times for each: no daily rhythm can hide from it.
    chosen = f"(end_us // 60000000 + vm * 7919) % {every} = 0" if every > 1 else "true"
    query = f"SELECT grp, {columns} FROM {source} WHERE {chosen} GROUP BY grp"
    return {
        (group, name): (pair[0], pair[1])
        for group, *flat in connection.execute(query).fetchall()
        for name, pair in zip(values, zip(flat[::2], flat[1::2], strict=True), strict=True)
        if pair[0] is not None
    }


def _select(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    values: Mapping[str, str],
    quantile: float,
    bounds: Bounds,
) -> dict[tuple[int, str], float]:
    """One pass: per group and value, how many lie below and at the lower bound, and those up to the upper one."""
    groups = sorted({group for group, _ in bounds})
    columns = ["SELECT unnest($1::BIGINT[]) AS grp"]
    parameters: list[Sequence[object]] = [groups]
    for name in values:
        for side in (0, 1):
            parameters.append([bounds.get((group, name), (None, None))[side] for group in groups])
            columns.append(f"unnest(${len(parameters)}::DOUBLE[]) AS {name}_{('low', 'high')[side]}")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE bounds AS {', '.join(columns)}", parameters)
    counted = ", ".join(_counted(name, value) for name, value in values.items())
    picked = ", ".join(_picked(name, quantile) for name in values)
    rows = connection.execute(
        f"SELECT grp, {picked} FROM (SELECT grp, {counted} FROM {source} JOIN bounds USING (grp) GROUP BY grp)"
    )
    found = {}
    for group, *flat in rows.fetchall():
        for number, name in enumerate(values):
            total, *ends = flat[number * 3 : number * 3 + 3]
            if (group, name) in bounds and None not in ends:
                rank = (total - 1) * quantile
                found[group, name] = ends[0] + (ends[1] - ends[0]) * (rank - int(rank))
    return found


def _counted(name: str, value: str) -> str:
    low, high = f"{name}_low", f"{name}_high"
    return (
        f"count({value}) AS {name}_total, count(*) FILTER (WHERE ({value}) < {low}) AS {name}_below, "
        f"count(*) FILTER (WHERE ({value}) = {low}) AS {name}_at, any_value({low}) AS {low}, "
        f"list_sort(list({value}) FILTER (({value}) > {low} AND ({value}) <= {high})) AS {name}_kept"
    )


def _picked(name: str, quantile: float) -> str:
    """How many values there are, and those at the two ranks around the quantile; NULL where they were not kept."""
    rank = f"({name}_total - 1) * {quantile}::DOUBLE"
    return ", ".join(
        [f"{name}_total", *(_at_place(name, f"{edge}({rank})::BIGINT") for edge in ("floor", "ceil"))]
    )


def _at_place(name: str, place: str) -> str:
    """The value at a place counted from 0. Beyond the list's end, an element is NULL."""
    beyond = f"({place} - {name}_below - {name}_at)::BIGINT"
    return (
        f"CASE WHEN {place} < {name}_below THEN NULL WHEN {beyond} < 0 THEN {name}_low "
        f"ELSE {name}_kept[{beyond} + 1] END"
    )
