"""Which steps bring the machines there are to those an inventory wants: a function of values, nothing is asked."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cloudctl.core.errors import Message
from cloudctl.core.inventory.history import Held
from cloudctl.core.inventory.plan import MACHINES, PlanStep
from cloudctl.core.quantity import Size
from provisioning.model import Machine


@dataclass(frozen=True, slots=True)
class Wanted:
    """A machine as an inventory wants it; in an external pool `history` (not empty) and `until` are its facts."""

    name: str
    system: str
    pool: str
    size: Size
    image: str | None = None
    network: str | None = None
    history: tuple[Held, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Present:
    """A machine as the ledger knows it. size None: it holds nothing (planned or retired)."""

    vm_id: int
    name: str
    system: str
    pool: str
    state: str
    is_external: bool
    size: Size | None
    host: str | None = None
    image: str | None = None
    network: str | None = None
    history: tuple[Held, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a machine cannot become what is wanted; key: of its entry."""

    name: str
    key: str
    message: Message


def plan_machines(
    wanted: Iterable[Wanted],
    present: Mapping[str, Present],
    found: Mapping[tuple[str, str], Machine],
    cycled: Collection[str],
) -> list[PlanStep]:
    """Steps in the order in which they free room before they take it: transfers, retirements, shrinking, the rest.

    A machine of a cloud of ours that is not wanted any more is put aside, to be deleted later: a line lost from a
    file must not cost data. It keeps its room until then.

    found: machines a cloud has that nobody answers for, by (pool, name). cycled: machines whose resize costs a power
    cycle.
    A machine that was planned but never made is created; one that is retired and not wanted stays so.
    """
    by_name = {machine.name: machine for machine in wanted}
    steps = [
        step
        for machine in by_name.values()
        for step in _towards(machine, present.get(machine.name), found, cycled)
    ]
    steps += [
        _retire(there) for name, there in present.items() if name not in by_name and there.state == "active"
    ]
    adopted = {step.target for step in steps if step.kind == "adopt"}
    return sorted(steps, key=lambda step: _rank(step, adopted))


def refusals(wanted: Iterable[Wanted], present: Mapping[str, Present]) -> Iterator[Refusal]:
    """What no step can do: another pool, a smaller disk, another image, the name of a machine that is gone."""
    for machine in wanted:
        there = present.get(machine.name)
        if there is not None:
            yield from _refusals(machine, there)


def takes_away(step: PlanStep) -> bool:
    """Whether a machine's step removes it or makes it smaller now."""
    if step.kind == "retire":
        return True
    if step.kind not in ("resize", "correct") or step.before is None or step.after is None:
        return False
    return not _last_size(step.before).fits_within(_last_size(step.after))


def history_json(history: Iterable[Held], until: datetime | None) -> dict[str, Any]:
    """An external machine's facts as a step shows them."""
    sizes = [{"from": held.start.isoformat(), **held.size.as_json()} for held in history]
    return {"sizes": sizes, "until": until.isoformat() if until else None}


def _towards(
    machine: Wanted,
    there: Present | None,
    found: Mapping[tuple[str, str], Machine],
    cycled: Collection[str],
) -> Iterator[PlanStep]:
    if there is not None and there.state == "active" and there.system != machine.system:
        yield _step("transfer", machine.name, {"system": there.system}, {"system": machine.system})
    if machine.history:
        yield from _facts(machine, there)
    elif there is None and (machine.pool, machine.name) in found:
        yield from _adopt(machine, found[machine.pool, machine.name], cycled)
    elif there is None or there.state == "planned":
        yield _step("create", machine.name, None, _description(machine))
    elif there.size is not None and there.size != machine.size:
        yield _resize(machine, there.size, cycled)


def _facts(machine: Wanted, there: Present | None) -> Iterator[PlanStep]:
    after = history_json(machine.history, machine.until)
    if there is None:
        description = {"system": machine.system, "pool": machine.pool}
        yield _step("declare", machine.name, None, {**description, **after})
        return
    before = history_json(there.history, there.until)
    if before != after:
        ends = there.until is None and machine.until is not None
        yield _step("retire" if ends else "correct", machine.name, before, after)


