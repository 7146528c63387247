"""What was held, and what the sample store keeps."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import Id, Instant, JsonText

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "allocation",
        sa.Column("id", Id, primary_key=True),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False),
        sa.Column("system_id", Id, sa.ForeignKey("system.id"), nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant, index=True),
        sa.Column("vcpus", Id, nullable=False),
        sa.Column("memory_mib", Id, nullable=False),
        sa.Column("storage_gib", JsonText, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_index("ix_allocation_vm_start", "allocation", ["vm_id", "start"], unique=True)
