"""What was held and used, by code instead of id, as reports print it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from metering.samples.store import SampleStore
from metering.use_over_time import use_over_time
from metering.utilisation import MeterUse as Metered
from metering.utilisation import Utilisation, utilisation
from reports.datasets.shared import Curve, MeterUse, Use
from reports.sources.estate import Estate

METERS = ("cpu", "memory", "storage")


@dataclass(frozen=True, slots=True)
class UseOfWindow:
    """Uses of one window by machine name and by system, unit and pool code; `machines` counted by unit code."""

    by_vm: Mapping[str, Use]
    by_system: Mapping[str, Use]
    by_unit: Mapping[str, Use]
    by_pool: Mapping[str, Use]
    cloud: Use


def read_use(
    store: SampleStore, session: Session, estate: Estate, start: datetime, end: datetime
) -> UseOfWindow:
    """`end` must not lie in the future."""

    def uses(by: str, codes: Mapping[int, str]) -> dict[str, Use]:
        return {codes[one.group]: as_use(one) for one in utilisation(store, session, start, end, by)}

    cloud = [as_use(one) for one in utilisation(store, session, start, end, "cloud")]
    return UseOfWindow(
        uses("vm", {row.id: row.name for row in estate.machines.values()}),
        uses("system", {row.id: row.code for row in estate.systems.values()}),
        uses("unit", {row.id: row.code for row in estate.units.values()}),
        uses("pool", {row.id: row.code for row in estate.pools.values()}),
        cloud[0] if cloud else Use(),
    )


def as_use(found: Utilisation) -> Use:
    return Use(*(_meter(found.meters[meter]) for meter in METERS))


def _meter(one: Metered) -> MeterUse:
    return MeterUse(one.held, one.used, one.mean, one.p95, one.maximum, one.coverage)


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
