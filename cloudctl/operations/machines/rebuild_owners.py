"""After the ledger was lost: who owns what, read back from the ids and names that clouds keep in metadata."""

from dataclasses import dataclass

from cloudctl.core.errors import Message
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.adopt_machines import Adoption, objections
from cloudctl.operations.machines.list_orphans import Orphan, list_orphans
from cloudctl.operations.machines.unasked_pools import require_answers
from provisioning.model import MachineState
from provisioning.ownership import OwnerRule


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """What can be taken up again, and what cannot, each with why."""

    adoptions: tuple[Adoption, ...]
    left: tuple[tuple[str, Message], ...]


def plan_rebuilding(ctx: Context, pool: str | None = None) -> Rebuilding:
    """Machines whose metadata carry an id of ours and name a system of this ledger, under that id, so that samples
    kept from before still speak of them. Unreachable when a pool does not answer: nothing is rebuilt by halves.
    """
    ctx.actor.require(Role.OPERATOR)
    orphans = list_orphans(ctx, pool)
    # The ids that a silent pool's machines carry would be given out anew meanwhile.
    require_answers(orphans.unreachable)
    wanted: list[Adoption] = []
    left: list[tuple[str, Message]] = []
    for orphan in orphans.found:
        why = _why_not(orphan)
        if why is not None:
            left.append((orphan.machine.name, why))
        else:
            wanted.append(Adoption(orphan.machine, orphan.pool, orphan.proposal.system or ""))
    with ctx.reading() as session:
        refused = list(objections(session, wanted))
    bad = {(each.pool, each.machine.external_id) for each, _ in refused}
    left += [(each.machine.name, why) for each, why in refused]
    return Rebuilding(
        tuple(each for each in wanted if (each.pool, each.machine.external_id) not in bad), tuple(left)
    )


def _why_not(orphan: Orphan) -> Message | None:
    if orphan.machine.vm_id is None:
        return Message("it carries no id of ours")
    if orphan.proposal.rule is not OwnerRule.METADATA:
        return Message("its metadata names no system of this ledger")
    if orphan.machine.state == MachineState.SHELVED:
        return Message("it is put aside: adopt it by name if it is to be kept")
    return None
