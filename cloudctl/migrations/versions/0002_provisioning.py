"""What runs where: pools, hosts, images, networks, machines, changes."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import Id, Instant, JsonText

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "pool",
        sa.Column("id", Id, primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("driver", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("options", JsonText, nullable=False),
        sa.Column("removed_at", Instant),
    )
    op.create_table(
        "host",
        sa.Column("id", Id, primary_key=True),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("uri", sa.Text),
        sa.Column("rack", sa.Text),
        sa.Column("accepting", sa.Boolean, nullable=False),
        sa.Column("closed", JsonText),
        sa.Column("options", JsonText, nullable=False),
        sa.Column("removed_at", Instant),
        sa.UniqueConstraint("pool_id", "code"),
    )
    op.create_table(
        "image",
        sa.Column("id", Id, primary_key=True),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("options", JsonText, nullable=False),
        sa.Column("removed_at", Instant),
        sa.UniqueConstraint("pool_id", "code"),
    )
    op.create_table(
        "network",
        sa.Column("id", Id, primary_key=True),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("bridge", sa.Text),
        sa.Column("vlan", Id),
        sa.Column("options", JsonText, nullable=False),
        sa.Column("removed_at", Instant),
        sa.UniqueConstraint("pool_id", "code"),
    )
    op.create_table(
        "vm",
        sa.Column("id", Id, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("system_id", Id, sa.ForeignKey("system.id"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("host", sa.Text),
        sa.Column("external_id", sa.Text),
        sa.Column("image", sa.Text),
        sa.Column("network", sa.Text),
        sa.Column("created_at", Instant),
        sa.Column("shelved_at", Instant),
        sa.Column("retired_at", Instant),
    )
    op.create_table(
        "change",
        sa.Column("id", Id, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("checksum", sa.Text, nullable=False),
        sa.Column("rolls_back", Id, sa.ForeignKey("change.id")),
        sa.Column("goes_on", sa.Boolean, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("finished_at", Instant),
    )
    op.create_table(
        "change_step",
        sa.Column("id", Id, primary_key=True),
        sa.Column("change_id", Id, sa.ForeignKey("change.id"), nullable=False),
        sa.Column("position", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("before", JsonText),
        sa.Column("after", JsonText),
        sa.Column("is_live", sa.Boolean, nullable=False),
        sa.Column("started_at", Instant),
        sa.Column("at", Instant),
        sa.Column("error", JsonText),
        sa.UniqueConstraint("change_id", "position"),
    )
