"""A small simulated cloud: hosts, machines, generated or replayed workloads, and failures on demand."""

from provisioning.drivers.embedded.driver import EmbeddedDriver

__all__ = ["EmbeddedDriver"]
