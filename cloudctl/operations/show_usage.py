"""What was held and used over a window, as rows: by machine, system, unit, pool or the whole cloud; and as curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.clock import as_utc
from cloudctl.core.errors import InvalidInput, NotFound, problem
from cloudctl.core.estate import system_codes, unit_codes
from cloudctl.operations.context import Context
from metering.samples.store import FOLDER, SampleStore
from metering.use_over_time import use_over_time
from metering.utilisation import METERS, Utilisation, utilisation
from provisioning.store import pool_codes, vm_names

WHOLE = "cloud"
ORDERS = ("unused", "used", "mean", "p95")
BUCKETS = 48


@dataclass(frozen=True, slots=True)
class Curve:
    """How one group's use of a meter went: fractions of what was held, one per bucket, None where unknown."""

    code: str
    times: tuple[datetime, ...]
    values: tuple[float | None, ...]


def window(ctx: Context, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    """[start, end), by default from the begin of the site's month up to now; never beyond now. InvalidInput."""
    now = ctx.clock.now()
    until = min(end or now, now)
    month = until.astimezone(ctx.site.zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begin = start or as_utc(month)
    if begin >= until:
        raise InvalidInput(
            [
                problem(
                    "",
                    "The window from {start} to {end} is empty; the future is not known yet.",
                    start=begin.astimezone(ctx.site.zone).isoformat(),
                    end=until.astimezone(ctx.site.zone).isoformat(),
                )
            ]
        )
    return begin, until


def show_usage(
    ctx: Context, by: str, start: datetime | None, end: datetime | None, code: str | None = None
) -> list[dict[str, Any]]:
    """A row per group that held anything in the window, by code; `code` picks one. NotFound when it held nothing."""
    begin, until = window(ctx, start, end)
    with ctx.reading() as session:
        names = group_codes(session, by)
        rows = [
            _row(by, names[item.group], item)
            for item in utilisation(SampleStore(ctx.home / FOLDER, ctx.clock), session, begin, until, by)
            if code in (None, names[item.group])
        ]
    if code is not None and not rows:
        raise NotFound("“{code}” held nothing in that time.", code=code)
    return sorted(rows, key=lambda row: str(row["code"]))


def top_usage(
    ctx: Context, by: str, window: tuple[datetime | None, datetime | None], meter: str, order: str, limit: int
) -> list[dict[str, Any]]:
    """The groups with the most held and unused, the most used, or the highest mean or p95 of one meter.

    What is unknown comes last. `unused` is in the meter's own unit: vCPUs, MiB or GiB.
    """
    rows = []
    for row in show_usage(ctx, by, *window):
        held, used = row[f"{meter}_held"], row[f"{meter}_used"]
        rows.append(row | {f"{meter}_unused": None if used is None else held - used})

    def rank(row: Mapping[str, Any]) -> tuple[bool, float]:
        value = row[f"{meter}_{order}"]
        return value is None, -(value or 0.0)

    return sorted(rows, key=rank)[:limit]


def chart_usage(
    ctx: Context,
    by: str,
    window_: tuple[datetime | None, datetime | None],
    meter: str,
    code: str | None = None,
) -> list[Curve]:
    """A curve per group over the window, by code; `code` picks one. NotFound when it held nothing."""
    begin, until = window(ctx, *window_)
    bucket = max((until - begin) / BUCKETS, timedelta(seconds=ctx.settings.metering.interval_s))
    with ctx.reading() as session:
        names = group_codes(session, by)
        found = use_over_time(SampleStore(ctx.home / FOLDER, ctx.clock), session, begin, until, by, bucket)
    curves = []
    for group, meters in found.items():
        values = tuple(meters[meter])
        times = tuple(begin + number * bucket for number in range(len(values)))
        curves.append(Curve(names[group], times, values))
    wanted = [curve for curve in curves if code in (None, curve.code)]
    if code is not None and not wanted:
        raise NotFound("“{code}” held nothing in that time.", code=code)
    return sorted(wanted, key=lambda curve: curve.code)


def group_codes(session: Session, by: str) -> Mapping[int, str]:
    """What a group's id is called."""
    if by == "vm":
        return vm_names(session)
    if by == "system":
        return system_codes(session)
    if by == "unit":
        return unit_codes(session)
    return pool_codes(session) if by == "pool" else {0: WHOLE}


def _row(by: str, code: str, item: Utilisation) -> dict[str, Any]:
    row: dict[str, Any] = {by: code, "code": code, "machines": item.machines}
    for name in METERS:
        use = item.meters[name]
        row |= {
            f"{name}_held": use.held,
            f"{name}_used": use.used,
            f"{name}_mean": use.mean,
            f"{name}_p95": use.p95,
            f"{name}_max": use.maximum,
            f"{name}_coverage": use.coverage,
            f"{name}_over_intervals": use.over,
        }
    return row


def over_full(rows: Sequence[Mapping[str, Any]]) -> int:
    """How many intervals were above what was held, all meters and rows together."""
    return sum(row[f"{name}_over_intervals"] for row in rows for name in METERS)
