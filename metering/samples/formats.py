"""What usage files look like: our own CSV and Parquet, and the Bitbrains traces; read into one table of candidates.

A CSV is read as lines and cut by our own rule, so that a line number is a line number, a half line is seen, and no
guess of a reader decides what a field is.
"""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cloudctl.core.errors import InvalidInput, problem
from metering.samples.model import MICROS

FORMATS = ("cloudctl", "bitbrains")
REQUIRED = ("vm", "end", "interval_s")
OPTIONAL = (
    "state",
    "vcpus",
    "cpu_core_seconds",
    "cpu_steal_core_seconds",
    "memory_mib",
    "memory_used_mib",
    "storage_gib",
    "storage_used_gib",
    "disk_written_bytes",
    "network_bytes",
)
USES = ("cpu_core_seconds", "memory_used_mib", "storage_used_gib")
BITBRAINS = (
    "Timestamp [ms]",
    "CPU cores",
    "CPU capacity provisioned [MHZ]",
    "CPU usage [MHZ]",
    "CPU usage [%]",
    "Memory capacity provisioned [KB]",
    "Memory usage [KB]",
    "Disk read throughput [KB/s]",
    "Disk write throughput [KB/s]",
    "Network received throughput [KB/s]",
    "Network transmitted throughput [KB/s]",
)
STATES = ("running", "paused", "off", "unknown")
# A longer interval says nothing about five minutes; nobody measures by it.
LONGEST_S = 86_400
# Bytes times µs must fit the engine's 64 bits once the bytes are halved; see machine_sums.
LARGEST_BYTES = 100 << 40
# The Bitbrains rows' rule: so long may the row before lie back, otherwise the row speaks of 300 s.
NEAR_S, USUAL_S = 450, 300
# No field holds it, so the reader leaves a line whole.
SEPARATOR = "\x01"
# What the strict reader says of a file in which lines end now one way, now another.
MIXED_ENDS = "invalid state"
STRICT, LENIENT = "strict_mode = true", "strict_mode = false"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to import: its path and format, and how it is stored (csv or parquet, gzipped or not)."""

    path: Path
    format: str
    is_parquet: bool
    is_gzip: bool

    @property
    def machine(self) -> str:
        """The machine a Bitbrains file is named after: `204.csv.gz` is machine 204."""
        return self.path.name.removesuffix(".gz").removesuffix(".csv")


def describe_file(path: Path, wanted: str | None) -> SourceFile:
    """Looks at a file's first bytes. InvalidInput when it can't be read, or is not what was asked for."""
    try:
        with path.open("rb") as source:
            head = source.read(4)
    except OSError as failure:
        raise InvalidInput(
            [problem(str(path), "This file cannot be read: {reason}", reason=failure.strerror or "")]
        ) from None
    file = SourceFile(path, wanted or "cloudctl", head == b"PAR1", head[:2] == b"\x1f\x8b")
    if wanted is None and not file.is_parquet and _header(file).startswith(BITBRAINS[0]):
        return SourceFile(path, "bitbrains", is_parquet=False, is_gzip=file.is_gzip)
    if wanted == "bitbrains" and file.is_parquet:
        raise InvalidInput([problem(str(path), "A Bitbrains trace is a text file; this is Parquet.")])
    return file


def read_candidates(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> None:
    """Makes the temp view `candidate` of the file: one row per line, with the reason why it can't be taken.

    Columns: line, name, end_us, span_us, state, cpu_ns, steal_ns, memory_used_bytes, storage_used_bytes,
    disk_written_bytes, network_bytes, reported_vcpus, reported_memory_mib, reported_storage_gib, reason. InvalidInput
    when the header is wrong or the file is no text.
    """
    query = _bitbrains_query(file) if file.format == "bitbrains" else _cloudctl_query(connection, file)
    _read_lines(connection, file)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW candidate AS {query}")


def _read_lines(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> None:
    """The file's lines (or rows), numbered from 1, as the temp table `line`: cutting them is work for every core."""
    create = f"CREATE OR REPLACE TEMP TABLE line AS {_parquet(file) if file.is_parquet else _lines(file)}"
    try:
        connection.execute(create)
    except (duckdb.InvalidInputException, duckdb.IOException) as failure:
        if MIXED_ENDS not in str(failure):
            raise _unreadable(file, str(failure)) from None
        connection.execute(create.replace(STRICT, LENIENT))


