"""The ground floor: site, units, people, systems, equipment, audit chain, outbox, job record."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import Id, Instant, JsonText
from cloudctl.migrations.triggers import forbid_changes

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
    )
    op.create_table(
        "unit",
        sa.Column("id", Id, primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("contact", sa.Text),
        sa.Column("removed_at", Instant),
    )
    op.create_table(
        "person",
        sa.Column("id", Id, primary_key=True),
        sa.Column("login", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id")),
        sa.Column("roles", JsonText, nullable=False),
        sa.Column("ssh_keys", JsonText, nullable=False, server_default="[]"),
        sa.Column("is_founder", sa.Boolean, nullable=False),
        sa.Column("removed_at", Instant),
    )
    op.create_table(
        "system",
        sa.Column("id", Id, primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("level", Id),
        sa.Column("window", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("removed_at", Instant),
    )
    op.create_table(
        "equipment",
        sa.Column("id", Id, primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("condition", sa.Text, nullable=False),
        sa.Column("bought", sa.Date),
        sa.Column("yearly_cost_fen", JsonText, nullable=False),
        sa.Column("removed_at", Instant),
    )
    op.create_table(
        "audit_entry",
        sa.Column("sequence", Id, primary_key=True, autoincrement=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False, index=True),
        sa.Column("subject", sa.Text, nullable=False, index=True),
        sa.Column("detail", JsonText, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", Id, primary_key=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False, index=True),
        sa.Column("delivered_at", Instant),
    )
    op.create_table(
        "leader",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("number", Id, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("since", Instant, nullable=False),
    )
    op.create_table(
        "job_run",
        sa.Column("id", Id, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("period", Instant, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", Id, nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("finished_at", Instant),
        sa.Column("detail", sa.Text),
        sa.UniqueConstraint("job", "period"),
    )
    forbid_changes("audit_entry")
