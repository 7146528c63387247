"""A machine's UUID: random where it meets others in a real cloud, from seed and name in a simulated one."""

from uuid import UUID, uuid4, uuid5

from provisioning.tables import PoolRow

# Names of simulated machines; any fixed UUID serves.
_SIMULATED = UUID("6f6b4f52-5a2e-4a3c-9f1e-0c10dc71e001")


def fresh_uuid(pool: PoolRow, name: str) -> str:
    """For a machine that has none yet. In a simulated pool the same seed gives the same, so that a run repeats."""
    if pool.driver != "embedded":
        return str(uuid4())
    return str(uuid5(_SIMULATED, f"{pool.options.get('seed', 0)}/{pool.code}/{name}"))
