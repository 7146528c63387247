"""The under-use rule's versions: proposed by one person, approved by another, in force from a date."""

from datetime import datetime, time
from pathlib import Path
from typing import Any

from cloudctl.core.clock import as_utc
from cloudctl.core.errors import Refused
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from policies.rule import Rule, load_rule, rule_hash
from policies.store import find_rule, rule_in_force, rules
from policies.tables import RuleRow

MAY_CHANGE = (Role.SECADMIN, Role.PANEL)


def propose_rule(ctx: Context, path: Path) -> dict[str, Any]:
    """Enters a file's rule as the next version, not yet in force. InvalidInput with every problem of the file."""
    ctx.actor.require(*MAY_CHANGE)
    rule = load_rule(path)
    document = rule.as_json()
    with ctx.writing() as session:
        known = rules(session)
        _require_new(known, document)
        row = RuleRow(
            version=known[-1].version + 1,
            valid_from=_begins(ctx, rule),
            document=document,
            hash=rule_hash(document),
            proposed_by=ctx.actor.login,
            proposed_at=ctx.clock.now(),
            is_in_force=False,
        )
        session.add(row)
        session.flush()
        ctx.record(session, "review.propose_rule", f"rule:{row.version}", hash=row.hash)
        return _view(row)


def approve_rule(ctx: Context, version: int) -> dict[str, Any]:
    """By another person than who proposed it; from its date on it is in force, and never changed again."""
    ctx.actor.require(*MAY_CHANGE)
    with ctx.writing() as session:
        row = find_rule(session, version)
        if row.is_in_force:
            raise Refused("Version {version} of the rule is approved already.", version=version)
        if row.proposed_by == ctx.actor.login:
            raise Refused(
                "{login} proposed version {version}; another person must approve it.",
                login=ctx.actor.login,
                version=version,
            )
        row.approved_by, row.approved_at, row.is_in_force = ctx.actor.login, ctx.clock.now(), True
        session.flush()
        ctx.record(
            session, "review.approve_rule", f"rule:{version}", hash=row.hash, proposed_by=row.proposed_by
        )
        return _view(row)


def list_rules(ctx: Context) -> list[dict[str, Any]]:
    """Every version; `state` says which one governs a review today."""
    with ctx.reading() as session:
        present = rule_in_force(session, ctx.clock.now())
        return [_view(row, present) for row in rules(session)]


def show_rule(ctx: Context, version: int | None = None) -> dict[str, Any]:
    """A version with its document; None: the one that governs a review today. NotFound."""
    with ctx.reading() as session:
        present = rule_in_force(session, ctx.clock.now())
        row = present if version is None else find_rule(session, version)
        return {**_view(row, present), "rule": row.document}


def _require_new(known: Any, document: dict[str, Any]) -> None:
    for row in known:
        if row.document == document:
            raise Refused("Version {version} of the rule says the same.", version=row.version)


def _begins(ctx: Context, rule: Rule) -> datetime:
    return as_utc(datetime.combine(rule.valid_from, time(), ctx.site.zone))


def _view(row: RuleRow, present: RuleRow | None = None) -> dict[str, Any]:
    approved = "in_force" if present is not None and present.id == row.id else "approved"
    return {
        "version": row.version,
        "state": approved if row.is_in_force else "proposed",
        "valid_from": row.valid_from,
        "proposed_by": row.proposed_by,
        "proposed_at": row.proposed_at,
        "approved_by": row.approved_by,
        "approved_at": row.approved_at,
        "hash": row.hash,
    }
