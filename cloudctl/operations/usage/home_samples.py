"""The home's sample store."""

from cloudctl.operations.context import Context
from metering.samples.store import FOLDER, SampleStore


def sample_store(ctx: Context) -> SampleStore:
    """The home's sample store."""
    return SampleStore(ctx.home / FOLDER, ctx.clock)
