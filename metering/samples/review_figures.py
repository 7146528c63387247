"""What the samples say about under-use: one pass for the figures a machine is judged by, one for charts and risk.

The pass over the figures is kept bare, for it is the dearest question there is: it knows no clipping and no sizes.
Whole intervals are summed; what sticks out of the window is asked of the few rows that cross its edges and taken
off, and what was held is the present size times the time measured, save for machines that were resized in the window.
Sums are of integers, so that the same samples give the same bytes however many threads add them up.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from metering.samples.model import BYTES_PER_GIB, BYTES_PER_MIB, MICROS
from metering.samples.review_model import (
    METERS,
    Figures,
    MachineQuestion,
    MeterFigures,
    RecentFigures,
    ReviewWindow,
    SizingFigures,
)

# quantile_cont keeps all values of a group in memory and does not spill: machines are asked about in portions.
PORTION = 500
HOUR_US = 3600 * MICROS
Row = Mapping[str, Any]
USED = {"cpu": "cpu_ns", "memory": "memory_used_bytes", "storage": "storage_used_bytes"}
HELD = {"cpu": "vcpus", "memory": "memory_mib", "storage": "storage_gib"}
# Ratios of an interval in SQL, yet to be divided by the scale. A machine without storage has no ratio.
_RATIO = {
    "cpu": "cpu_ns / (vcpus * span_us)",
    "memory": "memory_used_bytes / memory_mib",
    "storage": "storage_used_bytes / nullif(storage_gib, 0)",
}
# The columns that all of this needs; reading the rest would cost as much again.
_ASKED = ", ".join(
    ["vm", "start_us", "end_us", "steal_ns", "memory_quality", *USED.values(), *HELD.values()],
)
# Nanoseconds of use and steal in a microsecond.
_LOAD = "(cpu_ns + coalesce(steal_ns, 0)) / span_us"
# What one vCPU, MiB or GiB holds, in nanoseconds a microsecond or in bytes.
SCALE = {"cpu": 1000, "memory": BYTES_PER_MIB, "storage": BYTES_PER_GIB}
# `rows` is the view or table that is asked; each machine counts from its own start on.
_WHOLE = """SELECT s.*, end_us - start_us AS span_us, from_us
        FROM rows s JOIN machines USING (vm) WHERE end_us > from_us AND start_us < $end"""


def review_figures(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, machines: Sequence[MachineQuestion]
) -> dict[int, Figures]:
    """Every machine's figures, from a connection with the view `samples`; also of machines without any sample."""
    constant = [machine for machine in machines if machine.sized_us <= window.start_us]
    changed = [machine for machine in machines if machine.sized_us > window.start_us]
    figures: dict[int, Figures] = {}
    for portion in portions(constant):
        whole = _rows(connection, "samples", window, portion, {m.vm_id: window.start_us for m in portion})
        figures |= _answers(connection, window, portion, whole, whole)
    for portion in portions(changed):
        figures |= _resized(connection, window, portion)
    return figures


def _resized(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, machines: Sequence[MachineQuestion]
) -> dict[int, Figures]:
    """Machines of several sizes in the window: their rows are read once, and asked of twice."""
    chosen = ", ".join(str(machine.vm_id) for machine in machines)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE resized AS SELECT {_ASKED} FROM samples WHERE vm IN ({chosen})"
    )
    whole = _rows(connection, "resized", window, machines, {m.vm_id: window.start_us for m in machines})
    since = _rows(connection, "resized", window, machines, {m.vm_id: m.sized_us for m in machines})
    return _answers(connection, window, machines, whole, since)


def _answers(
    connection: duckdb.DuckDBPyConnection,
    window: ReviewWindow,
    machines: Sequence[MachineQuestion],
    whole: Mapping[int, Row],
    since: Mapping[int, Row],
) -> dict[int, Figures]:
    rates = _idle_rates(connection, window, [vm for vm, row in whole.items() if _may_idle(row, window)])
    return {
        m.vm_id: _figures(m, whole.get(m.vm_id, {}), since.get(m.vm_id, {}), rates.get(m.vm_id, {}))
        for m in machines
    }


def portions(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """By machine id, so that sorted files can be skipped in."""
    ordered = sorted(items, key=lambda item: item.vm_id)
    for start in range(0, len(ordered), PORTION):
        yield ordered[start : start + PORTION]


def give(connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, list[Any]]) -> None:
    """A temporary table of 64-bit integers."""
    listed = ", ".join(f"unnest(${name}::BIGINT[]) AS {name}" for name in columns)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {listed}", dict(columns))


def _meter_sums(meter: str) -> str:
    used = f"sum({USED[meter]})" if meter == "cpu" else f"sum({USED[meter]} * span_us::HUGEINT)"
    return f"""
        {used} AS {meter}_used,
        count({USED[meter]}) AS {meter}_known,
        quantile_cont({_RATIO[meter]}, 0.95) AS {meter}_p95,
        max({_RATIO[meter]}) AS {meter}_max,"""


