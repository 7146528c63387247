"""After a correction of what machines held: the samples concerned are stamped anew, in new files for the old ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros
from cloudctl.core.errors import Refused
from metering.allocations import AllocationSpan
from metering.samples.model import COLUMNS
from metering.samples.store import SampleStore, connected, source_of
from metering.store import live_files, lock_store, mark_replaced
from metering.tables import SampleFileRow

# Past every sample.
FOREVER_US = 253_370_764_800_000_000
# The files' samples, each with whether it is concerned.
_MARKED = """SELECT source.*, EXISTS (SELECT 1 FROM correction AS c WHERE c.vm = source.vm
        AND source.end_us > c.after_us AND source.end_us <= c.until_us) AS is_concerned FROM source"""
_STAMPED = ("allocation", "vcpus", "memory_mib", "storage_gib")


@dataclass(frozen=True, slots=True)
class Correction:
    """A machine's samples that end in (start_us, end_us] are concerned; end_us None: all later ones."""

    vm_id: int
    start_us: int
    end_us: int | None


@dataclass(frozen=True, slots=True)
class Restamped:
    """stamped: samples that got another allocation's size. left_out: their machine held nothing at their end."""

    stamped: int = 0
    left_out: int = 0


def restamp(
    session: Session, store: SampleStore, corrections: Sequence[Correction], held: Sequence[AllocationSpan]
) -> Restamped:
    """Stamps the samples concerned with the allocation in force at their end, as `held` has it now.

    Within the transaction of the correction: the new files count when it commits, and the old ones stop to. A
    sample that no allocation covers any more leaves the store; importing its source again brings it back once one
    does. Refused when one of the files is evidence of a closed month.
    """
    if not corrections:
        return Restamped()
    lock_store(session)
    with store.holding_files(), connected(store.folder) as connection:
        _fill(connection, corrections, held)
        files = _concerned(connection, session, store, corrections)
        if not files:
            return Restamped()
        _require_unsealed(files)
        sources = source_of([str(store.folder / row.path) for row in files])
        connection.execute(f"CREATE TEMP VIEW source AS SELECT * FROM {sources}")
        with store.staged(connection, _query()) as parts:
            for part in parts:
                store.enter_staged(session, part, "import")
        mark_replaced(session, [row.id for row in files], store.clock.now())
        return _counted(connection)


def _fill(
    connection: duckdb.DuckDBPyConnection, corrections: Sequence[Correction], held: Sequence[AllocationSpan]
) -> None:
    connection.execute(
        "CREATE TEMP TABLE correction AS SELECT unnest($1::BIGINT[]) AS vm, unnest($2::BIGINT[]) AS after_us, "
        "unnest($3::BIGINT[]) AS until_us",
        [
            [item.vm_id for item in corrections],
            [item.start_us for item in corrections],
            [FOREVER_US if item.end_us is None else item.end_us for item in corrections],
        ],
    )
    connection.execute(
        "CREATE TEMP TABLE held AS SELECT unnest($1::BIGINT[]) AS vm, unnest($2::BIGINT[]) AS start_us, "
        "unnest($3::BIGINT[]) AS end_us, unnest($4::BIGINT[]) AS allocation, unnest($5::BIGINT[]) AS vcpus, "
        "unnest($6::BIGINT[]) AS memory_mib, unnest($7::BIGINT[]) AS storage_gib",
        [
            [span.vm_id for span in held],
            [span.start_us for span in held],
            [FOREVER_US if span.end_us is None else span.end_us for span in held],
            [span.id for span in held],
            [span.vcpus for span in held],
            [span.memory_mib for span in held],
            [span.storage_gib for span in held],
        ],
    )


def _concerned(
    connection: duckdb.DuckDBPyConnection,
    session: Session,
    store: SampleStore,
    corrections: Sequence[Correction],
) -> list[SampleFileRow]:
    """The files that hold a sample concerned."""
    first = from_micros(min(item.start_us for item in corrections))
    last = from_micros(max(item.end_us or FOREVER_US for item in corrections))
    rows = {str(store.folder / row.path): row for row in live_files(session, first, last)}
    if not rows:
        return []
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in rows)
    found = connection.execute(
        f"""SELECT DISTINCT filename FROM read_parquet([{listed}], hive_partitioning = false, filename = true) AS s
        JOIN correction AS c ON s.vm = c.vm AND s.end_us > c.after_us AND s.end_us <= c.until_us"""
    )
    return [rows[path] for (path,) in sorted(found.fetchall())]


def _require_unsealed(files: Sequence[SampleFileRow]) -> None:
    for row in files:
        if row.sealed_at is not None:
            raise Refused(
                "Samples of the corrected time stand in a file of a closed month ({path}).", path=row.path
            )


def _query() -> str:
    """All samples of the files, those concerned with their new stamp; without those nothing covers."""
    columns = ", ".join(
        # The types of the store: the table of allocations has wider ones.
        f"(CASE WHEN is_concerned THEN h.{name} ELSE s.{name} END)::{kind} AS {name}"
        if name in _STAMPED
        else f"s.{name}"
        for name, kind in COLUMNS.items()
    )
    return f"""SELECT {columns} FROM ({_MARKED}) AS s
        ASOF LEFT JOIN held AS h ON s.vm = h.vm AND s.end_us > h.start_us
        WHERE NOT is_concerned OR s.end_us <= h.end_us"""


def _counted(connection: duckdb.DuckDBPyConnection) -> Restamped:
    row = connection.execute(
        f"""SELECT count(*) FILTER (s.end_us <= h.end_us), count(*) FILTER (h.end_us IS NULL OR s.end_us > h.end_us)
        FROM ({_MARKED}) AS s ASOF LEFT JOIN held AS h ON s.vm = h.vm AND s.end_us > h.start_us
        WHERE is_concerned"""
    ).fetchone()
    assert row is not None
    return Restamped(*row)
