"""From a run of sweeps in columns to rows of the store, exactly as the collector makes them one by one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metering.collector import Held
from metering.samples.files import SCHEMA
from metering.samples.model import MEASURED
from provisioning.model import MachineState, Reading
from provisioning.series import Series

OFF = str(MachineState.OFF)
Ints = NDArray[np.int64]


def can_take(series: Series, held: Mapping[int, Held]) -> bool:
    """Whether one allocation per machine covers the whole run, each state is known, and no counter falls.

    What is otherwise goes through the collector sweep by sweep.
    """
    first, last = series.at_us[0], series.at_us[-1]
    holdings = [held.get(reading.vm_id) for reading in series.first.readings]
    covered = all(
        one is None or (one.start_us <= first and (one.end_us is None or one.end_us >= last))
        for one in holdings
    )
    known = (MachineState.RUNNING, MachineState.PAUSED, MachineState.OFF)
    plain = all(reading.state in known for reading in series.first.readings)
    return covered and plain and all(bool((np.diff(column) >= 0).all()) for column in _counters(series))


def later_samples(series: Series, held: Mapping[int, Held]) -> pa.Table:
    """Samples of the intervals between the run's instants, machine by machine; the first sweep is not among them."""
    rows = [row for row, reading in enumerate(series.first.readings) if reading.vm_id in held]
    readings = [series.first.readings[row] for row in rows]
    holdings = [held[reading.vm_id] for reading in readings]
    steps = len(series.at_us) - 1
    runs = np.array([reading.state != OFF for reading in readings], np.int64).reshape(-1, 1)
    cpu, steal, written, network = (np.diff(column[rows]) * runs for column in _counters(series))
    memory = np.asarray(series.memory_used_bytes)[rows, 1:] * runs
    storage = np.asarray(series.storage_used_bytes)[rows, 1:]
    at = np.array(series.at_us, np.int64)
    columns = {
        "vm": _each([reading.vm_id for reading in readings], steps),
        "allocation": _each([holding.allocation for holding in holdings], steps),
        "start_us": np.tile(at[:-1], len(rows)),
        "end_us": np.tile(at[1:], len(rows)),
        "state": _words([str(reading.state) for reading in readings], steps),
        "vcpus": _each([holding.vcpus for holding in holdings], steps).astype(np.int32),
        "cpu_ns": cpu.ravel(),
        "steal_ns": steal.ravel(),
        "memory_mib": _each([holding.memory_mib for holding in holdings], steps),
        "memory_used_bytes": memory.ravel(),
        "storage_gib": _each([holding.storage_gib for holding in holdings], steps),
        "storage_used_bytes": storage.ravel(),
        "disk_written_bytes": written.ravel(),
        "network_bytes": network.ravel(),
    }
    qualities = dict.fromkeys(("cpu_quality", "memory_quality", "storage_quality"))
    quality = _words([MEASURED] * len(rows), steps)
    return pa.table([*columns.values(), *(quality for _ in qualities)], schema=SCHEMA)


def last_readings(series: Series) -> tuple[Reading, ...]:
    """What the run's last sweep read."""
    columns = [
        np.asarray(column)[:, -1].tolist()
        for column in (
            series.cpu_ns,
            series.steal_ns,
            series.memory_used_bytes,
            series.storage_used_bytes,
            series.disk_written_bytes,
            series.network_bytes,
        )
    ]
    return tuple(
        reading._replace(
            at_us=series.at_us[-1],
            cpu_ns=cpu,
            steal_ns=steal,
            memory_used_bytes=memory,
            storage_used_bytes=storage,
            disk_written_bytes=written,
            network_bytes=network,
        )
        for reading, cpu, steal, memory, storage, written, network in zip(
            series.first.readings, *columns, strict=True
        )
    )


def _counters(series: Series) -> tuple[Ints, Ints, Ints, Ints]:
    return (
        np.asarray(series.cpu_ns),
        np.asarray(series.steal_ns),
        np.asarray(series.disk_written_bytes),
        np.asarray(series.network_bytes),
    )


def _each(values: list[int], steps: int) -> Ints:
    """One value per machine, repeated for each of its intervals."""
    return np.repeat(np.array(values, np.int64), steps)


def _words(values: list[str], steps: int) -> "pa.DictionaryArray[Any, Any]":
    known = sorted(set(values))
    codes = np.array([known.index(value) for value in values], np.int8)
    return pa.DictionaryArray.from_arrays(np.repeat(codes, steps), pa.array(known, pa.string()))
