"""How use went over time: per group of allocations and equal bucket, Σ used over Σ held of each meter, for charts."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.samples.meters import METERS, SPAN, Meter
from metering.samples.store import SampleStore

Curves = dict[str, list[float | None]]


def use_curves(
    store: SampleStore,
    session: Session,
    start: datetime,
    end: datetime,
    bucket: timedelta,
    groups: Mapping[int, int],
) -> dict[int, Curves]:
    """By group, then by meter: one mean per bucket of [start, end), None where nothing was measured.

    groups: allocation id -> group. An interval counts whole in the bucket it begins in: right for a picture, not for
    a bill.
    """
    first, width = to_micros(start), bucket // timedelta(microseconds=1)
    count = -(-(to_micros(end) - first) // width)
    curves: dict[int, Curves] = {
        group: {meter.name: [None] * count for meter in METERS} for group in sorted(set(groups.values()))
    }
    means = ", ".join(
        f"sum({meter.used}) / nullif(sum({meter.held} * {_span(meter)} * {meter.per_held}::DOUBLE) "
        f"FILTER ({meter.used} IS NOT NULL), 0)"
        for meter in METERS
    )
    query = f"""
        SELECT grp, (greatest(start_us, $first) - $first) // $width AS bucket, {means}
        FROM samples JOIN owner USING (allocation) GROUP BY grp, bucket"""
    with store.opened(session, start, end) as connection:
        connection.execute(
            "CREATE TEMP TABLE owner AS SELECT unnest($1::BIGINT[]) AS allocation, unnest($2::BIGINT[]) AS grp",
            [list(groups), list(groups.values())],
        )
        for group, at, *values in connection.execute(query, {"first": first, "width": width}).fetchall():
            for meter, value in zip(METERS, values, strict=True):
                curves[group][meter.name][at] = value
    return curves


def _span(meter: Meter) -> str:
    """CPU is a sum over the interval, so it is held against the interval's length; levels are held against 1."""
    return SPAN if meter.is_sum else "1"
