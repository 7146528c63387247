"""Charts and risk of machines under review: use in equal buckets, and how long the load would exceed a smaller size."""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from metering.samples.model import MICROS
from metering.samples.review_figures import USED, give, portions
from metering.samples.review_model import METERS, Limit, ReviewWindow, Series

BUCKETS = 120
HOUR_S = 3600
# Bytes in the chart's unit; the CPU's comes out of nanoseconds a microsecond.
_UNIT = {"cpu": 1, "memory": 1 << 20, "storage": 1 << 20}
_LIMITED = {"cpu": "limit_ns", "memory": "limit_memory", "storage": "limit_storage"}


def review_series(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, limits: Sequence[Limit], tight: float
) -> dict[int, Series]:
    """Of the machines that have limits. tight: the share of a limit that the target wants to stay under."""
    series: dict[int, Series] = {}
    values = {"start": window.start_us, "end": window.end_us, "bucket": bucket_s(window) * MICROS}
    for portion in portions(limits):
        give(connection, "limits", _columns(portion, tight))
        answer = connection.execute(_SERIES, values).fetchnumpy()
        series |= _series(portion, window, answer, _over_us(connection, window, portion, tight))
    return series


def _over_us(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, limits: Sequence[Limit], tight: float
) -> dict[int, int]:
    """Time above the limit itself. A limit lies above all that was seen since the last resize, so only machines
    that were resized in the window can have any."""
    asked = [limit for limit in limits if limit.is_resized]
    if not asked:
        return {}
    give(connection, "limits", _columns(asked, tight))
    rows = connection.execute(_OVER, {"start": window.start_us, "end": window.end_us}).fetchall()
    return {vm_id: int(over_us or 0) for vm_id, over_us in rows}


def bucket_s(window: ReviewWindow) -> int:
    """The chart's bucket: whole hours, at most BUCKETS of them in the window."""
    return max(-(-(window.end_us - window.start_us) // (BUCKETS * HOUR_S * MICROS)), 1) * HOUR_S


def _exceeds(prefix: str) -> str:
    """An unknown use exceeds nothing, nor does any use exceed an absent limit."""
    return f"""coalesce(cpu_ns + coalesce(steal_ns, 0) > {prefix}_ns * span_us, false)
            OR coalesce(memory_used_bytes > {prefix}_memory, false)
            OR coalesce(storage_used_bytes > {prefix}_storage, false)"""


_UNJUDGED = " AND ".join(f"({USED[meter]} IS NULL OR {_LIMITED[meter]} IS NULL)" for meter in METERS)
_LIMITED_SAMPLES = """SELECT s.*, limits.* EXCLUDE (vm), end_us - start_us AS span_us
          FROM samples s JOIN limits USING (vm) WHERE end_us > $start AND start_us < $end"""
_SERIES = f"""
    SELECT vm, (greatest(start_us, $start) - $start) // $bucket AS bucket,
        sum(cpu_ns) AS cpu_sum, sum(span_us) FILTER (cpu_ns IS NOT NULL) AS cpu_count,
        max(cpu_ns / span_us) AS cpu_max,
        sum(memory_used_bytes) AS memory_sum, count(memory_used_bytes) AS memory_count,
        max(memory_used_bytes) AS memory_max,
        sum(storage_used_bytes) AS storage_sum, count(storage_used_bytes) AS storage_count,
        max(storage_used_bytes) AS storage_max,
        sum(span_us) AS total_us,
        sum(span_us) FILTER ({_UNJUDGED}) AS unjudged_us,
        sum(span_us) FILTER ({_exceeds("tight")}) AS tight_us
    FROM ({_LIMITED_SAMPLES}) GROUP BY vm, bucket"""
_OVER = f"""SELECT vm, sum(span_us) FILTER ({_exceeds("limit")}) AS over_us FROM ({_LIMITED_SAMPLES}) GROUP BY vm"""


def _columns(limits: Sequence[Limit], tight: float) -> dict[str, list[int | None]]:
    """Limits in nanoseconds a microsecond and in bytes, and what the target wants of them."""
    amounts = {
        "ns": [None if limit.vcpus is None else limit.vcpus * 1000 for limit in limits],
        "memory": [limit.memory_bytes for limit in limits],
        "storage": [limit.storage_bytes for limit in limits],
    }
    columns: dict[str, list[int | None]] = {"vm": [limit.vm_id for limit in limits]}
    for name, values in amounts.items():
        columns[f"limit_{name}"] = values
        columns[f"tight_{name}"] = [None if value is None else int(value * tight) for value in values]
    return columns


def _series(
    limits: Sequence[Limit], window: ReviewWindow, answer: Mapping[str, Any], over_us: Mapping[int, int]
) -> dict[int, Series]:
    size = bucket_s(window)
    shape = (len(limits), -(-(window.end_us - window.start_us) // (size * MICROS)))
    place = {limit.vm_id: index for index, limit in enumerate(limits)}
    rows = np.array([place[vm] for vm in answer["vm"].tolist()], dtype=np.int64)
    columns = answer["bucket"].astype(np.int64)
    means, peaks = {}, {}
    for meter in METERS:
        sums, counts = _filled(answer[f"{meter}_sum"]), _filled(answer[f"{meter}_count"])
        known = counts > 0
        mean = np.where(known, sums / np.where(known, counts, 1), 0) / _UNIT[meter]
        peak = _filled(answer[f"{meter}_max"]) / _UNIT[meter]
        means[meter] = _grid(mean, known, (rows, columns), shape)
        peaks[meter] = _grid(peak, known, (rows, columns), shape)
    time = {
        name: np.bincount(rows, _filled(answer[f"{name}_us"]), len(limits))
        for name in ("total", "unjudged", "tight")
    }
    judged = time["total"] - time["unjudged"]
    return {
        limit.vm_id: Series(
            vm_id=limit.vm_id,
            bucket_s=size,
            mean={meter: means[meter][index] for meter in METERS},
            max={meter: peaks[meter][index] for meter in METERS},
            over_share=_share(over_us.get(limit.vm_id, 0), judged[index]),
            tight_share=_share(time["tight"][index], judged[index]),
        )
        for index, limit in enumerate(limits)
    }


def _filled(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Sums of a bucket are far below 2^53: exact as they are."""
    return np.ma.filled(values, 0).astype(np.float64)


def _grid(
    values: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
    at: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    shape: tuple[int, int],
) -> list[list[int | None]]:
    """Machines by buckets, rounded; None where a bucket knows nothing."""
    grid = np.full(shape, -1, dtype=np.int64)
    grid[at] = np.where(known, np.rint(values), -1).astype(np.int64)
    return [[None if value < 0 else value for value in line] for line in grid.tolist()]


def _share(part_us: float, whole_us: float) -> float | None:
    return float(part_us / whole_us) if whole_us else None
