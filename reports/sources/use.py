"""What was held and used, by code instead of id, as reports print it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.allocations import AllocationSpan, spans_between
from metering.samples.store import SampleStore
from metering.use_over_time import use_over_time
from metering.utilisation import GROUPS, WHOLE_CLOUD, Utilisation, group_of, held_time, utilisation
from metering.utilisation import MeterUse as Metered
from reports.datasets.shared import Curve, MeterUse, Use
from reports.sources.estate import Estate

METERS = ("cpu", "memory", "storage")


@dataclass(frozen=True, slots=True)
class UseOfWindow:
    """Uses of one window by machine name and by system, unit and pool code; empty for groups nobody asked for."""

    by_vm: Mapping[str, Use]
    by_system: Mapping[str, Use]
    by_unit: Mapping[str, Use]
    by_pool: Mapping[str, Use]
    cloud: Use


def read_use(
    store: SampleStore,
    session: Session,
    estate: Estate,
    window: tuple[datetime, datetime],
    groups: Sequence[str] = GROUPS,
) -> UseOfWindow:
    """Each group of `groups` is one question to the samples. The window must not reach into the future."""
    start, end = window

    spans = spans_between(session, start, end) if start < end else []

    def uses(by: str, codes: Mapping[int, str]) -> dict[str, Use]:
        if by not in groups or not spans:
            return {}
        shares = _shares(spans, by, window)
        found = utilisation(store, session, start, end, by)
        return {codes[one.group]: as_use(one, shares[one.group]) for one in found}

    cloud = list(uses("cloud", {WHOLE_CLOUD: ""}).values())
    return UseOfWindow(
        uses("vm", {row.id: row.name for row in estate.machines.values()}),
        uses("system", {row.id: row.code for row in estate.systems.values()}),
        uses("unit", {row.id: row.code for row in estate.units.values()}),
        uses("pool", {row.id: row.code for row in estate.pools.values()}),
        cloud[0] if cloud else Use(),
    )


def _shares(spans: Sequence[AllocationSpan], by: str, window: tuple[datetime, datetime]) -> dict[int, float]:
    """For what share of the window each group held anything."""
    key, bounds = group_of(by), (to_micros(window[0]), to_micros(window[1]))
    grouped: dict[int, list[AllocationSpan]] = {}
    for span in spans:
        grouped.setdefault(key(span), []).append(span)
    whole = bounds[1] - bounds[0]
    return {group: held_time(own, bounds)[1] / whole for group, own in grouped.items()}


def as_use(found: Utilisation, share: float) -> Use:
    """Held and used as means over the whole window, so that machines add up to systems and these to units; the
    utilisation's own are means over the time in which something was held, its share of the window."""
    return Use(*(_meter(found.meters[meter], share) for meter in METERS))


def _meter(one: Metered, share: float) -> MeterUse:
    used = None if one.used is None else one.used * share
    return MeterUse(one.held * share, used, one.mean, one.p95, one.maximum, one.coverage)


def read_curves(
    store: SampleStore, session: Session, start: datetime, end: datetime, by: str, bucket: timedelta
) -> dict[int, dict[str, Curve]]:
    """How use went, by group id and meter."""
    found = use_over_time(store, session, start, end, by, bucket)
    return {
        group: {
            meter: Curve(tuple(start + bucket * at for at in range(len(values))), tuple(values))
            for meter, values in curves.items()
        }
        for group, curves in found.items()
    }