def _adopt(machine: Wanted, seen: Machine, cycled: Collection[str]) -> Iterator[PlanStep]:
    before = {"external_id": seen.external_id, "host": seen.host, **seen.size.as_json()}
    yield _step("adopt", machine.name, before, {**_description(machine), **seen.size.as_json()})
    if seen.size != machine.size:
        yield _resize(machine, seen.size, cycled)


def _resize(machine: Wanted, before: Size, cycled: Collection[str]) -> PlanStep:
    is_live = machine.name not in cycled
    return _step("resize", machine.name, before.as_json(), machine.size.as_json(), is_live)


def _retire(there: Present) -> PlanStep:
    before = {"system": there.system, "pool": there.pool, **(there.size or Size(0, 0)).as_json()}
    after = None if there.is_external else {"state": "shelved"}
    return _step("retire", there.name, before, after, there.is_external)


def _description(machine: Wanted) -> dict[str, Any]:
    made_of = {"image": machine.image, "network": machine.network}
    return {"system": machine.system, "pool": machine.pool, **machine.size.as_json(), **made_of}


def _step(
    kind: str, name: str, before: dict[str, Any] | None, after: dict[str, Any] | None, is_live: bool = True
) -> PlanStep:
    return PlanStep(kind, MACHINES, (name,), before, after, is_live)


def _rank(step: PlanStep, adopted: set[str]) -> tuple[int, str]:
    order = ("transfer", "retire", "shrink", "adopt", "correct", "resize", "declare", "create")
    shrinks = step.kind == "resize" and takes_away(step) and step.target not in adopted
    return (order.index("shrink" if shrinks else step.kind), step.target)


def _last_size(document: Mapping[str, Any]) -> Size:
    return Size.from_json(document["sizes"][-1] if "sizes" in document else document)


def _refusals(machine: Wanted, there: Present) -> Iterator[Refusal]:
    if there.state == "planned":
        return
    if there.pool != machine.pool:
        message = Message(
            "The machine stands in pool {pool}; it cannot change its pool.", {"pool": there.pool}
        )
        yield Refusal(machine.name, "pool", message)
    elif there.state == "shelved":
        message = Message(
            "The machine is put aside: bring it back with “cloudctl vm restore {name}”.", {"name": there.name}
        )
        yield Refusal(machine.name, "name", message)
    elif there.state == "retired":
        yield from _retired_refusals(machine, there)
    elif not there.is_external:
        yield from _storage_refusals(machine, there)
        yield from _origin_refusals(machine, there)


def _retired_refusals(machine: Wanted, there: Present) -> Iterator[Refusal]:
    if not there.is_external:
        message = Message("A machine of this name was retired; a new one needs another name.")
        yield Refusal(machine.name, "name", message)
    elif there.system != machine.system:
        message = Message("This machine is gone; it cannot change its system any more.")
        yield Refusal(machine.name, "system", message)


def _storage_refusals(machine: Wanted, there: Present) -> Iterator[Refusal]:
    for tier, gib in (there.size or Size(0, 0)).storage_gib.items():
        if machine.size.storage_gib.get(tier, 0) < gib:
            values = {"tier": tier, "gib": gib}
            message = Message(
                "Storage cannot shrink in place: the machine holds {gib} GiB of {tier}.", values
            )
            yield Refusal(machine.name, "storage_gib", message)


def _origin_refusals(machine: Wanted, there: Present) -> Iterator[Refusal]:
    for key in ("image", "network"):
        before, after = getattr(there, key), getattr(machine, key)
        if after is not None and before is not None and after != before:
            values = {"key": key, "value": before}
            message = Message("{key}: the machine was made with “{value}”; that cannot change.", values)
            yield Refusal(machine.name, key, message)
