"""Charts and risk of machines under review: use in equal buckets, and how long the load would exceed a smaller size."""

from collections.abc import Sequence
from typing import Any

import duckdb

from metering.samples.model import MICROS
from metering.samples.review_figures import USED, give, portions
from metering.samples.review_model import METERS, Limit, ReviewWindow, Series

BUCKETS = 120
HOUR_S = 3600
# Of a bucket, in the chart's units: thousandths of a vCPU are nanoseconds a microsecond.
_CHARTED = {
    "cpu_mean": "sum(cpu_ns) / sum(span_us) FILTER (cpu_ns IS NOT NULL)",
    "cpu_max": "max(cpu_ns / span_us)",
    "memory_mean": "sum(memory_used_bytes) / count(memory_used_bytes) / 1048576",
    "memory_max": "max(memory_used_bytes) / 1048576",
    "storage_mean": "sum(storage_used_bytes) / count(storage_used_bytes) / 1048576",
    "storage_max": "max(storage_used_bytes) / 1048576",
}
_LIMITED = {"cpu": "limit_ns", "memory": "limit_memory", "storage": "limit_storage"}


def review_series(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, limits: Sequence[Limit], tight: float
) -> dict[int, Series]:
    """Of the machines that have limits. tight: the share of a limit that the target wants to stay under."""
    series: dict[int, Series] = {}
    values = {"start": window.start_us, "end": window.end_us, "bucket": bucket_s(window) * MICROS}
    over_us = _over_us(connection, window, [limit for limit in limits if limit.is_resized], tight)
    for portion in portions(limits):
        give(connection, "limits", _columns(portion, tight))
        rows = connection.execute(_SERIES, values).fetchall()
        series |= {row[0]: _read(row, window, over_us.get(row[0], 0)) for row in rows}
    return series


def _over_us(
    connection: duckdb.DuckDBPyConnection, window: ReviewWindow, limits: Sequence[Limit], tight: float
) -> dict[int, int]:
    """Time above the limit itself, of machines resized in the window: the others can have none, for a limit lies
    above all that was seen since the last resize."""
    found: dict[int, int] = {}
    for portion in portions(limits):
        give(connection, "limits", _columns(portion, tight))
        rows = connection.execute(_OVER, {"start": window.start_us, "end": window.end_us}).fetchall()
        found |= {vm_id: int(over_us or 0) for vm_id, over_us in rows}
    return found


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
_BUCKETS = f"""
    SELECT vm, (greatest(start_us, $start) - $start) // $bucket AS bucket,
        {", ".join(f"round({value})::BIGINT AS {name}" for name, value in _CHARTED.items())},
        sum(span_us) AS total_us,
        sum(span_us) FILTER ({_UNJUDGED}) AS unjudged_us,
        sum(span_us) FILTER ({_exceeds("tight")}) AS tight_us
    FROM ({_LIMITED_SAMPLES}) GROUP BY vm, bucket"""
_SERIES = f"""
    SELECT vm, sum(total_us) - coalesce(sum(unjudged_us), 0), sum(tight_us), list(bucket ORDER BY bucket),
        {", ".join(f"list({name} ORDER BY bucket)" for name in _CHARTED)}
    FROM ({_BUCKETS}) GROUP BY vm"""
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


def _read(row: Sequence[Any], window: ReviewWindow, over_us: int) -> Series:
    vm_id, judged_us, tight_us, buckets, *lists = row
    size = bucket_s(window)
    count = -(-(window.end_us - window.start_us) // (size * MICROS))
    known = dict(zip(_CHARTED, lists, strict=True))
    return Series(
        vm_id=vm_id,
        bucket_s=size,
        mean={meter: _placed(buckets, known[f"{meter}_mean"], count) for meter in METERS},
        max={meter: _placed(buckets, known[f"{meter}_max"], count) for meter in METERS},
        over_share=_share(over_us, judged_us),
        tight_share=_share(tight_us, judged_us),
    )


def _placed(buckets: Sequence[int], values: Sequence[int | None], count: int) -> list[int | None]:
    """One value per bucket of the window; None where nothing is known."""
    placed: list[int | None] = [None] * count
    for bucket, value in zip(buckets, values, strict=True):
        placed[bucket] = value
    return placed


def _share(part_us: int | None, whole_us: int | None) -> float | None:
    return float((part_us or 0) / whole_us) if whole_us else None
