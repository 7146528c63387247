"""Takes over one machine that a cloud has and nobody answers for: looked for by its name."""

from sqlalchemy.orm import Session

from cloudctl.core.errors import NotFound, Refused
from cloudctl.core.estate import find_system
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.adopt_machines import Adoption
from cloudctl.operations.machines.list_orphans import list_orphans
from cloudctl.operations.machines.unasked_pools import require_answers
from provisioning.store import find_pool, vms


def plan_adoption(ctx: Context, name: str, system: str, pool: str | None) -> Adoption:
    """Looks for the machine in that pool, or in all of them. NotFound; Refused when it is ours, or in several.

    Unreachable when it may be in a pool that does not answer.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        if find_system(session, system).removed_at is not None:
            raise Refused("System {system} was removed.", system=system)
        _require_new(session, name)
        if pool is not None:
            find_pool(session, pool)
    orphans = list_orphans(ctx, pool)
    found = [each for each in orphans.found if each.machine.name == name]
    if not found:
        require_answers(orphans.unreachable)
        raise NotFound("No cloud shows a machine “{name}” that nobody answers for.", name=name)
    if len(found) > 1:
        names = ", ".join(each.pool for each in found)
        raise Refused(
            "“{name}” stands in several pools ({names}); say which with --pool.", name=name, names=names
        )
    return Adoption(found[0].machine, found[0].pool, system)


def _require_new(session: Session, name: str) -> None:
    if any(row.name == name and row.state != "planned" for row in vms(session)):
        raise Refused("There is a machine “{name}” already.", name=name)