_FIGURES = f"""
    SELECT vm,{"".join(map(_meter_sums, METERS))}
        count(*) AS intervals,
        sum(span_us) AS total_us,
        quantile_cont({_LOAD}, 0.95) AS load_p95,
        max({_LOAD}) AS load_max,
        sum(steal_ns) AS steal_ns,
        count(steal_ns) AS steal_known,
        sum(span_us) FILTER (memory_quality = 'coarse') AS coarse_us,
        quantile_cont({_RATIO["cpu"]}, 0.95) FILTER (start_us >= $recent AND end_us <= $end) / {SCALE["cpu"]}
            AS recent_p95
    FROM ({_WHOLE}) GROUP BY vm"""


# Time in which something was not known; asked only of the machines that have any, for most have none.
_METERED = {**USED, "steal": "steal_ns"}
_UNKNOWN = f"""
    SELECT vm,
        {", ".join(f"sum(span_us) FILTER ({use} IS NULL) AS {name}_unknown_us" for name, use in _METERED.items())}
    FROM ({_WHOLE}) GROUP BY vm"""
_ALL_KNOWN = {f"{name}_unknown_us": 0 for name in _METERED}


def _held_sums(meter: str) -> str:
    return f"""
        sum({HELD[meter]} * span_us) FILTER ({USED[meter]} IS NOT NULL) AS {meter}_held,"""


# What machines of more than one size held, over whole intervals.
_HELD = f"""
    SELECT vm,{"".join(map(_held_sums, METERS))}
        sum(vcpus * span_us) FILTER (steal_ns IS NOT NULL) AS steal_held
    FROM ({_WHOLE}) GROUP BY vm"""


def _edge_sums(meter: str) -> str:
    used = USED[meter] if meter == "cpu" else f"{USED[meter]} * outside_us::HUGEINT"
    share = " * (outside_us / span_us::DOUBLE)" if meter == "cpu" else ""
    return f"""
        sum({used}{share}) AS {meter}_used,
        sum({HELD[meter]} * outside_us) FILTER ({USED[meter]} IS NOT NULL) AS {meter}_held,
        sum(outside_us) FILTER ({USED[meter]} IS NULL) AS {meter}_unknown_us,"""


# What of the intervals across the window's edges lies outside it. Two parts and $latest, the last start there is, let
# the engine skip what lies well inside.
_EDGES = f"""
    SELECT vm,{"".join(map(_edge_sums, METERS))}
        sum(outside_us) AS total_us
    FROM (SELECT *, greatest(from_us - start_us, 0) + greatest(end_us - $end, 0) AS outside_us
          FROM (SELECT * FROM ({_WHOLE}) WHERE start_us < $latest AND start_us < from_us
                UNION ALL SELECT * FROM ({_WHOLE}) WHERE end_us > $end AND start_us >= from_us))
    GROUP BY vm"""

# A machine known to be off has neither traffic nor writes.
_RATES = """
    SELECT vm, sum(span_us) FILTER (cpu_ns IS NOT NULL) AS cpu_us,
        sum(network_bytes) AS network_bytes, sum(span_us) FILTER (network_bytes IS NOT NULL) AS network_us,
        sum(disk_bytes) AS disk_bytes, sum(span_us) FILTER (disk_bytes IS NOT NULL) AS disk_us
    FROM (SELECT vm, cpu_ns, end_us - start_us AS span_us,
              CASE WHEN state = 'off' THEN 0 ELSE network_bytes END AS network_bytes,
              CASE WHEN state = 'off' THEN 0 ELSE disk_written_bytes END AS disk_bytes
          FROM samples JOIN machines USING (vm) WHERE start_us >= from_us AND end_us <= $end)
    GROUP BY vm"""


def _rows(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    window: ReviewWindow,
    machines: Sequence[MachineQuestion],
    starts: Mapping[int, int],
) -> dict[int, dict[str, Any]]:
    """One row of sums per machine that has samples in `source`, each from its own start on, clipped to the window."""
    connection.execute(f"CREATE OR REPLACE TEMP VIEW rows AS SELECT * FROM {source}")
    give(connection, "machines", {"vm": list(starts), "from_us": list(starts.values())})
    rows = _ask(connection, _FIGURES, end=window.end_us, recent=window.recent_us)
    edges = _ask(connection, _EDGES, end=window.end_us, latest=max(starts.values()))
    gapped = [
        vm for vm, row in rows.items() if any(row[f"{name}_known"] < row["intervals"] for name in _METERED)
    ]
    unknown = _ask_of(connection, _UNKNOWN, gapped, starts, window)
    changing = [m.vm_id for m in machines if starts[m.vm_id] < m.sized_us]
    held = _ask_of(connection, _HELD, changing, starts, window)
    for machine in machines:
        if machine.vm_id in rows:
            rows[machine.vm_id] |= unknown.get(machine.vm_id, _ALL_KNOWN)
            _complete(rows[machine.vm_id], machine, held.get(machine.vm_id), edges.get(machine.vm_id, {}))
    return rows


def _ask_of(
    connection: duckdb.DuckDBPyConnection,
    question: str,
    vm_ids: Sequence[int],
    starts: Mapping[int, int],
    window: ReviewWindow,
) -> dict[int, dict[str, Any]]:
    """A question of `rows` put to some of the machines."""
    if not vm_ids:
        return {}
    give(connection, "machines", {"vm": list(vm_ids), "from_us": [starts[vm] for vm in vm_ids]})
    return _ask(connection, question, end=window.end_us)


