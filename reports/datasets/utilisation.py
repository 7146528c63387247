"""What the utilisation report of a month says."""

from dataclasses import dataclass
from datetime import datetime

from cloudctl.core.quantity import Size
from reports.datasets.shared import Curve, Imprint, Named, Use

# Below this mean a machine is listed apart: the half-use rule's line (see policies/underuse.yaml).
HALF = 0.5


@dataclass(frozen=True, slots=True)
class GroupUse:
    """One unit, system or pool. machines: that held something in the window."""

    who: Named
    unit: Named | None
    machines: int
    use: Use


@dataclass(frozen=True, slots=True)
class MachineUse:
    """size: the last one in the window."""

    vm: str
    unit: Named
    system: Named
    pool: Named
    size: Size
    use: Use

    @property
    def under_half(self) -> tuple[str, ...]:
        """Meters whose measured mean is under the half."""
        meters = (("cpu", self.use.cpu), ("memory", self.use.memory), ("storage", self.use.storage))
        return tuple(name for name, meter in meters if meter.mean is not None and meter.mean < HALF)


@dataclass(frozen=True, slots=True)
class UtilisationReport:
    """Held and used over [start, end), of the whole cloud or of one unit (`unit`). curves: by meter."""

    imprint: Imprint
    start: datetime
    end: datetime
    unit: Named | None
    total: Use
    curves: dict[str, Curve]
    units: tuple[GroupUse, ...]
    systems: tuple[GroupUse, ...]
    pools: tuple[GroupUse, ...]
    machines: tuple[MachineUse, ...]
