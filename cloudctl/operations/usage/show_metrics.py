"""The home's metrics as Prometheus reads them."""

from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cloudctl.operations.context import Context
from cloudctl.operations.usage.home_samples import sample_store
from metering.exporter import families


class HomeCollector(Collector):
    """Asks the ledger and the sample store at each scrape, so that no figure is older than it says."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def describe(self) -> list[Metric]:
        """Nothing ahead of time: registering must not read the ledger."""
        return []

    def collect(self) -> Iterator[Metric]:
        interval = timedelta(seconds=self._ctx.settings.metering.interval_s)
        with self._ctx.reading() as session:
            yield from families(session, sample_store(self._ctx), self._ctx.clock.now(), interval)


def exposition(ctx: Context) -> str:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(HomeCollector(ctx))
    return generate_latest(registry).decode()
