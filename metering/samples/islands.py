"""When a machine was measured without a break: the store's samples joined end to start."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from metering.samples.meters import METERS
from metering.samples.store import SampleStore

# Any sample at all, whatever it knows.
SEEN = "seen"
Islands = dict[int, list[tuple[int, int]]]


def islands(
    store: SampleStore, session: Session, start: datetime, end: datetime, vm_ids: Sequence[int]
) -> dict[str, Islands]:
    """By meter (and "seen" for any sample) and machine: measured stretches in µs, by time, not clipped."""
    known = {meter.name: f"{meter.used} IS NOT NULL" for meter in METERS} | {SEEN: "true"}
    with store.opened(session, start, end) as connection:
        connection.execute("CREATE TEMP TABLE asked AS SELECT unnest($1::BIGINT[]) AS vm", [list(vm_ids)])
        return {
            name: _joined(connection.execute(_breaks(condition)).fetchall())
            for name, condition in known.items()
        }


def _breaks(condition: str) -> str:
    """Where a stretch begins, and where the one before it ended; and each machine's last end."""
    return f"""WITH known AS (SELECT vm, start_us, end_us, lag(end_us) OVER (PARTITION BY vm ORDER BY end_us) AS before
      FROM samples SEMI JOIN asked USING (vm) WHERE {condition})
    SELECT vm, start_us, before FROM known WHERE before IS NULL OR start_us > before
    UNION ALL SELECT vm, NULL, max(end_us) FROM known GROUP BY vm ORDER BY vm, start_us NULLS LAST"""


def _joined(rows: Sequence[tuple[int, int | None, int | None]]) -> Islands:
    found: Islands = {}
    for vm, start, before in rows:
        stretches = found.setdefault(vm, [])
        if before is not None:
            stretches[-1] = (stretches[-1][0], before)
        if start is not None:
            stretches.append((start, start))
    return found
