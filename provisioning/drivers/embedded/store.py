"""The simulated cloud's own state in one SQLite file: hosts, machines with their counters, tombstones.

One transaction per applied step; a kill at any point leaves the state before it or after it.
"""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields, replace
from pathlib import Path

from cloudctl.core.database import enter_wal
from cloudctl.core.errors import Unreachable
from cloudctl.core.quantity import Size

FILE_NAME = "cloud.sqlite"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS host (code TEXT PRIMARY KEY, vcpus INTEGER, memory_mib INTEGER, storage_gib TEXT);
CREATE TABLE IF NOT EXISTS machine (
    number INTEGER PRIMARY KEY AUTOINCREMENT, vm_id INTEGER UNIQUE, name TEXT UNIQUE, host TEXT, state TEXT,
    vcpus INTEGER, memory_mib INTEGER, storage_gib TEXT, image TEXT,
    born_us INTEGER, born_vcpus INTEGER, born_memory_mib INTEGER, born_storage_gib INTEGER,
    size_us INTEGER, host_us INTEGER, state_us INTEGER, boot_us INTEGER, boots INTEGER,
    counted_us INTEGER, cpu_ns INTEGER, steal_ns INTEGER, disk_bytes INTEGER, network_bytes INTEGER,
    labels TEXT NOT NULL DEFAULT '{}');
CREATE TABLE IF NOT EXISTS tombstone (vm_id INTEGER PRIMARY KEY, number INTEGER, host TEXT, at_us INTEGER);
CREATE TABLE IF NOT EXISTS remnant (
    vm_id INTEGER, host TEXT, number INTEGER, name TEXT, vcpus INTEGER, memory_mib INTEGER, storage_gib TEXT,
    PRIMARY KEY (vm_id, host));
