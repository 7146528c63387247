"""From counters to samples: what two readings of a machine say about the time between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.samples.model import BOUNDED, MEASURED, UNKNOWN, Sample
from provisioning.model import MachineState, Reading

OFF = str(MachineState.OFF)
STATELESS = str(MachineState.UNKNOWN)


class Held(NamedTuple):
    """An allocation as the collector needs it; a sample is stamped with the one in which from < its end ≤ to."""

    allocation: int
    start_us: int
    end_us: int | None
    vcpus: int
    memory_mib: int
    storage_gib: int


@dataclass(slots=True)
class Taken:
    """What one set of readings came to.

    interrupted: machines whose last reading is too old to count from, with its time; unallocated: machines seen
    that the ledger gives nothing to.
    """

    samples: list[Sample] = field(default_factory=list)
    interrupted: dict[int, int] = field(default_factory=dict)
    unallocated: list[int] = field(default_factory=list)


def take(
    previous: Mapping[int, Reading],
    readings: Iterable[Reading],
    held: Mapping[int, Held],
    longest_us: int,
) -> Taken:
    """Samples of the intervals from the previous readings to these, stamped with what was held at their end.

    An interval longer than `longest_us` is a gap: sweeps were missed, and nobody knows memory or peaks in it. A first
    reading, and one no newer than the last, give nothing.
    """
    taken = Taken()
    for now in readings:
        holding = held.get(now.vm_id)
        if holding is None or (holding.end_us is not None and now.at_us > holding.end_us):
            taken.unallocated.append(now.vm_id)
            continue
        before = previous.get(now.vm_id)
        if before is None or now.at_us <= before.at_us or now.at_us <= holding.start_us:
            continue
        if now.at_us - before.at_us > longest_us:
            taken.interrupted[now.vm_id] = before.at_us
            continue
        taken.samples.append(sample_between(before, now, holding))
    return taken


def sample_between(before: Reading, now: Reading, held: Held) -> Sample:
    """The sample of [before, now). A machine that is off used no CPU and no memory: that is measured."""
    if now.state == OFF:
        return _off(before, now, held)
    same_life = now.counter_key == before.counter_key
    possible = held.vcpus * (now.at_us - before.at_us) * 1000
    cpu, cpu_quality = _used(before.cpu_ns, now.cpu_ns, same_life)
    if cpu_quality == BOUNDED and cpu is not None and cpu > possible:
        # A counter that claims more since its new start than the interval can hold did not start in it.
        cpu, cpu_quality = None, UNKNOWN
    if now.state == STATELESS:
        cpu, cpu_quality = None, UNKNOWN
    steal, _ = _used(before.steal_ns, now.steal_ns, same_life)
    written, _ = _used(before.disk_written_bytes, now.disk_written_bytes, same_life)
    network, _ = _used(before.network_bytes, now.network_bytes, same_life)
    memory, storage = now.memory_used_bytes, now.storage_used_bytes
    return Sample(
        now.vm_id,
        held.allocation,
        before.at_us,
        now.at_us,
        now.state,
        held.vcpus,
        cpu,
        steal,
        held.memory_mib,
        memory,
        held.storage_gib,
        storage,
        written,
        network,
        cpu_quality,
        UNKNOWN if memory is None else MEASURED,
        UNKNOWN if storage is None else MEASURED,
    )


def _off(before: Reading, now: Reading, held: Held) -> Sample:
    # It ran for a part of the interval, and its counters went with it: zero is then only a lower bound.
    cpu_quality = MEASURED if before.state == OFF else BOUNDED
    return Sample(
        now.vm_id,
        held.allocation,
        before.at_us,
        now.at_us,
        now.state,
        held.vcpus,
        0,
        0,
        held.memory_mib,
        0,
        held.storage_gib,
        now.storage_used_bytes,
        0,
        0,
        cpu_quality,
        MEASURED,
        UNKNOWN if now.storage_used_bytes is None else MEASURED,
    )


def _used(before: int | None, now: int | None, same_life: bool) -> tuple[int | None, str]:
    """A counter's rise. After a new start (or a fall, which betrays one) what it shows has all been used since."""
    if now is None or (same_life and before is None):
        return None, UNKNOWN
    if same_life and before is not None and now >= before:
        return now - before, MEASURED
    return now, BOUNDED
