"""Review: the rule's versions (the packaged one is the first), cases, evidence, votes, exemptions, savings."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import Id, Instant, JsonText
from cloudctl.migrations.triggers import forbid_changes
from policies.first_rule import first_rule

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    _rules()
    _cases()
    _case_papers()
    _exemptions_and_savings()


def _rules() -> None:
    table = op.create_table(
        "review_rule",
        sa.Column("id", Id, primary_key=True),
        sa.Column("version", Id, nullable=False, unique=True),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("document", JsonText, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Text),
        sa.Column("proposed_at", Instant),
        sa.Column("approved_by", sa.Text),
        sa.Column("approved_at", Instant),
        sa.Column("is_in_force", sa.Boolean, nullable=False),
    )
    op.bulk_insert(table, [first_rule()])
    forbid_changes("review_rule", "OLD.is_in_force")


def _cases() -> None:
    op.create_table(
        "review_case",
        sa.Column("id", Id, primary_key=True),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False),
        sa.Column("system_id", Id, sa.ForeignKey("system.id"), nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("window_start", Instant, nullable=False),
        sa.Column("window_end", Instant, nullable=False),
        sa.Column("rule_version", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("meters", JsonText, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("from_size", JsonText, nullable=False),
        sa.Column("to_size", JsonText),
        sa.Column("remedy", sa.Text),
        sa.Column("monthly_saving_fen", Id),
        sa.Column("risk_ppm", Id),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("opened_at", Instant, nullable=False),
        sa.Column("notified_at", Instant),
        sa.Column("answer_by", Instant),
        sa.Column("reminded_at", Instant),
        sa.Column("answer", sa.Text),
        sa.Column("answer_text", sa.Text),
        sa.Column("round", Id, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("decided_at", Instant),
        sa.Column("appealed_at", Instant),
        sa.Column("scheduled_for", Instant),
        sa.Column("change_id", Id, sa.ForeignKey("change.id")),
        sa.Column("before_size", JsonText),
        sa.Column("executed_at", Instant),
        sa.Column("executed_by", sa.Text),
        sa.Column("watch_until", Instant),
        sa.Column("rollback_proposed_at", Instant),
        sa.Column("rollback_change_id", Id, sa.ForeignKey("change.id")),
        sa.Column("rolled_back_at", Instant),
        sa.UniqueConstraint("vm_id", "window_start", "window_end", "kind"),
    )
    op.create_index("ix_review_case_state", "review_case", ["state"])


def _case_papers() -> None:
    op.create_table(
        "review_evidence",
        sa.Column("case_id", Id, sa.ForeignKey("review_case.id"), primary_key=True, autoincrement=False),
        sa.Column("document", JsonText, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
    )
    op.create_table(
        "review_vote",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, sa.ForeignKey("review_case.id"), nullable=False),
        sa.Column("round", Id, nullable=False),
        sa.Column("voter", sa.Text, nullable=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.UniqueConstraint("case_id", "round", "voter"),
    )
    op.create_table(
        "review_event",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, sa.ForeignKey("review_case.id"), nullable=False, index=True),
        sa.Column("at", Instant, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
    for table in ("review_evidence", "review_vote", "review_event"):
        forbid_changes(table)


def _exemptions_and_savings() -> None:
    op.create_table(
        "exemption",
        sa.Column("id", Id, primary_key=True),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
        sa.Column("added_at", Instant, nullable=False),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_at", Instant),
    )
    op.create_table(
        "saving",
        sa.Column("id", Id, primary_key=True),
        sa.Column("case_id", Id, sa.ForeignKey("review_case.id"), nullable=False),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False, index=True),
        sa.Column("pool_id", Id, sa.ForeignKey("pool.id"), nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("from_size", JsonText, nullable=False),
        sa.Column("to_size", JsonText, nullable=False),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant),
    )
