"""The /metrics endpoint, up as long as the scheduler is."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.process_collector import ProcessCollector

from cloudctl.core.errors import Message, Unreachable
from cloudctl.operations.context import Context
from cloudctl.operations.usage.show_metrics import HomeCollector

log = logging.getLogger("cloudctl.scheduler")


@contextmanager
def serving_metrics(ctx: Context) -> Iterator[None]:
    """Listens where the settings say; port 0: nowhere. Unreachable when the place is taken."""
    address, port = ctx.settings.daemon.metrics_address, ctx.settings.daemon.metrics_port
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(HomeCollector(ctx))
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as failure:
        raise Unreachable(
            "Metrics cannot be served at {address}:{port}: {reason}",
            address=address,
            port=port,
            reason=failure.strerror or str(failure),
            hint=Message("Choose another place with CLOUDCTL_DAEMON_METRICS_PORT; 0 turns it off."),
        ) from None
    log.info("metrics at http://%s:%d/metrics", address, port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
