"""Carries on the changes that a kill or an unreachable cloud left under way."""

from dataclasses import dataclass
from datetime import timedelta

from cloudctl.core.errors import CloudctlError
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.execute_change import ChangeFailed, run_change
from provisioning.executor import ChangeState
from provisioning.store import changes

UNDER_WAY = (ChangeState.RUNNING, ChangeState.UNDOING)
# So long after it was journalled a plan that nobody has begun was forgotten by a kill.
LEFT_ALONE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Resumed:
    """Numbers of changes. busy: another process has them in hand, or their cloud cannot be asked."""

    ended: tuple[int, ...]
    failed: tuple[int, ...]
    busy: tuple[int, ...]


def resume_changes(ctx: Context) -> Resumed:
    """Every change begun and neither ended nor in another process's hands. One that fails is taken back as always.

    A plan is carried out right after it was journalled: a fresh one is left to whoever is about to.
    """
    ctx.actor.require(Role.OPERATOR)
    with ctx.reading() as session:
        left = ctx.clock.now() - LEFT_ALONE
        numbers = [row.id for row in changes(session, UNDER_WAY)]
        numbers += [row.id for row in changes(session, [ChangeState.PLANNED]) if row.created_at <= left]
    ended, failed, busy = [], [], []
    for number in numbers:
        try:
            run_change(ctx, number)
            ended.append(number)
        except ChangeFailed:
            failed.append(number)
        except CloudctlError:
            busy.append(number)
    return Resumed(tuple(ended), tuple(failed), tuple(busy))
