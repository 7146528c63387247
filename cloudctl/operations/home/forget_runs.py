"""Drops the records of frequent jobs that nobody will ask for again."""

from collections.abc import Sequence
from datetime import timedelta

from cloudctl.core.identity import Role
from cloudctl.core.job_store import forget_runs
from cloudctl.operations.context import Context


def forget_old_runs(ctx: Context, jobs: Sequence[str], keep: timedelta) -> int:
    """Run records of these jobs older than `keep`; the last month and more stays. Returns how many went."""
    ctx.actor.require(Role.OPERATOR)
    with ctx.writing() as session:
        return forget_runs(session, jobs, ctx.clock.now() - keep)
