"""The names of units, systems, pools and machines, removed ones too: a closed month still speaks of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from cloudctl.core.estate import systems, units
from cloudctl.core.tables import SystemRow, UnitRow
from provisioning.store import every, vms
from provisioning.tables import PoolRow, VmRow
from reports.datasets.shared import Named

SIMULATED_DRIVER = "embedded"


@dataclass(frozen=True, slots=True)
class Estate:
    """Rows by code (machines by name), and codes by id."""

    units: Mapping[str, UnitRow]
    systems: Mapping[str, SystemRow]
    pools: Mapping[str, PoolRow]
    machines: Mapping[str, VmRow]

    def unit(self, code: str) -> Named:
        return Named(code, self.units[code].name if code in self.units else code)

    def system(self, code: str) -> Named:
        return Named(code, self.systems[code].name if code in self.systems else code)

    def pool(self, code: str) -> Named:
        return Named(code, self.pools[code].name if code in self.pools else code)

    def is_simulated(self, pool_code: str) -> bool:
        return pool_code in self.pools and self.pools[pool_code].driver == SIMULATED_DRIVER

    def simulated(self, pool_codes: set[str]) -> tuple[str, ...]:
        """Names of those pools whose cloud is simulated, by code."""
        return tuple(self.pool(code).name for code in sorted(pool_codes) if self.is_simulated(code))


def read_estate(session: Session) -> Estate:
    return Estate(
        {row.code: row for row in units(session, removed=True)},
        {row.code: row for row in systems(session, removed=True)},
        {row.code: row for row in every(session, PoolRow)},
        {row.name: row for row in vms(session)},
    )
