"""Judges the candidates of a file: which machine, which allocation, new or known, whole or wrong; keeps what is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from metering.allocations import AllocationSpan
from metering.samples.model import COLUMNS

# An interval may reach into the one before by so much of its length: clocks and rounded lengths do that. Its start
# then moves to the other's end, and that is counted.
JITTER = 0.05
# So many lines that were not taken are listed one by one per file; all are counted.
LISTED = 1000
CONTENT = (
    "start_us",
    "state",
    "cpu_ns",
    "steal_ns",
    "memory_used_bytes",
    "storage_used_bytes",
    "disk_written_bytes",
    "network_bytes",
)
QUALITIES = {
    "cpu_quality": "cpu_ns",
    "memory_quality": "memory_used_bytes",
    "storage_quality": "storage_used_bytes",
}
CONTRADICTING = "contradicting"

# Type in SQL, and values.
Column = tuple[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Unused:
    """A line that was not taken, and why (labels of the catalogue, kind import_reason)."""

    line: int
    reason: str
    machine: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file came to, in rows.

    accepted: new; known: in the store already; repeated: the same row again in the file; contradicting: another row
    for an interval that is known, which stays; trimmed: of the accepted, those whose start moved; rejected: by reason.
    listed: the first lines that contradict or were rejected.
    """

    rows: int
    accepted: int
    known: int
    repeated: int
    contradicting: int
    trimmed: int
    rejected: Mapping[str, int]
    listed: tuple[Unused, ...]

    @property
    def rejected_rows(self) -> int:
        return sum(self.rejected.values())


@dataclass(frozen=True, slots=True)
class Known:
    """What candidates are held against: machines by name, allocations, closed periods in µs, the present in µs."""

    machines: Mapping[str, int]
    spans: Sequence[AllocationSpan]
    seals: Sequence[tuple[int, int]]
    now_us: int


