"""What was held and used over a window, as rows: by machine, system, unit, pool or the whole cloud; and as curves."""

from collections.abc import Mapping
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
from metering.utilisation import METERS, MeterUse, Utilisation, utilisation
from provisioning.store import pool_codes, vm_names

WHOLE = "cloud"
# The contract's names of a row's figures, meter by meter.
COLUMNS = (
    "cpu_held",
    "cpu_used",
    "cpu_unused",
    "cpu_mean",
    "cpu_p95",
    "cpu_max",
    "cpu_coverage",
    "cpu_over_100_percent",
    "memory_held",
    "memory_used",
    "memory_unused",
    "memory_mean",
    "memory_p95",
    "memory_max",
    "memory_coverage",
    "memory_over_100_percent",
    "storage_held",
    "storage_used",
    "storage_unused",
    "storage_mean",
    "storage_p95",
    "storage_max",
    "storage_coverage",
    "storage_over_100_percent",
)
BUCKETS = 240


@dataclass(frozen=True, slots=True)
class UseCurve:
    """How one group's use went: by meter a fraction of what was held per bucket, None where nothing was measured.

    times: where the buckets begin.
    """

    code: str
    times: tuple[datetime, ...]
    meters: Mapping[str, tuple[float | None, ...]]


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
                    "The window ends at {end}, which is not after its start {start}.",
                    end=until.astimezone(ctx.site.zone).isoformat(),
                    start=begin.astimezone(ctx.site.zone).isoformat(),
                )
            ]
        )
    return begin, until


def show_usage(
    ctx: Context, by: str, start: datetime | None, end: datetime | None, code: str | None = None
) -> list[dict[str, Any]]:
    """A row per group that held anything in the window, by code; `code` picks one. NotFound when it held nothing.

    Keys as interfaces.md has them, and of each meter what was held and not used, and how many intervals were above
    what was held.
    """
    begin, until = window(ctx, start, end)
    with ctx.reading() as session:
        names = group_codes(session, by)
        rows = [
            _row(by, names[item.group], item)
            for item in utilisation(SampleStore(ctx.home / FOLDER, ctx.clock), session, begin, until, by)
            if code in (None, names[item.group])
        ]
    if code is not None and not rows:
        raise NotFound("“{code}” held nothing in this window.", code=code)
    return sorted(rows, key=lambda row: str(row["code"]))


def top_usage(
    ctx: Context,
    by: str,
    measure: str,
    window: tuple[datetime | None, datetime | None],
    limit: int,
    *,
    lowest: bool = False,
) -> list[dict[str, Any]]:
    """The rows of `show_usage` with the highest (or lowest) value of one of its columns; unknown ones come last."""

    def rank(row: Mapping[str, Any]) -> tuple[bool, float]:
        value = row[measure]
        return value is None, (value or 0.0) * (1 if lowest else -1)

    return sorted(show_usage(ctx, by, *window), key=rank)[:limit]


def usage_curve(
    ctx: Context, by: str, code: str, window_: tuple[datetime | None, datetime | None]
) -> UseCurve:
    """One group's curves over the window. NotFound for a code that held nothing in it."""
    begin, until = window(ctx, *window_)
    bucket = max((until - begin) / BUCKETS, timedelta(seconds=ctx.settings.metering.interval_s))
    with ctx.reading() as session:
        names = group_codes(session, by)
        found = use_over_time(SampleStore(ctx.home / FOLDER, ctx.clock), session, begin, until, by, bucket)
    for group, meters in found.items():
        if names[group] == code:
            count = len(meters[METERS[0]])
            times = tuple(begin + number * bucket for number in range(count))
            return UseCurve(code, times, {meter: tuple(meters[meter]) for meter in METERS})
    raise NotFound("“{code}” held nothing in this window.", code=code)


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
    figures = [figure for name in METERS for figure in _figures(item.meters[name])]
    return {by: code, "code": code, "machines": item.machines, **dict(zip(COLUMNS, figures, strict=True))}


def _figures(use: MeterUse) -> tuple[float | int | None, ...]:
    unused = None if use.used is None else use.held - use.used
    return use.held, use.used, unused, use.mean, use.p95, use.maximum, use.coverage, use.over
