"""Deletes for good what was put aside and kept long enough: the second step of retiring a machine."""

from dataclasses import dataclass
from datetime import timedelta

from cloudctl.core.errors import CloudctlError
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import change_machines
from cloudctl.operations.machines.plan_vm import last_size
from provisioning.steps import delete_step
from provisioning.store import open_steps, vms
from provisioning.tables import VmRow


@dataclass(frozen=True, slots=True)
class Deleted:
    """Names of machines: those that are gone now, and those whose cloud refused or did not answer."""

    gone: tuple[str, ...]
    waiting: tuple[str, ...]


def due_shelved(ctx: Context) -> list[VmRow]:
    """Machines that were put aside so long ago that they are to be deleted, and are in no change."""
    limit = ctx.clock.now() - timedelta(days=ctx.settings.machines.keep_days)
    with ctx.reading() as session:
        rows = [row for row in vms(session, states=["shelved"]) if row.shelved_at and row.shelved_at <= limit]
        in_hand = {step.vm_id for _, step in open_steps(session, [row.id for row in rows])}
    return [row for row in rows if row.id not in in_hand]


def delete_shelved(ctx: Context) -> Deleted:
    """A change for each, so that one that fails holds up no other; those are tried again the next time."""
    ctx.actor.require(Role.OPERATOR)
    gone, waiting = [], []
    for row in due_shelved(ctx):
        if row.id not in {each.id for each in due_shelved(ctx)}:
            # Brought back while others were being deleted.
            continue
        try:
            step = delete_step(row.id, row.name, last_size(ctx, row), row.host, is_put_aside=True)
            change_machines(ctx, [step], f"kept {ctx.settings.machines.keep_days} days")
            gone.append(row.name)
        except CloudctlError:
            waiting.append(row.name)
    return Deleted(tuple(gone), tuple(waiting))