class Intake:
    """Takes one table of candidates after the other; `accepted` holds what is new, in the columns of the store.

    The connection gives the view `samples`: what the store knows about the time of the candidates.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, known: Known) -> None:
        self._connection = connection
        self._now_us = known.now_us
        self._closed = " OR ".join(
            f"(c.end_us > {first} AND c.end_us - c.span_us < {last})" for first, last in known.seals
        )
        machines: dict[str, Column] = {
            "name": ("VARCHAR", list(known.machines)),
            "vm": ("BIGINT", list(known.machines.values())),
        }
        self._fill("machine", machines)
        held = ("id", "vm_id", "start_us", "end_us", "vcpus", "memory_mib", "storage_gib")
        values: dict[str, list[int]] = {name: [getattr(span, name) for span in known.spans] for name in held}
        self._fill("held", {name: ("BIGINT", column) for name, column in values.items()})
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(f"CREATE TEMP TABLE accepted ({columns})")
        connection.execute(
            "CREATE TEMP TABLE reported (vm BIGINT, at_us BIGINT, vcpus BIGINT, memory_mib BIGINT, storage_gib BIGINT)"
        )

    def place(self) -> tuple[int, int] | None:
        """Finds machine and allocation of each candidate; the bounds in µs of those that may be taken, if any."""
        closed = f"WHEN {self._closed} THEN 'closed_period'" if self._closed else ""
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE placed AS
            SELECT c.* EXCLUDE (reason, name), c.end_us - c.span_us AS start_us, m.vm, h.id AS allocation, h.vcpus,
              h.memory_mib, h.storage_gib, CASE WHEN m.vm IS NULL THEN c.name END AS stranger,
              CASE WHEN c.reason IS NOT NULL THEN c.reason WHEN m.vm IS NULL THEN 'machine'
                WHEN c.end_us > {self._now_us} THEN 'future'
                WHEN h.id IS NULL OR h.end_us < c.end_us THEN 'outside_allocation' {closed} END AS reason
            FROM candidate AS c LEFT JOIN machine AS m USING (name)
            ASOF LEFT JOIN held AS h ON m.vm = h.vm_id AND c.end_us > h.start_us"""
        )
        first, last = self._one("SELECT min(start_us), max(end_us) FROM placed WHERE reason IS NULL")
        return None if first is None else (first, last)

    def take(self) -> Verdict:
        """Judges what `place` left against the file itself and against the store, and accepts what is new."""
        self._order()
        self._compare()
        self._accept()
        return self._verdict()

    def _order(self) -> None:
        """Each machine's rows by time, the first of a time before its repetitions."""
        content, start = ", ".join(CONTENT), _trimmed("start_us", "before")
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE ordered AS
            SELECT *, hash({content}) AS content,
              lag(end_us) OVER (PARTITION BY vm ORDER BY end_us, line) AS before
            FROM placed WHERE reason IS NULL"""
        )
        self._connection.execute(
            """CREATE OR REPLACE TEMP TABLE again AS
            SELECT o.line, o.content = f.content AS is_same FROM ordered AS o
            JOIN ordered AS f ON f.vm = o.vm AND f.end_us = o.end_us AND f.before IS DISTINCT FROM f.end_us
            WHERE o.before = o.end_us"""
        )
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE single AS
            SELECT * EXCLUDE (start_us, before, content), start_us AS said_us, {start} AS start_us,
              coalesce(before > {start}, false) AS is_overlapping
            FROM ordered WHERE before IS DISTINCT FROM end_us"""
        )

    def _compare(self) -> None:
        """Held against what is known of these machines: the same interval, and those around it."""
        names = ("vm", "end_us", *CONTENT)
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE known AS
            SELECT {", ".join(names)} FROM (SELECT {", ".join(names)} FROM samples
              UNION ALL SELECT {", ".join(names)} FROM accepted)
            WHERE vm IN (SELECT vm FROM single)"""
        )
        if not self._one("SELECT count(*) FROM known")[0]:
            self._connection.execute(
                "CREATE OR REPLACE TEMP TABLE judged AS SELECT *, "
                "CASE WHEN is_overlapping THEN 'overlap' ELSE 'new' END AS verdict FROM single"
            )
            return
        start = _trimmed("s.start_us", "b.end_us")
        same = " AND ".join(
            f"k.{name} IS NOT DISTINCT FROM s.{name}" for name in CONTENT if name != "start_us"
        )
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE judged AS
            SELECT s.* EXCLUDE (start_us, is_overlapping), {start} AS start_us,
              CASE WHEN s.is_overlapping THEN 'overlap'
                WHEN k.vm IS NOT NULL THEN CASE WHEN k.start_us = {start} AND {same} THEN 'known'
                  ELSE '{CONTRADICTING}' END
                WHEN b.end_us > {start} OR a.start_us < s.end_us THEN 'overlap' ELSE 'new' END AS verdict
            FROM single AS s LEFT JOIN known AS k ON k.vm = s.vm AND k.end_us = s.end_us
            ASOF LEFT JOIN known AS b ON s.vm = b.vm AND s.end_us > b.end_us
            ASOF LEFT JOIN known AS a ON s.vm = a.vm AND s.end_us < a.end_us"""
        )

    def _accept(self) -> None:
        values = {name: name for name in COLUMNS} | {
            quality: f"CASE WHEN {used} IS NULL THEN 'unknown' ELSE 'measured' END"
            for quality, used in QUALITIES.items()
        }
        columns = ", ".join(values[name] for name in COLUMNS)
        self._connection.execute(f"INSERT INTO accepted SELECT {columns} FROM judged WHERE verdict = 'new'")
        self._connection.execute(
            """INSERT INTO reported SELECT vm, max(end_us), arg_max(reported_vcpus, end_us),
            arg_max(reported_memory_mib, end_us), arg_max(reported_storage_gib, end_us) FROM judged
            WHERE verdict = 'new' AND coalesce(reported_vcpus, reported_memory_mib, reported_storage_gib) IS NOT NULL
            GROUP BY vm"""
        )

    def _verdict(self) -> Verdict:
        counts = dict(self._all("SELECT verdict, count(*) FROM judged GROUP BY verdict"))
        copies = dict(self._all("SELECT is_same, count(*) FROM again GROUP BY is_same"))
        rejected = dict(
            self._all("SELECT reason, count(*) FROM placed WHERE reason IS NOT NULL GROUP BY reason")
        )
        if counts.get("overlap"):
            rejected["overlap"] = counts["overlap"]
        return Verdict(
            rows=self._one("SELECT count(*) FROM placed")[0],
            accepted=counts.get("new", 0),
            known=counts.get("known", 0),
            repeated=copies.get(True, 0),
            contradicting=copies.get(False, 0) + counts.get(CONTRADICTING, 0),
            trimmed=self._one("SELECT count(*) FROM judged WHERE verdict = 'new' AND start_us > said_us")[0],
            rejected=dict(sorted(rejected.items())),
            listed=tuple(
                Unused(*row)
                for row in self._all(
                    f"""SELECT line, reason, stranger FROM placed WHERE reason IS NOT NULL
                    UNION ALL SELECT line, verdict, NULL FROM judged WHERE verdict IN ('overlap', '{CONTRADICTING}')
                    UNION ALL SELECT line, '{CONTRADICTING}', NULL FROM again WHERE NOT is_same
                    ORDER BY 1 LIMIT {LISTED}"""
                )
            ),
        )

    def reported(self) -> list[tuple[int, int, int | None, int | None, int | None]]:
        """Of each machine the size its last accepted row reported: vm, time in µs, vCPUs, MiB, GiB."""
        rows = self._all(
            """SELECT vm, max(at_us), arg_max(vcpus, at_us), arg_max(memory_mib, at_us), arg_max(storage_gib, at_us)
            FROM reported GROUP BY vm ORDER BY vm"""
        )
        return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]

    def _fill(self, table: str, columns: Mapping[str, Column]) -> None:
        items = [
            f"unnest(${n}::{kind}[]) AS {name}" for n, (name, (kind, _)) in enumerate(columns.items(), 1)
        ]
        values = [values for _, values in columns.values()]
        self._connection.execute(f"CREATE TEMP TABLE {table} AS SELECT {', '.join(items)}", values)

    def _all(self, query: str) -> list[Any]:
        return self._connection.execute(query).fetchall()

    def _one(self, query: str) -> Any:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return row


def _trimmed(start: str, before: str) -> str:
    """Where an interval really begins, when the one before it ends a trifle later than it says."""
    return f"CASE WHEN {before} > {start} AND {before} - {start} <= {JITTER} * span_us THEN {before} ELSE {start} END"
