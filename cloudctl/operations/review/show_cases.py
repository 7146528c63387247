"""Cases as people, programs and reports read them: the list, and one with evidence, votes and history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.estate import find_system, find_unit, system_codes, unit_codes
from cloudctl.core.money import yuan_text
from cloudctl.operations.context import Context
from policies.panel import CaseState, Decision, majority
from policies.store import CaseFilter, case_savings, cases, events, evidence, find_case, votes
from policies.tables import CaseRow, VoteRow
from provisioning.store import find_vm, pools, vms


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which cases to list, by codes; None is all. is_open: something is still to be done."""

    state: str | None = None
    kind: str | None = None
    vm: str | None = None
    unit: str | None = None
    system: str | None = None
    window_end: datetime | None = None
    is_open: bool = False


def list_cases(ctx: Context, query: CaseQuery | None = None) -> list[dict[str, Any]]:
    """Cases by number, in the contract's keys and more. NotFound for a code that does not exist."""
    query = query or CaseQuery()
    with ctx.reading() as session:
        wanted = CaseFilter(
            state=query.state,
            kind=query.kind,
            vm_id=find_vm(session, query.vm).id if query.vm else None,
            unit_id=find_unit(session, query.unit).id if query.unit else None,
            system_id=find_system(session, query.system).id if query.system else None,
            window_end=query.window_end,
            is_open=query.is_open,
        )
        return case_views(ctx, session, cases(session, wanted))


def show_case(ctx: Context, number: int) -> dict[str, Any]:
    """One case whole. NotFound. With a secret ballot, who voted and how stays with the ledger."""
    with ctx.reading() as session:
        row = find_case(session, number)
        paper = evidence(session, number)
        return {
            **case_views(ctx, session, [row])[0],
            **_course(row),
            "votes": _votes(ctx, row, votes(session, number)),
            "history": [
                {
                    "at": event.at,
                    "actor": event.actor,
                    "step": event.step,
                    "state": event.state,
                    "text": event.text,
                }
                for event in events(session, number)
                if not (event.step == "vote" and ctx.settings.review.secret_ballot)
            ],
            "savings": [
                {"from": saving.from_size, "to": saving.to_size, "start": saving.start, "end": saving.end}
                for saving in case_savings(session, number)
            ],
            "evidence_hash": paper.hash,
            "evidence_algorithm": paper.algorithm,
            "evidence": paper.document,
        }


def case_views(ctx: Context, session: Session, rows: Sequence[CaseRow]) -> list[dict[str, Any]]:
    """One dictionary per case, as `review list` prints them."""
    if not rows:
        return []
    names = {row.id: row.name for row in vms(session)}
    pool_codes = {row.id: row.code for row in pools(session)}
    units, systems = unit_codes(session), system_codes(session)
    return [
        {
            "case": row.id,
            "vm": names[row.vm_id],
            "unit": units[row.unit_id],
            "system": systems[row.system_id],
            "pool": pool_codes.get(row.pool_id),
            "kind": str(row.kind),
            "meters": row.meters,
            "state": str(row.state),
            "decision": row.decision and str(row.decision),
            "outcome": row.outcome and str(row.outcome),
            "reason": row.reason and str(row.reason),
            "from": row.from_size,
            "to": row.to_size,
            "remedy": row.remedy and str(row.remedy),
            "monthly_saving": None if row.monthly_saving_fen is None else yuan_text(row.monthly_saving_fen),
            "currency": ctx.site.currency,
            "risk_share": None if row.risk_ppm is None else row.risk_ppm / 1_000_000,
            "window_start": row.window_start,
            "window_end": row.window_end,
            "rule_version": row.rule_version,
            "answer_by": row.answer_by,
            "scheduled_for": row.scheduled_for,
            "watch_until": row.watch_until,
            "rollback_proposed": row.rollback_proposed_at is not None,
        }
        for row in rows
    ]


def _course(row: CaseRow) -> dict[str, Any]:
    """Who did what when, beside the history."""
    return {
        "opened_by": row.opened_by,
        "opened_at": row.opened_at,
        "notified_at": row.notified_at,
        "answer": row.answer,
        "answer_text": row.answer_text,
        "round": row.round,
        "decided_at": row.decided_at,
        "appealed_at": row.appealed_at,
        "change": row.change_id,
        "before": row.before_size,
        "executed_at": row.executed_at,
        "executed_by": row.executed_by,
        "rollback_proposed_at": row.rollback_proposed_at,
        "rolled_back_at": row.rolled_back_at,
    }


def _votes(ctx: Context, row: CaseRow, ballots: Sequence[VoteRow]) -> dict[str, Any]:
    """Counts of the present round and the ballots of all; a secret ballot shows counts once it is decided."""
    choices = [Decision(vote.choice) for vote in ballots if vote.round == row.round]
    secret = ctx.settings.review.secret_ballot
    is_counted = not secret or row.state not in (CaseState.VOTING, CaseState.APPEALED)
    return {
        "cast": len(choices),
        "quorum": ctx.settings.review.quorum,
        "counts": {str(choice): choices.count(choice) for choice in Decision} if is_counted else None,
        "majority": majority(choices) if is_counted else None,
        "ballots": []
        if secret
        else [
            {
                "round": vote.round,
                "voter": vote.voter,
                "choice": vote.choice,
                "reason": vote.reason,
                "at": vote.at,
            }
            for vote in ballots
        ],
    }
