"""Tables of what was held and of what the sample store keeps."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from cloudctl.core.database import Base, Id, Instant, JsonText


class AllocationRow(Base):
    """What one machine held in [start, end): size, owner and pool at that time. end None: still held.

    unit_id stands beside system_id because a system may change hands and the past must not.
    """

    __tablename__ = "allocation"
    __table_args__ = (Index("ix_allocation_vm_start", "vm_id", "start", unique=True),)
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    vm_id: Mapped[int] = mapped_column(ForeignKey("vm.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id"))
    pool_id: Mapped[int] = mapped_column(ForeignKey("pool.id"))
    start: Mapped[datetime] = mapped_column(Instant)
    end: Mapped[datetime | None] = mapped_column(Instant, index=True)
    vcpus: Mapped[int]
    memory_mib: Mapped[int]
    storage_gib: Mapped[dict[str, int]] = mapped_column(JsonText)
    reason: Mapped[str] = mapped_column(Text)
