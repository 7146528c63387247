"""What an external machine held and when, as its inventory entry declares it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cloudctl.core.errors import Message
from cloudctl.core.inventory.model import SizeChange, Vm
from cloudctl.core.quantity import Size
from cloudctl.core.yaml_problems import Loc


@dataclass(frozen=True, slots=True)
class Held:
    """From `start` on the machine holds `size`, until the next of its history or its end."""

    start: datetime
    size: Size


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a history; loc: below the machine's entry."""

    loc: Loc
    message: Message


def declared_history(vm: Vm) -> tuple[Held, ...]:
    """The entry's sizes by time, neighbours of one size as one. Meant for an entry without faults.

    The entry's own vcpus, memory_mib and storage_gib hold from `since`; each of `sizes` changes what it names.
    A first change at `since` itself stands in for the entry's own values.
    """
    sizes = _effective(vm)
    starts = [change.start for change in vm.sizes]
    if vm.since is not None and (not starts or vm.since < starts[0]):
        starts.insert(0, vm.since)
    else:
        sizes = sizes[1:]
    return merged(Held(start, size) for start, size in zip(starts, sizes, strict=True))


def merged(history: Iterator[Held]) -> tuple[Held, ...]:
    """The same history without changes that change nothing."""
    kept: list[Held] = []
    for held in history:
        if not kept or kept[-1].size != held.size:
            kept.append(held)
    return tuple(kept)


def faults(vm: Vm, now: datetime) -> Iterator[Fault]:
    """All that is wrong with the entry's times and sizes; `now`: nothing is declared that has yet to happen."""
    starts = [change.start for change in vm.sizes]
    if vm.since is None and not starts:
        yield Fault((), Message("{name}: a machine of an external pool needs “since”.", {"name": vm.name}))
    yield from _order_faults(vm, starts)
    begun = [start for start in (vm.since, *starts) if start is not None]
    if vm.until is not None and begun and vm.until <= max(begun):
        yield Fault(("until",), Message("until is not after the machine's last change."))
    yield from _size_faults(vm, starts)
    for loc, instant in _instants(vm):
        if instant > now:
            yield Fault(
                loc, Message("This instant is still to come; only what has happened can be declared.")
            )


def _order_faults(vm: Vm, starts: list[datetime]) -> Iterator[Fault]:
    for position, start in enumerate(starts):
        if vm.since is not None and start < vm.since:
            yield Fault(
                ("sizes", position, "from"), Message("This size begins before the machine does (since).")
            )
        if position and start == starts[position - 1]:
            yield Fault(
                ("sizes", position, "from"), Message("Two sizes overlap: both begin at this instant.")
            )
        if position and start < starts[position - 1]:
            yield Fault(
                ("sizes", position, "from"), Message("The sizes are not in the order of their times.")
            )


def _size_faults(vm: Vm, starts: list[datetime]) -> Iterator[Fault]:
    replaced = bool(starts) and (vm.since is None or starts[0] == vm.since)
    first = vm.sizes[0] if replaced else None
    for key in ("vcpus", "memory_mib"):
        own = getattr(vm, key)
        if own is None and (first is None or getattr(first, key) is None):
            yield Fault((), Message("“{name}” is missing.", {"name": key}))
        changes = [getattr(change, key) for change in vm.sizes if getattr(change, key) is not None]
        if first is not None and own is not None and changes and own not in (changes[0], changes[-1]):
            values = {"key": key, "value": own}
            yield Fault(
                (key,), Message("{key}: {value} is neither the first nor the last of the sizes.", values)
            )


def _effective(vm: Vm) -> list[Size]:
    """The entry's own size (0 where it names none), then the size after each change."""
    sizes = [Size(vm.vcpus or 0, vm.memory_mib or 0, vm.storage_gib)]
    for change in vm.sizes:
        sizes.append(_changed(sizes[-1], change))
    return sizes


def _changed(size: Size, change: SizeChange) -> Size:
    return Size(
        size.vcpus if change.vcpus is None else change.vcpus,
        size.memory_mib if change.memory_mib is None else change.memory_mib,
        size.storage_gib if change.storage_gib is None else change.storage_gib,
    )


def _instants(vm: Vm) -> Iterator[tuple[Loc, datetime]]:
    for key in ("since", "until"):
        if getattr(vm, key) is not None:
            yield (key,), getattr(vm, key)
    for position, change in enumerate(vm.sizes):
        yield ("sizes", position, "from"), change.start
