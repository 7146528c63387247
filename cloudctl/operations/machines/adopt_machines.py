"""Makes machines ours as they are, in one change: rows, allocations from a stated time, our id in their metadata."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.estate import find_system
from cloudctl.core.identity import Role
from cloudctl.core.inventory.model import is_code
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import journal_change, run_change
from cloudctl.operations.machines.plan_change import ChangePlan, lay_out, seen_pool
from cloudctl.operations.machines.show_change import ChangeOutcome
from metering.store import seals
from provisioning.identity import fresh_uuid
from provisioning.model import Machine, Step
from provisioning.steps import adopt_step, plan_checksum
from provisioning.store import find_pool, keep_vm_ids_ahead, open_steps, vms
from provisioning.tables import VmRow


@dataclass(frozen=True, slots=True)
class Adoption:
    """The machine as its cloud shows it, the pool it stands in, the system it is to belong to, by code."""

    machine: Machine
    pool: str
    system: str

    @property
    def keeps_id(self) -> bool:
        """It goes on under the id in its metadata: the ledger that gave it was lost."""
        return self.machine.vm_id is not None

    def step(self, vm_id: int, since: datetime | None) -> Step:
        found = self.machine
        step = adopt_step(vm_id, found.name, found.size, found.host, external_id=found.external_id)
        stated = {"since": since.isoformat()} if since else {}
        return replace(step, after={**(step.after or {}), "system": self.system, **stated})


def adoption_plan(adoptions: Sequence[Adoption], since: datetime | None = None) -> ChangePlan:
    """The steps as they will be; those that get a new id show 0 for now."""
    steps = tuple(each.step(each.machine.vm_id or 0, since) for each in adoptions)
    return ChangePlan(steps, plan_checksum(steps))


def objections(session: Session, adoptions: Iterable[Adoption]) -> Iterator[tuple[Adoption, Message]]:
    """Why machines cannot be adopted: every reason."""
    rows = {row.name: row for row in vms(session)}
    ids = {row.id for row in rows.values()}
    in_hand = {step.vm_id for _, step in open_steps(session)}
    names: dict[str, str] = {}
    for each in adoptions:
        name = each.machine.name
        row = rows.get(name)
        if row is not None and (row.state != "planned" or row.id in in_hand):
            yield each, Message("There is a machine “{name}” already.", {"name": name})
        elif name in names:
            yield each, Message("Two machines to adopt have the name “{name}”.", {"name": name})
        if not is_code(name):
            yield (
                each,
                Message("“{name}” is no name for the ledger; rename it in its cloud first.", {"name": name}),
            )
        if each.keeps_id and each.machine.vm_id in ids:
            values = {"name": name, "number": each.machine.vm_id}
            yield each, Message("{name} carries the id {number}, which is another's here.", values)
        if each.machine.size.vcpus < 1:
            yield each, Message("{name}: its cloud does not say how large it is.", {"name": name})
        names[name] = each.pool


def adopt_machines(
    ctx: Context, adoptions: Sequence[Adoption], reason: str, since: datetime | None = None
) -> ChangeOutcome:
    """From `since` (else from now) on they are ours and held for their systems; nothing else about them changes.

    One that its cloud refuses is left, the others go on. Refused for what `objections` says, for a time that lies
    ahead or in a closed month. Unreachable as for any change.
    """
    ctx.actor.require(Role.OPERATOR)
    require_time(ctx, since)
    with ctx.reading() as session:
        pools = {code: find_pool(session, code) for code in dict.fromkeys(each.pool for each in adoptions)}
    seen = {pool.id: seen_pool(ctx, pool.id) for pool in pools.values()}
    with ctx.writing() as session:
        for _, why in objections(session, adoptions):
            raise Refused(why.template, **why.values)
        steps = [each.step(_row(session, each).id, since) for each in adoptions]
        if any(each.keeps_id for each in adoptions):
            keep_vm_ids_ahead(session)
        laid = lay_out(ctx, session, steps, seen)
        change = journal_change(ctx, session, laid, reason, goes_on=len(laid) > 1)
    return run_change(ctx, change)


def require_time(ctx: Context, since: datetime | None) -> None:
    """Refused for a time that lies ahead, or whose month is settled and closed."""
    if since is None:
        return
    if since > ctx.clock.now():
        raise Refused("{time} lies in the future.", time=ctx.site.local(since))
    with ctx.reading() as session:
        if any(since < seal.end for seal in seals(session)):
            raise Refused("{time} lies in a month that is closed.", time=ctx.site.local(since))


def _row(session: Session, adoption: Adoption) -> VmRow:
    """A row for it; one that an adoption which failed has left is taken up."""
    name = adoption.machine.name
    row = next((row for row in vms(session) if row.name == name), None)
    pool, system = find_pool(session, adoption.pool), find_system(session, adoption.system)
    if row is None:
        row = VmRow(uuid=fresh_uuid(pool, name), name=name, state="planned")
        if adoption.keeps_id:
            row.id = adoption.machine.vm_id or 0
    row.pool_id, row.system_id = pool.id, system.id
    session.add(row)
    session.flush()
    return row
