"""The one way a step is written down: what `before` and `after` hold for each kind, and its inverse.

create   after: vcpus, memory_mib, storage_gib, host, image, network (each None when not chosen yet), system and
         unit (codes, to be kept in the cloud's metadata), avoid (ids of machines to stay apart from)
resize   before, after: vcpus, memory_mib, storage_gib; after: hold true where the cloud is to keep the way back
         open (the same without it confirms; back to the earlier size reverts)
start    before: state off;     after: state running
stop     before: state running; after: state off; power_off true where a guest that does not shut down in time
         is to lose its power
reboot   after: not_before, the instant (ISO 8601) since when it must have started anew
migrate  before, after: host
evacuate before: host, which is dead and fenced; after: host. Refused while the old one answers and the machine
         still stands there. Asked again when the old host is back: what was left of the machine there goes,
         its disks untouched
shelve   after: state shelved: off and put aside, its disks kept; it is neither started nor stopped until
unshelve after: state running: it is brought back
delete   before: vcpus, memory_mib, storage_gib, host; state shelved where it is to go only while it is put aside
adopt    after: vcpus, memory_mib, storage_gib, host, image, network, of a machine the cloud has and nobody owns;
         external_id (looked for first, else the name), system, unit (as in create), since (when it began to be
         held, the ledger's own affair)
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cloudctl.core.clock import as_utc
from cloudctl.core.database import canonical_json
from cloudctl.core.quantity import Size
from provisioning.model import Capability, Step, StepKind


def create_step(
    vm_id: int,
    name: str,
    size: Size,
    *,
    host: str | None = None,
    image: str | None = None,
    network: str | None = None,
    system: str | None = None,
    unit: str | None = None,
    avoid: Sequence[int] = (),
) -> Step:
    """host None: `begin_change` places the machine, and fills in system, unit, whom to avoid and whom to let in."""
    made_of = {"host": host, "image": image, "network": network}
    after = {**size.as_json(), **made_of, "system": system, "unit": unit, "avoid": list(avoid)}
    return Step(StepKind.CREATE, vm_id, name, None, after)


def resize_step(
    vm_id: int, name: str, before: Size, after: Size, *, is_live: bool = True, hold: bool = False
) -> Step:
    """is_live False: with a power cycle even where the cloud could do without. hold: keep the way back open."""
    held = {"hold": True} if hold else {}
    return Step(StepKind.RESIZE, vm_id, name, before.as_json(), {**after.as_json(), **held}, is_live)


def start_step(vm_id: int, name: str) -> Step:
    return Step(StepKind.START, vm_id, name, {"state": "off"}, {"state": "running"})


def stop_step(vm_id: int, name: str, *, power_off: bool = False) -> Step:
    """power_off: what follows when the guest does not shut down in time."""
    after = {"state": "off", "power_off": True} if power_off else {"state": "off"}
    return Step(StepKind.STOP, vm_id, name, {"state": "running"}, after, is_live=False)


def reboot_step(vm_id: int, name: str, not_before: datetime) -> Step:
    return Step(
        StepKind.REBOOT, vm_id, name, None, {"not_before": as_utc(not_before).isoformat()}, is_live=False
    )


def migrate_step(
    vm_id: int, name: str, before: str | None, after: str | None, *, is_live: bool = True
) -> Step:
    """after None: `begin_change` chooses the host."""
    return Step(StepKind.MIGRATE, vm_id, name, {"host": before}, {"host": after}, is_live)


def evacuate_step(vm_id: int, name: str, before: str | None, after: str | None) -> Step:
    """after None: `begin_change` chooses the host."""
    return Step(StepKind.EVACUATE, vm_id, name, {"host": before}, {"host": after}, is_live=False)


def shelve_step(vm_id: int, name: str) -> Step:
    return Step(StepKind.SHELVE, vm_id, name, None, {"state": "shelved"}, is_live=False)


def unshelve_step(vm_id: int, name: str) -> Step:
    return Step(StepKind.UNSHELVE, vm_id, name, {"state": "shelved"}, {"state": "running"}, is_live=False)


def delete_step(vm_id: int, name: str, size: Size, host: str | None, *, is_put_aside: bool = False) -> Step:
    """is_put_aside: it is not deleted when somebody has brought it back meanwhile."""
    state = {"state": "shelved"} if is_put_aside else {}
    return Step(StepKind.DELETE, vm_id, name, {**size.as_json(), "host": host, **state}, None, is_live=False)


def adopt_step(
    vm_id: int,
    name: str,
    size: Size,
    host: str | None,
    image: str | None = None,
    network: str | None = None,
    *,
    external_id: str | None = None,
    system: str | None = None,
    unit: str | None = None,
) -> Step:
    """The machine becomes ours as it is; a cloud that has another by then refuses."""
    made_of = {"host": host, "image": image, "network": network}
    after = {**size.as_json(), **made_of, "external_id": external_id, "system": system, "unit": unit}
    return Step(StepKind.ADOPT, vm_id, name, None, after)


def keys_let_in(step: Step, of_pool: Iterable[str]) -> tuple[str, ...]:
    """SSH keys for the first login: the pool's, then those of the people of the machine's unit; each once."""
    own = (step.after or {}).get("ssh_keys")
    return tuple(dict.fromkeys([*of_pool, *(own if isinstance(own, list | tuple) else ())]))


def wanted_size(step: Step) -> Size:
    """The size a create or a resize asks for, or that an adopted machine has."""
    assert step.after is not None
    return Size.from_json(step.after)


def inverse(step: Step) -> Step | None:
    """The step that takes this one back; None for what leaves no trace, is gone, or is better left as it is.

    Those are a reboot, a delete, an adoption, and an evacuation: its old host is dead.
    """
    match step.kind:
        case StepKind.CREATE:
            assert step.after is not None
            host = step.after.get("host")
            return delete_step(step.vm_id, step.name, wanted_size(step), str(host) if host else None)
        case StepKind.START:
            return stop_step(step.vm_id, step.name)
        case StepKind.STOP:
            return start_step(step.vm_id, step.name)
        case StepKind.SHELVE:
            return unshelve_step(step.vm_id, step.name)
        case StepKind.UNSHELVE:
            return shelve_step(step.vm_id, step.name)
        case StepKind.RESIZE | StepKind.MIGRATE:
            return Step(step.kind, step.vm_id, step.name, _settled(step.after), step.before, step.is_live)
        case StepKind.REBOOT | StepKind.DELETE | StepKind.ADOPT | StepKind.EVACUATE:
            return None


def _settled(after: Mapping[str, object] | None) -> dict[str, object] | None:
    """What was asked for, without whether its way back was to stay open."""
    return {key: value for key, value in after.items() if key != "hold"} if after is not None else None


def plan_checksum(steps: Sequence[Step]) -> str:
    """What a printed plan is known by; the same steps in the same order have the same."""
    document = [[step.kind, step.vm_id, step.name, step.before, step.after, step.is_live] for step in steps]
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()[:16]


def required_capability(step: Step) -> Capability:
    """What a pool's driver must be able to do for a step."""
    match step.kind:
        case StepKind.START | StepKind.STOP | StepKind.REBOOT:
            return Capability.POWER
        case StepKind.SHELVE | StepKind.UNSHELVE:
            return Capability.SHELVE
        case _:
            return Capability(step.kind.value)
