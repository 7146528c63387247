"""What was held, and what the sample store keeps."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import Id, Instant, JsonText
from cloudctl.migrations.triggers import forbid_changes

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
    op.create_table(
        "sample_file",
        sa.Column("id", Id, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("day", sa.Text, nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("rows", Id, nullable=False),
        sa.Column("bytes", Id, nullable=False),
        sa.Column("first_start", Instant, nullable=False),
        sa.Column("first_end", Instant, nullable=False),
        sa.Column("last_end", Instant, nullable=False, index=True),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("replaced_at", Instant),
        sa.Column("sealed_at", Instant),
    )
    forbid_changes("sample_file", "OLD.sealed_at IS NOT NULL")
    op.create_table(
        "usage_archive",
        sa.Column("id", Id, primary_key=True),
        sa.Column("path", sa.Text, nullable=False, unique=True),
        sa.Column("day", sa.Text, nullable=False, index=True),
        sa.Column("rows", Id, nullable=False),
        sa.Column("bytes", Id, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
    )
    op.create_table(
        "sample_seal",
        sa.Column("id", Id, primary_key=True),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant, nullable=False),
        sa.Column("sealed_at", Instant, nullable=False),
    )
    forbid_changes("sample_seal")
    op.create_table(
        "collector_state",
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), primary_key=True, autoincrement=False),
        sa.Column("swept_at", Instant, nullable=False),
        sa.Column("readings", JsonText, nullable=False),
    )
    op.create_table(
        "sweep",
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), primary_key=True, autoincrement=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("duration_us", Id, nullable=False),
        sa.Column("machines", Id, nullable=False),
        sa.Column("samples", Id, nullable=False),
        sa.Column("missing", Id, nullable=False),
        sa.Column("unallocated", Id, nullable=False),
    )
    op.create_table(
        "sample_gap",
        sa.Column("id", Id, primary_key=True),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id")),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id")),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant, nullable=False, index=True),
        sa.Column("reason", sa.Text, nullable=False),
    )
    op.create_table(
        "reported_size",
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), primary_key=True, autoincrement=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("vcpus", Id),
        sa.Column("memory_mib", Id),
        sa.Column("storage_gib", Id),
    )
    op.create_table(
        "sample_import",
        sa.Column("id", Id, primary_key=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("imported_at", Instant, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("accepted", Id, nullable=False),
        sa.Column("known", Id, nullable=False),
        sa.Column("contradicting", Id, nullable=False),
        sa.Column("rejected", Id, nullable=False),
    )
