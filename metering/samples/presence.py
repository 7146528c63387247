"""Whether a machine has samples after an instant: what a correction of its past must know."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from metering.samples.store import SampleStore

_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def has_samples(
    store: SampleStore, session: Session, vm_id: int, start: datetime, end: datetime | None = None
) -> bool:
    """Whether a sample of that machine ends in (start, end]; end None: at any time after."""
    until = end or _FAR
    question = "SELECT 1 FROM samples WHERE vm = $vm AND end_us > $start AND end_us <= $end LIMIT 1"
    values = {"vm": vm_id, "start": to_micros(start), "end": to_micros(until)}
    with store.opened(session, start, until) as connection:
        return connection.execute(question, values).fetchone() is not None
