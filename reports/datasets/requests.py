"""What a handover sheet says of one request, and what a year's requests asked and were granted."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from cloudctl.core.quantity import Size
from reports.datasets.shared import Imprint, Named


@dataclass(frozen=True, slots=True)
class HandedOver:
    """One machine. addresses: as its cloud tells them, none where it does not; size None: it holds nothing any more.

    since: when it began to hold this; monthly_fen: what it costs a month by the tariff in force, None unpriced.
    """

    vm: str
    pool: Named
    size: Size | None
    addresses: tuple[str, ...]
    image: str | None
    since: datetime | None
    until: date | None
    monthly_fen: int | None


@dataclass(frozen=True, slots=True)
class HandoverReport:
    """contact: the unit's; operator_contact: that of the unit whose operator carried it out; provider: who runs the
    pools, by name; decision_reason: why it was granted so, where that was said."""

    imprint: Imprint
    request: int
    kind: str
    unit: Named
    system: Named
    contact: str | None
    purpose: str
    level: int
    requested_by: str
    requested_at: datetime
    decided_by: str
    decided_at: datetime
    executed_by: str
    executed_at: datetime
    operator_contact: str | None
    decision_reason: str
    providers: tuple[str, ...]
    machines: tuple[HandedOver, ...]

    @property
    def total_fen(self) -> int | None:
        """None where a machine is not priced."""
        amounts = [machine.monthly_fen for machine in self.machines]
        known = [amount for amount in amounts if amount is not None]
        return sum(known) if len(known) == len(amounts) else None


@dataclass(frozen=True, slots=True)
class UnitYear:
    """A unit's requests decided in a year. Sizes are what they add; fen a month's price, None unpriced."""

    unit: Named
    requests: int
    asked_size: Size
    granted_size: Size
    asked_fen: int | None
    granted_fen: int | None
    cut_fen: int | None
    reduction_rate: Fraction | None


@dataclass(frozen=True, slots=True)
class RequestsReport:
    """year: that of the decisions. total: over all units, under no name."""

    imprint: Imprint
    year: int
    units: tuple[UnitYear, ...]
    total: UnitYear | None