CREATE TABLE IF NOT EXISTS asked (vm_id INTEGER, kind TEXT, at_us INTEGER, PRIMARY KEY (vm_id, kind));
"""


@dataclass(frozen=True, slots=True)
class HostRecord:
    code: str
    vcpus: int
    memory_mib: int
    storage_gib: dict[str, int]


@dataclass(frozen=True, slots=True)
class MachineRecord:
    """A machine: what it is, since when (…_us), and its counters as of counted_us, from the last boot on.

    labels: the owner we wrote into the cloud's metadata, and what a person wrote beside it.
    """

    number: int | None
    vm_id: int | None
    name: str
    host: str
    state: str
    vcpus: int
    memory_mib: int
    storage_gib: dict[str, int]
    image: str | None
    born_us: int
    born_vcpus: int
    born_memory_mib: int
    born_storage_gib: int
    size_us: int
    host_us: int
    state_us: int
    boot_us: int
    boots: int
    counted_us: int
    cpu_ns: int = 0
    steal_ns: int = 0
    disk_bytes: int = 0
    network_bytes: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> Size:
        return Size(self.vcpus, self.memory_mib, self.storage_gib)

    @property
    def external_id(self) -> str:
        return f"sim-{self.number}"

    @property
    def counter_key(self) -> str:
        """Host and boot: a new life of the counters with each."""
        return f"{self.host}/{self.boots}"

    def booted(self, at_us: int) -> "MachineRecord":
        """With a new process: its counters begin at nothing."""
        return replace(
            self, boot_us=at_us, boots=self.boots + 1, cpu_ns=0, steal_ns=0, disk_bytes=0, network_bytes=0
        )


@dataclass(frozen=True, slots=True)
class Tombstone:
    number: int
    host: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Remnant:
    """What a dead host still has of a machine that was started elsewhere: seen, off, once the host is back."""

    vm_id: int
    host: str
    number: int
    name: str
    size: Size


_COLUMNS = tuple(column.name for column in fields(MachineRecord))
_DOCUMENTS = ("storage_gib", "labels")


class CloudStore:
    """Opens the file when it is first asked. Unreachable when the file cannot be read or written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: sqlite3.Connection | None = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, the only writer."""
        connection = self._connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as failure:
            raise Unreachable(
                "The simulated cloud does not answer: {reason}", reason=str(failure)
            ) from failure

    def version(self) -> int:
        """Changes whenever another process has written."""
        return int(self._connection().execute("PRAGMA data_version").fetchone()[0])

    def hosts(self) -> dict[str, HostRecord]:
        rows = self._connection().execute(
            "SELECT code, vcpus, memory_mib, storage_gib FROM host ORDER BY code"
        )
        return {row[0]: HostRecord(row[0], row[1], row[2], json.loads(row[3])) for row in rows}

    def put_hosts(self, hosts: Sequence[HostRecord]) -> None:
        """The hosts there are from now on; within `writing`."""
        connection = self._connection()
        connection.execute("DELETE FROM host")
        connection.executemany(
            "INSERT INTO host VALUES (?, ?, ?, ?)",
            [(host.code, host.vcpus, host.memory_mib, json.dumps(host.storage_gib)) for host in hosts],
        )

    def machines(self, where: str = "", *values: object) -> list[MachineRecord]:
        """Machines by host and number; `where` is a condition of this driver's own with its values."""
        condition = f"WHERE {where} " if where else ""
        query = f"SELECT {', '.join(_COLUMNS)} FROM machine {condition}ORDER BY host, number"
        return [_machine(row) for row in self._connection().execute(query, values)]

    def machines_on(self, hosts: Collection[str]) -> list[MachineRecord]:
        """The machines of some hosts, by host and number."""
        return self.machines(f"host IN ({', '.join('?' * len(hosts))})", *sorted(hosts))

    def machine(self, vm_id: int) -> MachineRecord | None:
        return next(iter(self.machines("vm_id = ?", vm_id)), None)

    def put_machine(self, record: MachineRecord) -> None:
        """Inserts it (number None) or replaces it; within `writing`."""
        values = list(astuple(record))
        for name in _DOCUMENTS:
            values[_COLUMNS.index(name)] = json.dumps(getattr(record, name), ensure_ascii=False)
        if record.number is None:
            marks = ", ".join("?" * len(_COLUMNS))
            self._connection().execute(
                f"INSERT INTO machine ({', '.join(_COLUMNS)}) VALUES ({marks})", values
            )
        else:
            sets = ", ".join(f"{column} = ?" for column in _COLUMNS)
            self._connection().execute(
                f"UPDATE machine SET {sets} WHERE number = ?", [*values, record.number]
            )

    def put_counters(self, counted_us: int, counters: Sequence[tuple[int | None, ...]]) -> None:
        """Counters as of `counted_us`, each with its machine's number first; within `writing`."""
        sets = "counted_us = ?, cpu_ns = ?, steal_ns = ?, disk_bytes = ?, network_bytes = ?"
        rows = [(counted_us, *values, number) for number, *values in counters]
        self._connection().executemany(f"UPDATE machine SET {sets} WHERE number = ?", rows)

    def bury(self, record: MachineRecord, at_us: int) -> None:
        """Removes a machine and keeps when; within `writing`."""
        connection = self._connection()
        connection.execute("DELETE FROM machine WHERE number = ?", (record.number,))
        if record.vm_id is not None:
            stone = (record.vm_id, record.number, record.host, at_us)
            connection.execute("INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?)", stone)

    def tombstone(self, vm_id: int) -> Tombstone | None:
        query = "SELECT number, host, at_us FROM tombstone WHERE vm_id = ?"
        row = self._connection().execute(query, (vm_id,)).fetchone()
        return Tombstone(*row) if row else None

    def remnants(self) -> list[Remnant]:
        """By host and machine."""
        query = "SELECT vm_id, host, number, name, vcpus, memory_mib, storage_gib FROM remnant ORDER BY host, vm_id"
        return [
            Remnant(row[0], row[1], row[2], row[3], Size(row[4], row[5], json.loads(row[6])))
            for row in self._connection().execute(query)
        ]

    def leave_behind(self, record: MachineRecord) -> None:
        """The machine's host keeps what it has of it; within `writing`."""
        size = (record.vcpus, record.memory_mib, json.dumps(record.storage_gib))
        row = (record.vm_id, record.host, record.number, record.name, *size)
        self._connection().execute("INSERT OR REPLACE INTO remnant VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def clear_remnant(self, vm_id: int, host: str) -> None:
        """Within `writing`."""
        self._connection().execute("DELETE FROM remnant WHERE vm_id = ? AND host = ?", (vm_id, host))

    def first_asked(self, vm_id: int, kind: str, at_us: int) -> int:
        """When a step that is late was first asked for."""
        with self.writing():
            return self.first_noted(vm_id, kind, at_us)

    def first_noted(self, vm_id: int, kind: str, at_us: int) -> int:
        """The first instant noted of a machine under a word; within `writing`."""
        connection = self._connection()
        connection.execute("INSERT OR IGNORE INTO asked VALUES (?, ?, ?)", (vm_id, kind, at_us))
        query = "SELECT at_us FROM asked WHERE vm_id = ? AND kind = ?"
        return int(connection.execute(query, (vm_id, kind)).fetchone()[0])

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            try:
                self._opened = _open(self._folder)
            except (sqlite3.Error, OSError) as failure:
                raise Unreachable(
                    "The simulated cloud does not answer: {reason}", reason=str(failure)
                ) from failure
        return self._opened


def _open(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    # A pool's collector may run on a thread of its own; one at a time holds the driver.
    connection = sqlite3.connect(
        folder / FILE_NAME, isolation_level=None, timeout=30, check_same_thread=False
    )
    enter_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(_SCHEMA)
    if "labels" not in {row[1] for row in connection.execute("PRAGMA table_info(machine)")}:
        # A cloud made before machines had labels.
        connection.execute("ALTER TABLE machine ADD COLUMN labels TEXT NOT NULL DEFAULT '{}'")
    return connection


def _machine(row: Sequence[object]) -> MachineRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    for name in _DOCUMENTS:
        values[name] = json.loads(str(values[name]))
    return MachineRecord(**values)  # type: ignore[arg-type]
