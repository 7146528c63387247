"""Requests with history and machines, terms of machines, quotas of units, migration surveys."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import Id, Instant, JsonText

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    _requests()
    _papers()
    _limits()
    _surveys()


def _requests() -> None:
    op.create_table(
        "request",
        sa.Column("id", Id, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("system_id", Id, sa.ForeignKey("system.id"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("level", Id, nullable=False),
        sa.Column("expected_load", sa.Text, nullable=False),
        sa.Column("needed_by", sa.Date, nullable=False),
        sa.Column("until", sa.Date),
        sa.Column("items", JsonText, nullable=False),
        sa.Column("migration", JsonText),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_at", Instant, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("digest", sa.Text, unique=True),
        sa.Column("findings", JsonText),
        sa.Column("checked_by", sa.Text),
        sa.Column("checked_at", Instant),
        sa.Column("granted", JsonText),
        sa.Column("granted_until", sa.Date),
        sa.Column("decision_reason", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", Instant),
        sa.Column("grant_until", Instant),
        sa.Column("asked_size", JsonText),
        sa.Column("asked_fen", Id),
        sa.Column("granted_size", JsonText),
        sa.Column("granted_fen", Id),
        sa.Column("change_id", Id, sa.ForeignKey("change.id")),
        sa.Column("executed_by", sa.Text),
        sa.Column("executed_at", Instant),
    )
    op.create_index("ix_request_state", "request", ["state"])
    op.create_index("ix_request_unit_id", "request", ["unit_id"])


def _papers() -> None:
    op.create_table(
        "request_event",
        sa.Column("id", Id, primary_key=True),
        sa.Column("request_id", Id, sa.ForeignKey("request.id"), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_index("ix_request_event_request_id", "request_event", ["request_id"])
    op.create_table(
        "request_machine",
        sa.Column("id", Id, primary_key=True),
        sa.Column("request_id", Id, sa.ForeignKey("request.id"), nullable=False),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False),
        sa.UniqueConstraint("request_id", "vm_id"),
    )
    op.create_index("ix_request_machine_vm_id", "request_machine", ["vm_id"])


def _limits() -> None:
    op.create_table(
        "machine_term",
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), primary_key=True, autoincrement=False),
        sa.Column("until", sa.Date, nullable=False),
        sa.Column("request_id", Id, sa.ForeignKey("request.id"), nullable=False),
        sa.Column("told", sa.Text),
    )
    op.create_table(
        "unit_quota",
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), primary_key=True, autoincrement=False),
        sa.Column("machines", Id),
        sa.Column("vcpus", Id),
        sa.Column("memory_mib", Id),
        sa.Column("storage_gib", Id),
        sa.Column("applied_by", sa.Text, nullable=False),
        sa.Column("applied_at", Instant, nullable=False),
    )


def _surveys() -> None:
    op.create_table(
        "migration_survey",
        sa.Column("id", Id, primary_key=True),
        sa.Column("system_id", Id, sa.ForeignKey("system.id"), nullable=False),
        sa.Column("position", Id, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("equipment", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("count", Id, nullable=False),
        sa.Column("vcpus", Id, nullable=False),
        sa.Column("memory_mib", Id, nullable=False),
        sa.Column("storage_gib", Id, nullable=False),
        sa.Column("bandwidth_mbps", Id),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("tier", sa.Text),
        sa.Column("planned_for", sa.Date, nullable=False),
        sa.Column("imported_by", sa.Text, nullable=False),
        sa.Column("imported_at", Instant, nullable=False),
        sa.UniqueConstraint("system_id", "position"),
    )
