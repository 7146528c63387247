"""Reads and verifies the audit chain."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from cloudctl.core.audit import entries, verify
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context


def audit_entries(
    ctx: Context,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """The latest `limit` entries that fit, oldest first. For those who watch over others: auditors, administrators."""
    ctx.actor.require(Role.AUDITOR, Role.SECADMIN, Role.SYSADMIN, Role.OPERATOR)
    with ctx.reading() as session:
        rows = entries(
            session, since=since, until=until, actor=actor, action=action, subject=subject, limit=limit
        )
        return [
            {
                "sequence": row.sequence,
                "at": row.at,
                "actor": row.actor,
                "origin": row.origin,
                "action": row.action,
                "subject": row.subject,
                "detail": row.detail,
                "algorithm": row.algorithm,
                "hash": row.hash,
            }
            for row in rows
        ]


def verify_audit(ctx: Context) -> dict[str, Any]:
    """What a walk over the whole chain found; anyone of the site may ask."""
    with ctx.reading() as session:
        return asdict(verify(session))
