"""Tables of funding: yearly budgets of units, and the funding holds that finance decides on."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant


class BudgetRow(Base):
    """What a unit may spend in a year on one kind: cloud, extranet, migration, operation."""

    __tablename__ = "budget"
    __table_args__ = (UniqueConstraint("year", "unit_id", "kind"),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    year: Mapped[int]
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(Text)
    amount_fen: Mapped[int]
    applied_by: Mapped[str] = mapped_column(Text)
    applied_at: Mapped[datetime] = mapped_column(Instant)


class FundingHoldRow(Base):
    """A unit on the funding-hold list. state: proposed, placed, then lifted, which is final."""

    __tablename__ = "funding_hold"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"), index=True)
    state: Mapped[str] = mapped_column(Text)
    ground: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    proposed_by: Mapped[str] = mapped_column(Text)
    proposed_at: Mapped[datetime] = mapped_column(Instant)
    placed_by: Mapped[str | None] = mapped_column(Text)
    placed_at: Mapped[datetime | None] = mapped_column(Instant)
    lifted_by: Mapped[str | None] = mapped_column(Text)
    lifted_at: Mapped[datetime | None] = mapped_column(Instant)
    lift_reason: Mapped[str | None] = mapped_column(Text)
