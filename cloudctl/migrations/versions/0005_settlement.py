"""Tables of settlement and funding, and the triggers that keep a closed month as it was."""

import sqlalchemy as sa
from alembic import op

from cloudctl.core.database import ExactDecimal, ExactFraction, Id, Instant, JsonText
from cloudctl.migrations.triggers import forbid_changes

revision = "0005"
down_revision = "0004"

# What of an allocation a closed month rests on; its end may still move as long as it stays beyond the month.
ALLOCATION_FACTS = (
    "id",
    "vm_id",
    "system_id",
    "unit_id",
    "pool_id",
    "start",
    "vcpus",
    "memory_mib",
    "storage_gib",
)


def upgrade() -> None:
    _tariffs()
    _statements()
    _acts()
    _evidence()
    _funding()
    _guards()


def _tariffs() -> None:
    op.create_table(
        "tariff",
        sa.Column("id", Id, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("version", Id, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.Column("document", JsonText, nullable=False),
        sa.Column("applied_by", sa.Text, nullable=False),
        sa.Column("applied_at", Instant, nullable=False),
        sa.UniqueConstraint("code", "version", "valid_from"),
    )


def _statements() -> None:
    op.create_table(
        "settlement_period",
        sa.Column("id", Id, primary_key=True),
        sa.Column("period", sa.Text, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("starts", Instant, nullable=False),
        sa.Column("ends", Instant, nullable=False),
        sa.Column("terms", JsonText, nullable=False),
        sa.Column("seal_algorithm", sa.Text),
        sa.Column("seal_hash", sa.Text),
        sa.Column("closed_at", Instant),
    )
    op.create_table(
        "statement",
        sa.Column("id", Id, primary_key=True),
        sa.Column("period_id", Id, sa.ForeignKey("settlement_period.id"), nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("unit_code", sa.Text, nullable=False),
        sa.Column("unit_name", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("revision", Id, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("total_fen", Id, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("issued_at", Instant),
        sa.Column("deadline", Instant),
        sa.Column("is_sealed", sa.Boolean, nullable=False),
        sa.UniqueConstraint("period_id", "unit_id", "provider", "revision"),
        sa.UniqueConstraint("number", "revision"),
    )
    op.create_table(
        "statement_line",
        sa.Column("id", Id, primary_key=True),
        sa.Column("statement_id", Id, sa.ForeignKey("statement.id"), nullable=False),
        sa.Column("position", Id, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("vm", sa.Text, nullable=False),
        sa.Column("system", sa.Text, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("tier", sa.Text),
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("tariff", sa.Text, nullable=False),
        sa.Column("basis", sa.Text, nullable=False),
        sa.Column("per", sa.Text, nullable=False),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant, nullable=False),
        sa.Column("quantity", ExactFraction, nullable=False),
        sa.Column("held_quantity", ExactFraction, nullable=False),
        sa.Column("used_quantity", ExactFraction),
        sa.Column("unit_price", ExactDecimal, nullable=False),
        sa.Column("amount_fen", Id, nullable=False),
        sa.Column("measured_us", Id, nullable=False),
        sa.Column("missing_us", Id, nullable=False),
        sa.Column("estimated_us", Id, nullable=False),
        sa.Column("charge_period", sa.Text, nullable=False),
        sa.Column("is_held_back", sa.Boolean, nullable=False),
        sa.Column("is_waived", sa.Boolean, nullable=False),
        sa.Column("slice_from", ExactDecimal),
        sa.Column("slice_to", ExactDecimal),
        sa.Column("corrects", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("is_sealed", sa.Boolean, nullable=False),
        sa.UniqueConstraint("statement_id", "position"),
    )
    op.create_table(
        "statement_number",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("year", Id, primary_key=True, autoincrement=False),
        sa.Column("last", Id, nullable=False),
    )


def _acts() -> None:
    op.create_table(
        "settlement_signature",
        sa.Column("id", Id, primary_key=True),
        sa.Column("period_id", Id, sa.ForeignKey("settlement_period.id"), nullable=False, index=True),
        sa.Column("statement_id", Id, sa.ForeignKey("statement.id"), index=True),
        sa.Column("act", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("content_hash", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
    )
    op.create_table(
        "settlement_dispute",
        sa.Column("id", Id, primary_key=True),
        sa.Column("statement_id", Id, sa.ForeignKey("statement.id"), nullable=False, index=True),
        sa.Column("line", Id, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("raised_by", sa.Text, nullable=False),
        sa.Column("raised_at", Instant, nullable=False),
        sa.Column("answer", sa.Text),
        sa.Column("answer_reason", sa.Text),
        sa.Column("answered_by", sa.Text),
        sa.Column("answered_at", Instant),
    )


def _evidence() -> None:
    op.create_table(
        "settlement_evidence",
        sa.Column("id", Id, primary_key=True),
        sa.Column("period_id", Id, sa.ForeignKey("settlement_period.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("algorithm", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("detail", JsonText, nullable=False),
        sa.UniqueConstraint("period_id", "kind", "subject"),
    )
    op.create_table(
        "coverage_waiver",
        sa.Column("id", Id, primary_key=True),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("vm_id", Id, sa.ForeignKey("vm.id"), nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.UniqueConstraint("period", "vm_id", "item", "login"),
    )
    op.create_table(
        "settlement_adjustment",
        sa.Column("id", Id, primary_key=True),
        sa.Column("target_period", sa.Text, nullable=False, index=True),
        sa.Column("line_id", Id, sa.ForeignKey("statement_line.id"), nullable=False, unique=True),
        sa.Column("quantity", ExactFraction, nullable=False),
        sa.Column("start", Instant, nullable=False),
        sa.Column("end", Instant, nullable=False),
        sa.Column("system_id", Id, sa.ForeignKey("system.id"), nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("at", Instant, nullable=False),
    )


def _funding() -> None:
    op.create_table(
        "budget",
        sa.Column("id", Id, primary_key=True),
        sa.Column("year", Id, nullable=False),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount_fen", Id, nullable=False),
        sa.Column("applied_by", sa.Text, nullable=False),
        sa.Column("applied_at", Instant, nullable=False),
        sa.UniqueConstraint("year", "unit_id", "kind"),
    )
    op.create_table(
        "funding_hold",
        sa.Column("id", Id, primary_key=True),
        sa.Column("unit_id", Id, sa.ForeignKey("unit.id"), nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ground", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("proposed_at", Instant, nullable=False),
        sa.Column("placed_by", sa.Text),
        sa.Column("placed_at", Instant),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_at", Instant),
        sa.Column("lift_reason", sa.Text),
    )


def _guards() -> None:
    for table in (
        "tariff",
        "settlement_signature",
        "settlement_evidence",
        "coverage_waiver",
        "settlement_adjustment",
    ):
        forbid_changes(table)
    forbid_changes("settlement_period", "OLD.state = 'closed'")
    forbid_changes("statement", "OLD.is_sealed")
    forbid_changes("statement_line", "OLD.is_sealed")
    forbid_changes("settlement_dispute", "OLD.answered_at IS NOT NULL")
    forbid_changes("funding_hold", "OLD.state = 'lifted'")
    _guard_allocations()


def _guard_allocations() -> None:
    """Refuses whatever would make an allocation read otherwise within a closed month."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    least = "min" if is_sqlite else "least"
    differs = " OR ".join(f'OLD."{name}" <> NEW."{name}"' for name in ALLOCATION_FACTS)
    ends = [f'{least}(coalesce({row}."end", p.ends), p.ends)' for row in ("OLD", "NEW")]
    conditions = {
        "INSERT": _touches("NEW"),
        "DELETE": _touches("OLD"),
        "UPDATE": f"({_touches('OLD')} OR {_touches('NEW')}) AND ({differs} OR {ends[0]} <> {ends[1]})",
    }
    for verb, condition in conditions.items():
        name = f"allocation_closed_{verb.lower()}"
        found = f"EXISTS (SELECT 1 FROM settlement_period p WHERE p.state = 'closed' AND {condition})"
        refusal = "allocation: a closed month rests on it"
        if is_sqlite:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON allocation WHEN {found} "
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        else:
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                f"IF {found} THEN RAISE EXCEPTION '{refusal}'; END IF; "
                f"RETURN {'OLD' if verb == 'DELETE' else 'NEW'}; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON allocation FOR EACH ROW EXECUTE FUNCTION {name}()"
            )


def _touches(row: str) -> str:
    return f'({row}."start" < p.ends AND ({row}."end" IS NULL OR {row}."end" > p.starts))'
