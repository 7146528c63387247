"""What funding speaks of: kinds of budget, grounds and states of a hold, and a budget's position."""

from dataclasses import dataclass
from enum import StrEnum


class BudgetKind(StrEnum):
    """cloud: use of the cloud, which statements bill; the others are paid outside of it."""

    CLOUD = "cloud"
    EXTRANET = "extranet"
    MIGRATION = "migration"
    OPERATION = "operation"


class HoldGround(StrEnum):
    """Why a unit is put on the list: equipment that failed or is aged, a new system off the cloud, one not adapted."""

    FAILED_EQUIPMENT = "failed_equipment"
    AGED_EQUIPMENT = "aged_equipment"
    NOT_ON_CLOUD = "not_on_cloud"
    NOT_ADAPTED = "not_adapted"


class HoldState(StrEnum):
    """proposed: the operator's word; placed and lifted: finance's."""

    PROPOSED = "proposed"
    PLACED = "placed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True)
class BudgetPosition:
    """One budget against its year. settled: in closed months; running: in months drafted and not closed yet.

    Both are None for kinds that statements don't bill: what is spent on them is not known here.
    """

    year: int
    unit: str
    unit_name: str
    kind: BudgetKind
    amount_fen: int
    settled_fen: int | None
    running_fen: int | None

    @property
    def left_fen(self) -> int | None:
        if self.settled_fen is None or self.running_fen is None:
            return None
        return self.amount_fen - self.settled_fen - self.running_fen
