"""Changes as people and programs read them: the list, and one with its steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message
from cloudctl.operations.context import Context
from provisioning.store import change_steps, changes, find_change, get_vm
from provisioning.tables import ChangeRow, ChangeStepRow


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A step and what became of it. at: when the cloud says it took effect; error: a message, or None."""

    step: int
    kind: str
    vm_id: int
    vm: str
    state: str
    at: datetime | None
    error: Message | None


@dataclass(frozen=True, slots=True)
class ChangeOutcome:
    """A change and its steps; state as in provisioning.executor.ChangeState."""

    change: int
    state: str
    reason: str
    steps: tuple[StepOutcome, ...]


def outcome_of(session: Session, change_id: int) -> ChangeOutcome:
    change = find_change(session, change_id)
    steps = tuple(_step_outcome(session, row) for row in change_steps(session, change_id))
    return ChangeOutcome(change.id, change.state, change.reason, steps)


def _step_outcome(session: Session, row: ChangeStepRow) -> StepOutcome:
    name = get_vm(session, row.vm_id).name
    return StepOutcome(row.position, row.kind, row.vm_id, name, row.state, row.at, _error(row))


def _error(row: ChangeStepRow) -> Message | None:
    return Message(row.error["template"], row.error["values"]) if row.error else None


def list_changes(ctx: Context, states: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Every change, the newest last; `states` narrows them."""
    with ctx.reading() as session:
        return [_change_row(session, row) for row in changes(session, states)]


def show_change(ctx: Context, change_id: int) -> dict[str, Any]:
    """One change with its steps. NotFound."""
    with ctx.reading() as session:
        change = find_change(session, change_id)
        steps = [_step_row(ctx, session, row) for row in change_steps(session, change_id)]
        return {**_change_row(session, change), "steps": steps}


def _change_row(session: Session, row: ChangeRow) -> dict[str, Any]:
    states = [step.state for step in change_steps(session, row.id)]
    return {
        "change": row.id,
        "state": row.state,
        "reason": row.reason,
        "actor": row.actor,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "steps_done": states.count("done"),
        "steps_total": len(states),
        "rolls_back": row.rolls_back,
        "checksum": row.checksum,
    }


def _step_row(ctx: Context, session: Session, row: ChangeStepRow) -> dict[str, Any]:
    error = _error(row)
    return {
        "step": row.position,
        "kind": row.kind,
        "vm": get_vm(session, row.vm_id).name,
        "state": row.state,
        "before": row.before,
        "after": row.after,
        "live": row.is_live,
        "at": row.at,
        "error": ctx.texts.message(error) if error else None,
    }
