"""What a unit's statement of one month says."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from cloudctl.core.quantity import Size
from reports.datasets.shared import Imprint, Named, Use


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One printed line; its fields mean what metering.settlement.model.Line says, with hours for microseconds."""

    position: int
    kind: str
    system: Named
    vm: str
    pool: Named
    item: str
    tier: str | None
    tariff: str
    basis: str
    per: str
    start: datetime
    end: datetime
    hours: Decimal
    quantity: Decimal
    held_quantity: Decimal
    used_quantity: Decimal | None
    unit_price: Decimal
    amount_fen: int
    measured_hours: Decimal
    missing_hours: Decimal
    estimated_hours: Decimal
    is_held_back: bool
    is_waived: bool
    charge_period: str
    corrects: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class MachineCharge:
    """One machine in the month: its last size (None: it held nothing then, an adjustment names it), use and cost."""

    system: Named
    vm: str
    pool: Named
    size: Size | None
    use: Use
    amount_fen: int


@dataclass(frozen=True, slots=True)
class SystemCharge:
    """One system: amounts by item, adjustments apart, and what it came to the month before (None: nothing known)."""

    system: Named
    machines: int
    by_item_fen: dict[str, int]
    adjustments_fen: int
    amount_fen: int
    previous_fen: int | None
    use: Use


@dataclass(frozen=True, slots=True)
class MonthAmount:
    """What one period came to, by item; adjustments apart."""

    period: str
    by_item_fen: dict[str, int]
    adjustments_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """A yearly budget of one kind: granted, used up to the end of this period, and what this month took.

    None: cloudctl settles the use of the cloud; what is spent on other kinds it does not know.
    """

    kind: str
    year: int
    granted_fen: int
    used_fen: int | None
    month_fen: int | None


@dataclass(frozen=True, slots=True)
class Saving:
    """One carried-out downsizing and what it saves in this period."""

    case: str
    vm: str
    system: Named
    before: Size
    after: Size
    since: datetime
    until: datetime | None
    monthly_fen: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class EquipmentCost:
    """Equipment from before the cloud with its yearly cost by kind (upkeep, power, staff, room)."""

    code: str
    kind: str
    condition: str
    yearly_fen: dict[str, int]
    monthly_fen: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on the unit's funding, with its ground."""

    ground: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Objection:
    """A line the unit disputed, and the answer; None while there is none."""

    line: int
    reason: str
    raised_by: str
    raised_at: datetime
    answer: str | None
    answer_reason: str | None
    answered_by: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Signing:
    """One recorded act on the statement or its period."""

    act: str
    name: str
    role: str
    at: datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the figures can be recomputed from: a kind, its name, and a hash where there is one."""

    kind: str
    name: str
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class StatementReport:
    """Everything one statement prints: one unit, one provider, one month. amount_fen: the sum of its printed lines.

    months, budgets, savings, equipment and holds are the unit's, over all its providers; unit_amount_fen and
    unit_previous_fen are what all its statements come to in this month and the month before.
    """

    imprint: Imprint
    period: str
    start: datetime
    end: datetime
    unit: Named
    provider: str
    number: str | None
    revision: int
    state: str
    issued_at: datetime | None
    deadline: datetime | None
    amount_fen: int
    capitals: str
    previous_fen: int | None
    unit_amount_fen: int
    unit_previous_fen: int | None
    use: Use
    systems: tuple[SystemCharge, ...]
    machines: tuple[MachineCharge, ...]
    lines: tuple[ChargeLine, ...]
    adjustments: tuple[ChargeLine, ...]
    months: tuple[MonthAmount, ...]
    budgets: tuple[BudgetUse, ...]
    savings: tuple[Saving, ...]
    equipment: tuple[EquipmentCost, ...]
    holds: tuple[Hold, ...]
    disputes: tuple[Objection, ...]
    signings: tuple[Signing, ...]
    evidence: tuple[Evidence, ...]

    @property
    def items(self) -> tuple[str, ...]:
        """The items that cost something in the month, in a fixed order; free ones stand in the lines alone."""
        used = {item for system in self.systems for item, fen in system.by_item_fen.items() if fen}
        return tuple(sorted(used, key=item_rank))


ITEM_ORDER = ("vcpu", "memory_gib", "storage_gib", "machine")


def item_rank(item: str) -> tuple[int, str]:
    """The order in which items are printed: the big three, the fixed fee, then the site's own by name."""
    return (ITEM_ORDER.index(item) if item in ITEM_ORDER else len(ITEM_ORDER), item)
