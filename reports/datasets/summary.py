"""What the city's summary of one month says."""

from dataclasses import dataclass
from datetime import datetime

from reports.datasets.shared import Imprint, Named, Use
from reports.datasets.statement import BudgetUse, ChargeLine, Hold, MonthAmount, Saving, Signing, item_rank


@dataclass(frozen=True, slots=True)
class ProviderAmount:
    """What one provider is to be paid for the month, and on how many statements."""

    provider: str
    statements: int
    amount_fen: int
    previous_fen: int | None


@dataclass(frozen=True, slots=True)
class UnitAmount:
    """One unit's month over all its providers. states: of its statements, each once."""

    unit: Named
    numbers: tuple[str, ...]
    states: tuple[str, ...]
    machines: int
    by_item_fen: dict[str, int]
    adjustments_fen: int
    amount_fen: int
    previous_fen: int | None
    granted_fen: int
    spent_fen: int
    saving_fen: int
    equipment_fen: int
    has_hold: bool
    use: Use


@dataclass(frozen=True, slots=True)
class PoolAmount:
    """One pool's month."""

    pool: Named
    provider: str
    is_simulated: bool
    amount_fen: int
    use: Use


@dataclass(frozen=True, slots=True)
class UnitHold:
    unit: Named
    hold: Hold


@dataclass(frozen=True, slots=True)
class UnitSaving:
    unit: Named
    saving: Saving


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A printed line with the statement it stands in."""

    unit: Named
    provider: str
    number: str | None
    line: ChargeLine


@dataclass(frozen=True, slots=True)
class SummaryReport:
    """The month of the whole city. amount_fen: the sum of its statements."""

    imprint: Imprint
    period: str
    start: datetime
    end: datetime
    state: str
    amount_fen: int
    capitals: str
    previous_fen: int | None
    use: Use
    providers: tuple[ProviderAmount, ...]
    units: tuple[UnitAmount, ...]
    pools: tuple[PoolAmount, ...]
    months: tuple[MonthAmount, ...]
    budgets: tuple[BudgetUse, ...]
    savings: tuple[UnitSaving, ...]
    holds: tuple[UnitHold, ...]
    lines: tuple[UnitLine, ...]
    signings: tuple[Signing, ...]
    seal_hash: str | None
    seal_algorithm: str | None

    @property
    def items(self) -> tuple[str, ...]:
        """The items that cost something in the month, in a fixed order."""
        used = {item for unit in self.units for item, fen in unit.by_item_fen.items() if fen}
        return tuple(sorted(used, key=item_rank))
