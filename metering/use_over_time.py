"""How the use of units, systems, pools or the whole cloud went over a window, for charts."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from metering.allocations import spans_between
from metering.samples.store import SampleStore
from metering.samples.use_curves import Curves, use_curves
from metering.utilisation import group_of


def use_over_time(
    store: SampleStore, session: Session, start: datetime, end: datetime, by: str, bucket: timedelta
) -> dict[int, Curves]:
    """Fractions of what was held, by group and meter, one per bucket. ValueError for another grouping than
    `metering.utilisation` knows.
    """
    key = group_of(by)
    groups = {span.id: key(span) for span in spans_between(session, start, end)}
    return use_curves(store, session, start, end, bucket, groups) if groups else {}
