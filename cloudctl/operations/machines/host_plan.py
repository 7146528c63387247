"""What emptying a host comes to: which machines go where, what stays and why. Nothing is changed here."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Problem, Refused
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import (
    ChangePlan,
    Seen,
    require_capabilities,
)
from cloudctl.operations.machines.promised_room import kept_sizes, promises
from cloudctl.operations.requests.reserved_room import reserve_granted
from provisioning.model import Machine, Observation, Step, StepKind
from provisioning.promises import Promises
from provisioning.steps import plan_checksum
from provisioning.store import change_steps, find_change, open_steps, vms
from provisioning.tables import ChangeRow, HostRow, PoolRow, VmRow


@dataclass(frozen=True, slots=True)
class Stay:
    """A machine that is not moved, and why."""

    name: str
    why: Message
    problems: tuple[Problem, ...] = ()

    def problem(self) -> Problem:
        return Problem(self.name, self.why)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """host: as POOL/CODE. resumes: an earlier change of its kind that is not finished and is carried on first.

    together: machines that will share a host with others of their system, for there is no other way. gives_up:
    machine -> change, where the host died in the middle of a step. clears: the steps remove what a host that is back
    still has of machines that were started elsewhere.
    """

    host: str
    steps: tuple[Step, ...]
    stays: tuple[Stay, ...] = ()
    together: tuple[str, ...] = ()
    resumes: int | None = None
    gives_up: Mapping[int, int] = field(default_factory=dict)
    clears: bool = False

    @property
    def change_plan(self) -> ChangePlan:
        return ChangePlan(self.steps, plan_checksum(self.steps))


@dataclass(frozen=True, slots=True)
class Occupants:
    """What stands on a host: ours to be moved, and what stays with why. resumes: as in HostPlan."""

    movable: tuple[VmRow, ...]
    stays: tuple[Stay, ...]
    resumes: int | None


def occupants(
    session: Session, host: HostRow, observation: Observation, gives_up: Collection[int] = ()
) -> Occupants:
    """The host's machines by the ledger, and those that its cloud shows there beside them.

    gives_up: machines to be moved although a change has them in hand.
    """
    held = kept_sizes(session, host.pool_id)
    ours = vms(session, pool_id=host.pool_id, states=["active", "shelved"])
    there = [row for row in ours if row.host == host.code or row.id in gives_up]
    in_hand = [row.id for row in there if row.id not in gives_up]
    changes = {step.vm_id: change for change, step in open_steps(session, in_hand)}
    own = set((host.closed or {}).get("changes", ()))
    movable = [row for row in there if row.id in held and row.id not in changes]
    stays = [
        _in_hand(row, changes[row.id]) for row in there if row.id in changes and changes[row.id].id not in own
    ]
    known = {row.id for row in ours}
    stays += [
        _foreign(each) for each in observation.machines if each.host == host.code and each.vm_id not in known
    ]
    resumes = [number for number in sorted(own) if find_change(session, number).finished_at is None]
    return Occupants(tuple(movable), tuple(stays), resumes[0] if resumes else None)


def fitted(
    ctx: Context,
    session: Session,
    pool: PoolRow,
    seen: Seen,
    steps: Sequence[Step],
    *,
    closed: Collection[str] = (),
    opened: Collection[str] = (),
    keeps_grants: bool = True,
) -> tuple[Promises, list[Step], list[Stay]]:
    """The steps that fit, each with its host and counted before the next, and the machines that fit nowhere.

    closed, opened: hosts seen as such, whatever their rows say. keeps_grants: room of granted requests stays reserved.
    """
    require_capabilities(ctx, pool, steps, seen.capabilities)
    room = promises(session, pool, seen.observation)
    room.draining = ({*room.draining} | {*closed}) - {*opened}
    if keeps_grants:
        reserve_granted(session, pool, room, ctx.clock.now())
    laid: list[Step] = []
    stays: list[Stay] = []
    for step in steps:
        try:
            laid += room.lay_out([step], {})
        except Refused as reason:
            stays.append(Stay(step.name, reason.message, reason.problems))
    return room, laid, stays


def sharing(room: Promises, laid: Sequence[Step]) -> tuple[str, ...]:
    """Names of moved machines that end up beside another of their system."""
    moved = {step.vm_id: step.name for step in laid if step.kind in (StepKind.MIGRATE, StepKind.EVACUATE)}
    crowds: dict[tuple[str, int], list[int | None]] = {}
    for promise in room.taken:
        crowds.setdefault((promise.host, promise.system), []).append(promise.vm_id)
    return tuple(
        sorted(
            {
                moved[promise.vm_id]
                for promise in room.taken
                if promise.vm_id in moved and len(set(crowds[promise.host, promise.system])) > 1
            }
        )
    )


def answers(observation: Observation, host: str) -> bool:
    """Whether the cloud shows the host, and up."""
    is_silent = any(fault.host == host and fault.vm_id is None for fault in observation.faults)
    return not is_silent and any(facts.code == host and facts.is_up for facts in observation.hosts)


def by_id(observation: Observation, host: str) -> Mapping[int, Machine]:
    """What the cloud shows on a host of machines that carry an id."""
    return {each.vm_id: each for each in observation.machines if each.vm_id is not None and each.host == host}


def moves_of(session: Session, change_ids: Sequence[int]) -> list[tuple[int, str | None, str | None]]:
    """(machine, from, to) of the moves that these changes have done."""
    return [
        (row.vm_id, (row.before or {}).get("host"), (row.after or {}).get("host"))
        for number in change_ids
        for row in change_steps(session, number)
        if row.kind == StepKind.MIGRATE and row.state == "done"
    ]


def _in_hand(row: VmRow, change: ChangeRow) -> Stay:
    values = {"number": change.id, "actor": change.actor}
    return Stay(row.name, Message("it is in hand: change {number} by {actor}", values))


def _foreign(machine: Machine) -> Stay:
    return Stay(machine.name, Message("nobody answers for it: adopt it first"))