def _cloudctl_query(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> str:
    if file.is_parquet:
        names = _parquet_columns(connection, file)
        _check_columns(file, names)
        fields = {name: f"coalesce(\"{name}\"::VARCHAR, '')" for name in names}
        source = f"SELECT file_row_number + 1 AS line, true AS is_whole, {_named(fields)} FROM line"
    else:
        names = [_bare(name) for name in _header(file).split(",")]
        _check_columns(file, names)
        fields = {name: f"f[{place}]" for place, name in enumerate(names, 1)}
        source = f"SELECT line, len(f) = {len(names)} AS is_whole, {_named(fields)} FROM ({_cut(',')})"
    numbers = ", ".join(f'TRY_CAST("{name}" AS DOUBLE) AS n_{name}' for name in _numbers())
    return f"""
    WITH field AS ({source}), number AS (SELECT line, is_whole, {", ".join(f'"{name}"' for name in fields)},
      {_instant()} AS end_us, {_state(fields)} AS in_state, {numbers} FROM field)
    SELECT line, {_bare_text("vm")} AS name, end_us, round(n_interval_s * {MICROS})::BIGINT AS span_us,
      in_state AS state,
      {_off_is_zero("cpu_core_seconds", 10**9)} AS cpu_ns, {_off_is_zero("cpu_steal_core_seconds", 10**9)} AS steal_ns,
      {_off_is_zero("memory_used_mib", 1 << 20)} AS memory_used_bytes,
      {_scaled("storage_used_gib", 1 << 30)} AS storage_used_bytes,
      {_scaled("disk_written_bytes", 1)} AS disk_written_bytes, {_scaled("network_bytes", 1)} AS network_bytes,
      {_scaled("vcpus", 1)} AS reported_vcpus, {_scaled("memory_mib", 1)} AS reported_memory_mib,
      {_scaled("storage_gib", 1)} AS reported_storage_gib, {_cloudctl_reason(fields)} AS reason
    FROM number"""


def _numbers() -> list[str]:
    return ["interval_s", *(name for name in OPTIONAL if name != "state")]


def _named(fields: Mapping[str, str]) -> str:
    """All columns by name, as text; empty ones '', those the file lacks NULL."""
    return ", ".join(f'{fields.get(name, "NULL::VARCHAR")} AS "{name}"' for name in (*REQUIRED, *OPTIONAL))


def _instant() -> str:
    """Epoch seconds, or ISO 8601 with an offset: the reader would take a time without one for its own zone's."""
    offset = " OR ".join(f"""substr("end", -{place}, 1) IN ('+', '-')""" for place in (6, 5, 3))
    return f"""CASE WHEN contains("end", ':') THEN
        CASE WHEN length("end") > 16 AND ("end"[-1] = 'Z' OR {offset}) THEN epoch_us(TRY_CAST("end" AS TIMESTAMPTZ)) END
      WHEN TRY_CAST("end" AS DOUBLE) BETWEEN 0 AND 4e9 THEN round(TRY_CAST("end" AS DOUBLE) * {MICROS})::BIGINT END"""


def _state(fields: Mapping[str, str]) -> str:
    """The state said; unsaid, a machine of which anything is known was running."""
    unsaid = " AND ".join(f"\"{use}\" = ''" for use in USES if use in fields)
    guessed = f"CASE WHEN {unsaid} THEN 'unknown' ELSE 'running' END"
    return f"coalesce(nullif({_bare_text('state')}, ''), {guessed})"


def _bare_text(name: str) -> str:
    """A text without blanks around it. Trimming is dear, and hardly any text needs it."""
    return f"CASE WHEN contains({name}, ' ') THEN trim({name}) ELSE {name} END"


def _scaled(name: str, factor: int) -> str:
    return f"TRY_CAST(round(n_{name} * {factor}.0) AS BIGINT)"


def _off_is_zero(name: str, factor: int) -> str:
    """A machine known to be off used none of it; that is measured, whether the file says so or not."""
    return f"CASE WHEN in_state = 'off' THEN 0 ELSE {_scaled(name, factor)} END"


def _cloudctl_reason(fields: Mapping[str, str]) -> str:
    """What is wrong with a row, told apart only where something is: NaN and infinities lie between no two numbers."""
    numbers = [name for name in _numbers() if name in fields]
    fine = " AND ".join(f"(\"{name}\" = '' OR n_{name} BETWEEN 0 AND {_largest(name)})" for name in numbers)
    negative = " OR ".join(f"coalesce(n_{name} < 0 AND isfinite(n_{name}), false)" for name in numbers)
    uses = [
        f"coalesce(n_{name} > 0, false)" for name in ("cpu_core_seconds", "memory_used_mib") if name in fields
    ]
    off = f"in_state = 'off' AND ({' OR '.join(uses) or 'false'})"
    span = f"n_interval_s * {MICROS} >= 1 AND n_interval_s <= {LONGEST_S}"
    return f"""CASE WHEN is_whole AND {_bare_text("vm")} <> '' AND end_us IS NOT NULL AND {fine} AND {span}
        AND in_state IN {STATES} AND NOT ({off}) THEN NULL
      WHEN NOT is_whole THEN 'columns' WHEN trim(coalesce(vm, '')) = '' THEN 'machine_missing'
      WHEN end_us IS NULL THEN 'time' WHEN {negative} THEN 'negative' WHEN NOT ({fine}) THEN 'number'
      WHEN NOT coalesce({span}, false) THEN 'interval' WHEN in_state NOT IN {STATES} THEN 'state'
      ELSE 'off_but_used' END"""


def _largest(name: str) -> float:
    """The largest value that is taken: what the store's integers hold."""
    if name.endswith("_seconds"):
        return 9e18 / 10**9
    if name.endswith("_gib"):
        return LARGEST_BYTES / (1 << 30)
    return LARGEST_BYTES / (1 << 20) if name.endswith("_mib") else 9e18 / MICROS


def _bitbrains_query(file: SourceFile) -> str:
    names = [_bare(name) for name in _header(file).split(";")]
    if tuple(names) != BITBRAINS:
        raise InvalidInput([problem(f"{file.path}:1:1", "This is not the header of a Bitbrains trace.")])
    places = {
        "ts": 1,
        "cores": 2,
        "percent": 5,
        "capacity": 6,
        "memory": 7,
        "written": 9,
        "received": 10,
        "sent": 11,
    }
    fields = ", ".join(
        f"TRY_CAST(trim(f[{place}], ' \t') AS DOUBLE) AS {name}" for name, place in places.items()
    )
    values = tuple(name for name in places if name != "ts")
    invalid = " OR ".join(
        f"coalesce(NOT isfinite({name}) OR {name} > {LARGEST_BYTES / 1024}, true)" for name in values
    )
    negative = " OR ".join(f"{name} < 0" for name in values)
    machine = file.machine.replace("'", "''")
    return f"""
    WITH field AS (SELECT line, len(f) = {len(BITBRAINS)} AS is_whole, {fields} FROM ({_cut(";")})),
    timed AS (SELECT *, CASE WHEN ts BETWEEN 0 AND 4e9 AND isfinite(ts) THEN round(ts * {MICROS})::BIGINT END AS end_us
      FROM field),
    distinct_time AS (SELECT end_us, lag(end_us) OVER (ORDER BY end_us) AS before
      FROM (SELECT DISTINCT end_us FROM timed WHERE is_whole AND end_us IS NOT NULL)),
    spanned AS (SELECT timed.*, CASE WHEN end_us - before <= {NEAR_S * MICROS} THEN end_us - before
      ELSE {USUAL_S * MICROS} END AS span_us FROM timed LEFT JOIN distinct_time USING (end_us))
    SELECT line, '{machine}' AS name, end_us, span_us, CASE WHEN cores = 0 THEN 'off' ELSE 'running' END AS state,
      TRY_CAST(round(cores * percent / 100 * span_us * 1000) AS BIGINT) AS cpu_ns, NULL::BIGINT AS steal_ns,
      CASE WHEN cores = 0 THEN 0 ELSE TRY_CAST(round(memory * 1024) AS BIGINT) END AS memory_used_bytes,
      NULL::BIGINT AS storage_used_bytes,
      TRY_CAST(round(written * 1024 * span_us / {MICROS}) AS BIGINT) AS disk_written_bytes,
      TRY_CAST(round((received + sent) * 1024 * span_us / {MICROS}) AS BIGINT) AS network_bytes,
      TRY_CAST(nullif(cores, 0) AS BIGINT) AS reported_vcpus, TRY_CAST(round(capacity / 1024) AS BIGINT)
      AS reported_memory_mib, NULL::BIGINT AS reported_storage_gib,
      CASE WHEN NOT is_whole THEN 'columns' WHEN end_us IS NULL THEN 'time' WHEN {invalid} THEN 'number'
        WHEN {negative} THEN 'negative' END AS reason
    FROM spanned"""


def _cut(delimiter: str) -> str:
    """The lines after the header cut into fields; empty lines are no rows. Quotes protect nothing and are dropped."""
    bare = """CASE WHEN contains(t, '"') THEN replace(t, '"', '') ELSE t END"""
    return f"SELECT line, string_split({bare}, '{delimiter}') AS f FROM line WHERE line > 1 AND {_bare_text('t')} <> ''"


def _lines(file: SourceFile) -> str:
    compression = "gzip" if file.is_gzip else "none"
    return (
        f"SELECT row_number() OVER () AS line, t FROM read_csv('{_quoted(file.path)}', columns = {{'t': 'VARCHAR'}}, "
        f"header = false, delim = '{SEPARATOR}', quote = '', escape = '', auto_detect = false, "
        f"compression = '{compression}', {STRICT})"
    )


def _parquet(file: SourceFile) -> str:
    return f"FROM read_parquet('{_quoted(file.path)}', file_row_number = true)"


def _parquet_columns(connection: duckdb.DuckDBPyConnection, file: SourceFile) -> list[str]:
    try:
        rows = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{_quoted(file.path)}')").fetchall()
    except (duckdb.InvalidInputException, duckdb.IOException) as failure:
        raise _unreadable(file, str(failure)) from None
    return [str(name) for name, *_ in rows]


def _header(file: SourceFile) -> str:
    try:
        with gzip.open(file.path) if file.is_gzip else file.path.open("rb") as source:
            line = source.readline(65_536)
        return line.decode("utf-8-sig").rstrip("\r\n")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as failure:
        raise _unreadable(file, str(failure)) from None


def _check_columns(file: SourceFile, names: Sequence[str]) -> None:
    place = f"{file.path}:1:1"
    problems = [
        problem(place, "There is no column “{name}”; the header must have it.", name=name)
        for name in REQUIRED
        if name not in names
    ]
    known = (*REQUIRED, *OPTIONAL)
    problems += [
        problem(
            place, "Nobody knows a column “{name}”; known are: {names}.", name=name, names=", ".join(known)
        )
        for name in names
        if name not in known
    ]
    twice = sorted({name for name in names if names.count(name) > 1 and name in known})
    problems += [problem(place, "The column “{name}” stands there twice.", name=name) for name in twice]
    if not problems and not set(USES) & set(names):
        problems.append(problem(place, "No column says what was used: {names}.", names=", ".join(USES)))
    if problems:
        raise InvalidInput(problems)


def _unreadable(file: SourceFile, reason: str) -> InvalidInput:
    told = reason.splitlines()[0] if reason else ""
    return InvalidInput(
        [problem(str(file.path), "This is no whole text file in UTF-8, nor Parquet: {reason}", reason=told)]
    )


def _bare(name: str) -> str:
    return name.strip(' \t"')


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
