"""A pool that somebody else runs: its machines and usage come from files, and changes to it become work orders."""

from cloudctl.core.clock import Clock
from cloudctl.core.errors import Refused
from provisioning.driver import PoolFacts
from provisioning.model import Applied, Capability, Measurement, Observation, Step


class ExternalDriver:
    """Sees nothing and touches nothing: what the pool holds stands in the inventory and in people's reports."""

    capabilities = frozenset({Capability.ORDER})
    is_simulated = False

    def __init__(self, pool: PoolFacts, clock: Clock) -> None:
        self._pool = pool

    def observe(self) -> Observation:
        return Observation((), ())

    def measure(self) -> Measurement:
        raise Refused(
            "Pool {pool} is run by somebody else: its usage comes from files (“cloudctl meter import”).",
            pool=self._pool.code,
        )

    def apply(self, step: Step) -> Applied:
        raise Refused(
            "Pool {pool} is run by somebody else: changes to it are work orders.", pool=self._pool.code
        )

    def close(self) -> None:
        pass
