"""A sweep that a crash cut off between its file and the ledger: taken over if it goes on where the ledger stands."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros, to_micros
from metering.samples.recovery import Recovered, recover
from metering.samples.store import SampleStore
from metering.store import collector_state, keep_collector_state
from metering.sweeps import PoolSwept
from provisioning.model import Reading


def adopt_orphans(session: Session, store: SampleStore, now: datetime) -> Recovered:
    """Takes over what a crash cut off today or yesterday: a sweep that goes on where the ledger stands."""
    days = [f"{now - timedelta(days=1):%Y-%m-%d}", f"{now:%Y-%m-%d}"]
    return recover(session, store, lambda carried: _goes_on(session, carried), days)


def _goes_on(session: Session, carried: bytes) -> bool:
    pools = json.loads(carried)
    if any(_micros(collector_state(session, pool["pool"])[0]) != pool["since"] for pool in pools):
        return False
    for pool in pools:
        readings = [Reading(*fields) for fields in pool["readings"]]
        keep_collector_state(session, pool["pool"], from_micros(pool["swept_at"]), readings)
    return True


def carried_states(session: Session, swept: Sequence[PoolSwept]) -> bytes:
    """The states this sweep leaves, kept in its file: so one that a crash cut off from the manifest is of use."""
    document = [
        {
            "pool": pool.state.pool_id,
            "since": _micros(collector_state(session, pool.state.pool_id)[0]),
            "swept_at": _micros(pool.state.swept_at),
            "readings": [list(reading) for reading in pool.state.readings.values()],
        }
        for pool in swept
    ]
    return json.dumps(document, separators=(",", ":")).encode()


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else to_micros(instant)
