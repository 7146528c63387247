"""Triggers that guard closed rows, for every dialect we migrate."""

from alembic import op


def forbid_changes(table: str, when: str = "") -> None:
    """Refuses UPDATE and DELETE of a table's rows (those for which `when`, in terms of OLD, holds)."""
    for verb in ("UPDATE", "DELETE"):
        name = f"{table}_no_{verb.lower()}"
        refusal = f"{table}: closed rows are not changed"
        if op.get_bind().dialect.name == "sqlite":
            guard = f"WHEN {when} " if when else ""
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {guard}"
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
        else:
            guard = f"WHEN ({when}) " if when else ""
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{refusal}'; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table} FOR EACH ROW {guard}EXECUTE FUNCTION {name}()"
            )
