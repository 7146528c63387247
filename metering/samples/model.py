"""What a sample is: one machine's use over one interval, in the columns, types and units the store keeps."""

from typing import NamedTuple

MEASURED = "measured"
BOUNDED = "bounded"
COARSE = "coarse"
UNKNOWN = "unknown"

BYTES_PER_MIB = 1 << 20
BYTES_PER_GIB = 1 << 30
MICROS = 1_000_000


class Sample(NamedTuple):
    """One row of the store. A tuple, for a month of a city makes millions.

    [start_us, end_us): microseconds since the epoch, the machine's own measured times. allocation: id of the one in
    force at the end (from < end ≤ to), whose size stands in vcpus, memory_mib, storage_gib. Used values are None
    exactly when unknown; cpu_ns, steal_ns, disk_written_bytes and network_bytes (both ways) are of the interval,
    memory and storage as they stood at its end. Qualities: measured, bounded, coarse, unknown.
    """

    vm: int
    allocation: int
    start_us: int
    end_us: int
    state: str
    vcpus: int
    cpu_ns: int | None
    steal_ns: int | None
    memory_mib: int
    memory_used_bytes: int | None
    storage_gib: int
    storage_used_bytes: int | None
    disk_written_bytes: int | None
    network_bytes: int | None
    cpu_quality: str
    memory_quality: str
    storage_quality: str


# Column -> its type in SQL, in the files' order.
COLUMNS = {
    "vm": "BIGINT",
    "allocation": "BIGINT",
    "start_us": "BIGINT",
    "end_us": "BIGINT",
    "state": "VARCHAR",
    "vcpus": "INTEGER",
    "cpu_ns": "BIGINT",
    "steal_ns": "BIGINT",
    "memory_mib": "BIGINT",
    "memory_used_bytes": "BIGINT",
    "storage_gib": "BIGINT",
    "storage_used_bytes": "BIGINT",
    "disk_written_bytes": "BIGINT",
    "network_bytes": "BIGINT",
    "cpu_quality": "VARCHAR",
    "memory_quality": "VARCHAR",
    "storage_quality": "VARCHAR",
}
assert tuple(COLUMNS) == Sample._fields
