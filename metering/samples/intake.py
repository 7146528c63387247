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
# What a row is that is not simply new. trimmed is new all the same.
AGAIN, TRIMMED, KNOWN, OVERLAP, CONTRADICTING = "again", "trimmed", "known", "overlap", "contradicting"
CLOSED = "closed_period"
FOREVER = 1 << 62
# The rows that are taken.
NEW = (
    "FROM placed AS p LEFT JOIN special AS e USING (line) "
    f"WHERE p.reason IS NULL AND coalesce(e.verdict, '{TRIMMED}') = '{TRIMMED}'"
)

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
            f"(p.end_us > {first} AND p.start_us < {last})" for first, last in known.seals
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
        """Finds machine and allocation of each candidate; the bounds in µs of those that may be taken, if any.

        What may be taken comes first, by machine and time, the first line of an interval before its repetitions.
        """
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE placed AS
            SELECT c.* EXCLUDE (reason, name), c.end_us - c.span_us AS start_us, m.vm, h.id AS allocation, h.vcpus,
              h.memory_mib, h.storage_gib, CASE WHEN m.vm IS NULL THEN c.name END AS stranger,
              CASE WHEN c.reason IS NOT NULL THEN c.reason WHEN m.vm IS NULL THEN 'machine'
                WHEN c.end_us > {self._now_us} THEN 'future'
                WHEN h.id IS NULL THEN 'outside_allocation' END AS reason
            FROM candidate AS c LEFT JOIN machine AS m USING (name)
            LEFT JOIN held AS h
              ON h.vm_id = m.vm AND c.end_us > h.start_us AND c.end_us <= coalesce(h.end_us, {FOREVER})
            ORDER BY reason IS NOT NULL, m.vm, c.end_us, c.line"""
        )
        first, last = self._one("SELECT min(start_us), max(end_us) FROM placed WHERE reason IS NULL")
        return None if first is None else (first, last)

    def take(self) -> Verdict:
        """Judges what `place` left against the file itself and against the store, and accepts what is new."""
        self._look_back()
        self._look_around()
        self._spare_the_closed()
        self._accept()
        return self._verdict()

    def _look_back(self) -> None:
        """Each row against the one before it in the file; `special` holds those that are not simply new.

        The table is in order already, so the row before is the one that the scan saw last.
        """
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE special AS
            SELECT line, {_trimmed("start_us", "before")} AS start_us, CASE WHEN before = end_us THEN '{AGAIN}'
              WHEN before > {_trimmed("start_us", "before")} THEN '{OVERLAP}' ELSE '{TRIMMED}' END AS verdict
            FROM (SELECT line, vm, start_us, end_us, span_us,
                CASE WHEN lag(vm) OVER () = vm THEN lag(end_us) OVER () END AS before
              FROM placed WHERE reason IS NULL) WHERE before > start_us"""
        )
        if self._count("special"):
            self._connection.execute(
                f"""UPDATE special SET verdict = '{CONTRADICTING}' WHERE line IN (
                SELECT a.line FROM placed AS a JOIN special AS s ON s.line = a.line AND s.verdict = '{AGAIN}'
                JOIN placed AS f ON f.vm = a.vm AND f.end_us = a.end_us AND f.reason IS NULL AND f.line NOT IN
                  (SELECT line FROM special WHERE verdict = '{AGAIN}')
                WHERE hash({_columns("a", CONTENT)}) <> hash({_columns("f", CONTENT)}))"""
            )

    def _look_around(self) -> None:
        """Each row against what is known of its machine: the same interval, and those around it."""
        names = ("vm", "end_us", *CONTENT)
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE known AS
            SELECT {", ".join(names)} FROM (SELECT {", ".join(names)} FROM samples
              UNION ALL SELECT {", ".join(names)} FROM accepted)
            WHERE vm IN (SELECT DISTINCT vm FROM placed WHERE reason IS NULL)"""
        )
        if not self._count("known"):
            return
        start = _trimmed("s.start_us", "b.end_us")
        same = " AND ".join(
            f"k.{name} IS NOT DISTINCT FROM s.{name}" for name in CONTENT if name != "start_us"
        )
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE around AS
            SELECT * EXCLUDE (said_us) FROM (SELECT line, {start} AS start_us, s.start_us AS said_us,
              CASE WHEN k.vm IS NOT NULL THEN CASE WHEN k.start_us = {start} AND {same} THEN '{KNOWN}'
                  ELSE '{CONTRADICTING}' END
                WHEN b.end_us > {start} OR a.start_us < s.end_us THEN '{OVERLAP}' ELSE '{TRIMMED}' END AS verdict
            FROM (SELECT p.* EXCLUDE (start_us), coalesce(e.start_us, p.start_us) AS start_us
                FROM placed AS p LEFT JOIN special AS e USING (line)
                WHERE p.reason IS NULL AND coalesce(e.verdict, '{TRIMMED}') = '{TRIMMED}') AS s
            LEFT JOIN known AS k ON k.vm = s.vm AND k.end_us = s.end_us
            ASOF LEFT JOIN known AS b ON s.vm = b.vm AND s.end_us > b.end_us
            ASOF LEFT JOIN known AS a ON s.vm = a.vm AND s.end_us < a.end_us)
            WHERE verdict <> '{TRIMMED}' OR start_us > said_us"""
        )
        self._connection.execute("DELETE FROM special WHERE line IN (SELECT line FROM around)")
        self._connection.execute("INSERT INTO special SELECT line, start_us, verdict FROM around")

    def _spare_the_closed(self) -> None:
        """Nothing new comes into a closed period; what is known of it may be read again."""
        if not self._closed:
            return
        self._connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE closed AS SELECT p.line, p.start_us, '{CLOSED}' AS verdict {NEW}
            AND ({self._closed})"""
        )
        self._connection.execute("DELETE FROM special WHERE line IN (SELECT line FROM closed)")
        self._connection.execute("INSERT INTO special SELECT line, start_us, verdict FROM closed")

    def _accept(self) -> None:
        values = {name: f"p.{name}" for name in COLUMNS} | {
            quality: f"CASE WHEN p.{used} IS NULL THEN 'unknown' ELSE 'measured' END"
            for quality, used in QUALITIES.items()
        }
        values["start_us"] = "coalesce(e.start_us, p.start_us)"
        columns = ", ".join(values[name] for name in COLUMNS)
        self._connection.execute(f"INSERT INTO accepted SELECT {columns} {NEW}")
        self._connection.execute(
            f"""INSERT INTO reported SELECT vm, max(end_us), arg_max(reported_vcpus, end_us),
            arg_max(reported_memory_mib, end_us), arg_max(reported_storage_gib, end_us) {NEW}
            AND coalesce(reported_vcpus, reported_memory_mib, reported_storage_gib) IS NOT NULL GROUP BY vm"""
        )

    def _verdict(self) -> Verdict:
        special = dict(self._all("SELECT verdict, count(*) FROM special GROUP BY verdict"))
        reasons = dict(self._all("SELECT coalesce(reason, ''), count(*) FROM placed GROUP BY ALL"))
        right = reasons.pop("", 0)
        reasons |= {verdict: special[verdict] for verdict in (OVERLAP, CLOSED) if verdict in special}
        return Verdict(
            rows=self._count("placed"),
            accepted=right - sum(special.values()) + special.get(TRIMMED, 0),
            known=special.get(KNOWN, 0),
            repeated=special.get(AGAIN, 0),
            contradicting=special.get(CONTRADICTING, 0),
            trimmed=special.get(TRIMMED, 0),
            rejected=dict(sorted(reasons.items())),
            listed=tuple(
                Unused(*row)
                for row in self._all(
                    f"""SELECT line, reason, stranger FROM placed WHERE reason IS NOT NULL
                    UNION ALL SELECT line, verdict, NULL FROM special
                    WHERE verdict IN ('{OVERLAP}', '{CLOSED}', '{CONTRADICTING}')
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

    def _count(self, table: str) -> int:
        return int(self._one(f"SELECT count(*) FROM {table}")[0])

    def _one(self, query: str) -> Any:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return row


def _columns(alias: str, names: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _trimmed(start: str, before: str) -> str:
    """Where an interval really begins, when the one before it ends a trifle later than it says."""
    return f"CASE WHEN {before} > {start} AND {before} - {start} <= {JITTER} * span_us THEN {before} ELSE {start} END"
