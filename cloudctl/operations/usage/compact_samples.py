"""Keeps the sample store in good order: small files merged, crashed ones settled, old ones archived."""

from dataclasses import dataclass
from datetime import timedelta

from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.sweep_recovery import adopt_orphans
from metering.samples.archive import archive_days
from metering.samples.compaction import Merge, discard_replaced, enter_merged, merged, plan_merges
from metering.samples.recovery import recover
from metering.samples.store import writable


@dataclass(frozen=True, slots=True)
class Compaction:
    """files: merged into `merges` new ones; dropped: rows that stood there twice; deleted: old files off the disk;
    removed: paths that no manifest knew, left by a crash.
    """

    merges: int
    files: int
    rows: int
    dropped: int
    contradicting: int
    deleted: int
    removed: tuple[str, ...]


def plan_compaction(ctx: Context) -> list[Merge]:
    """What `compact_samples` would merge now."""
    with ctx.reading() as session:
        return plan_merges(session, ctx.clock.now())


def compact_samples(ctx: Context) -> Compaction:
    """Finished hours of the running day and past days become one file each; sealed files stay as they are."""
    ctx.actor.require(Role.OPERATOR)
    store = sample_store(ctx)
    with ctx.writing() as session:
        removed = adopt_orphans(session, store, ctx.clock.now()).removed
        removed += recover(session, store, lambda _: False).removed
    merges = files = rows = dropped = contradicting = 0
    for merge in plan_compaction(ctx):
        with writable(), merged(store, merge) as done, ctx.writing() as session:
            if not enter_merged(session, store, done):
                continue
            merges += 1
            files += len(merge.file_ids)
            rows += sum(part.written.rows for part in done.parts)
            dropped += done.dropped
            contradicting += done.contradicting
    with ctx.writing() as session:
        deleted = discard_replaced(session, store)
    return Compaction(merges, files, rows, dropped, contradicting, deleted, removed)


def archive_samples(ctx: Context) -> list[str]:
    """Gives up raw samples older than the setting; their daily aggregates are kept for good. The days archived."""
    ctx.actor.require(Role.OPERATOR)
    store = sample_store(ctx)
    before = ctx.clock.now() - timedelta(days=ctx.settings.metering.raw_days)
    with writable(), ctx.writing() as session:
        days = archive_days(session, store, before)
        if days:
            ctx.record(session, "samples.archive", days[0], days=len(days), last=days[-1])
    with ctx.writing() as session:
        discard_replaced(session, store)
    return days