def _ask(connection: duckdb.DuckDBPyConnection, question: str, **values: int) -> dict[int, dict[str, Any]]:
    answer = connection.execute(question, values)
    names = [column[0] for column in answer.description]
    return {row[0]: dict(zip(names, row, strict=True)) for row in answer.fetchall()}


def _complete(row: dict[str, Any], machine: MachineQuestion, held: Row | None, edge: Row) -> None:
    """Adds measured time and held amounts, and takes off what lies outside the window."""
    size = {"cpu": machine.vcpus, "memory": machine.memory_mib, "storage": machine.storage_gib}
    steal_us = row["total_us"] - (row["steal_unknown_us"] or 0)
    row["steal_held"] = held["steal_held"] if held else steal_us * machine.vcpus
    for meter in METERS:
        measured = row["total_us"] - (row[f"{meter}_unknown_us"] or 0)
        amount = (held[f"{meter}_held"] or 0) if held else measured * size[meter]
        outside = (edge.get("total_us") or 0) - (edge.get(f"{meter}_unknown_us") or 0)
        row[f"{meter}_us"] = int(measured - outside)
        row[f"{meter}_held"] = int(amount - (edge.get(f"{meter}_held") or 0))
        row[f"{meter}_used"] = int(row[f"{meter}_used"] or 0) - (edge.get(f"{meter}_used") or 0)


def _may_idle(row: Row, window: ReviewWindow) -> bool:
    return row["recent_p95"] is not None and row["recent_p95"] < window.idle_p95


def _idle_rates(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, vm_ids: Sequence[int]
) -> dict[int, dict[str, Any]]:
    if not vm_ids:
        return {}
    give(connection, "machines", {"vm": list(vm_ids), "from_us": [window.recent_us] * len(vm_ids)})
    return _ask(connection, _RATES, end=window.end_us)


def _figures(machine: MachineQuestion, whole: Row, since: Row, rates: Row) -> Figures:
    return Figures(
        vm_id=machine.vm_id,
        window={meter: _meter(meter, whole, machine.held_us) for meter in METERS},
        sizing={meter: _sizing(meter, since, machine) for meter in METERS},
        recent=RecentFigures(
            cpu_p95=whole.get("recent_p95"),
            cpu_coverage=_share(rates.get("cpu_us"), machine.recent_held_us),
            network_bytes_per_s=_rate(rates, "network"),
            network_coverage=_share(rates.get("network_us"), machine.recent_held_us),
            disk_written_bytes_per_s=_rate(rates, "disk"),
            disk_coverage=_share(rates.get("disk_us"), machine.recent_held_us),
        ),
        steal_share=_quotient(since.get("steal_ns"), since.get("steal_held"), 1000),
        memory_coarse_share=_quotient(whole.get("coarse_us"), whole.get("memory_us")) or 0.0,
    )


def _meter(meter: str, row: Row, held_us: int) -> MeterFigures:
    measured = row.get(f"{meter}_us")
    if not measured:
        return MeterFigures(None, None, None, None, None, 0.0)
    held, used = row[f"{meter}_held"] * SCALE[meter], row[f"{meter}_used"]
    time = measured * 1000 if meter == "cpu" else measured
    return MeterFigures(
        held=held / time,
        used=used / time,
        mean=used / held if held else None,
        p95=_scaled(row[f"{meter}_p95"], meter),
        max=_scaled(row[f"{meter}_max"], meter),
        coverage=_share(measured, held_us),
    )


def _sizing(meter: str, row: Row, machine: MachineQuestion) -> SizingFigures:
    if not row.get(f"{meter}_us"):
        return SizingFigures(None, None, None, 0.0, 0.0)
    p95, peak, held = row["load_p95"], row["load_max"], 1 / SCALE["cpu"]
    if meter != "cpu":
        p95, peak = row[f"{meter}_p95"], row[f"{meter}_max"]
        held = machine.memory_mib if meter == "memory" else machine.storage_gib
    return SizingFigures(
        load_p95=None if p95 is None else p95 * held,
        load_max=None if peak is None else peak * held,
        use_p95=_scaled(row[f"{meter}_p95"], meter),
        coverage=_share(row[f"{meter}_us"], machine.sized_held_us),
        measured_hours=int(row[f"{meter}_us"]) / HOUR_US,
    )


def _scaled(value: float | None, meter: str) -> float | None:
    return None if value is None else value / SCALE[meter]


def _rate(row: Row, name: str) -> float | None:
    total, time_us = row.get(f"{name}_bytes"), row.get(f"{name}_us")
    return None if total is None or not time_us else int(total) * MICROS / int(time_us)


def _quotient(above: int | None, below: int | None, scale: int = 1) -> float | None:
    return None if above is None or not below else int(above) / (int(below) * scale)


def _share(measured_us: int | None, held_us: int) -> float:
    return float(int(measured_us or 0) / held_us) if held_us > 0 else 0.0
