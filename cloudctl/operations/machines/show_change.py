"""Changes as people and programs read them: the list, and one with its steps."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Problem
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_lock import is_in_hand
from provisioning.executor import ChangeState, StepState, had_effect
from provisioning.store import change_steps, changes, find_change, get_vm, steps_by_change
from provisioning.tables import ChangeRow, ChangeStepRow

# How a change stands that no process has in hand and that has not ended: a step of it may have been done or not;
# or none was under way.
UNCERTAIN, INTERRUPTED = "uncertain", "interrupted"
STANDINGS = (*(str(state) for state in ChangeState), UNCERTAIN, INTERRUPTED)
_UNDER_WAY = (ChangeState.PLANNED, ChangeState.RUNNING, ChangeState.UNDOING)
_ASKED = (StepState.RUNNING, StepState.UNDOING)


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """A step and what became of it. started_at: when it was first asked for; at: when the cloud says it took effect;
    error: a message, or None.
    """

    step: int
    kind: str
    vm_id: int
    vm: str
    state: str
    started_at: datetime | None
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
    return StepOutcome(
        row.position, row.kind, row.vm_id, name, row.state, row.started_at, row.at, _error(row)
    )


def _error(row: ChangeStepRow) -> Message | None:
    return Message(row.error["template"], row.error["values"]) if row.error else None


def undoing_of(ctx: Context, outcome: ChangeOutcome) -> list[Problem]:
    """What became of each step that had begun and was to be taken back, in that order: last first."""
    return [
        Problem(
            "", Message(_undoing(step), {"step": step.step, "kind": kind, "name": step.vm, "why": step.error})
        )
        for step in reversed(outcome.steps)
        if step.started_at is not None and step.state in (StepState.UNDONE, StepState.DONE)
        for kind in [ctx.texts.label("step_kind", step.kind)]
    ]


def _undoing(step: StepOutcome) -> str:
    if step.state == StepState.DONE:
        return "step {step}, {kind} {name}: stays: {why}"
    if step.at is not None and step.started_at is not None and not had_effect(step.started_at, step.at):
        return "step {step}, {kind} {name}: stood so before, left as it is"
    return "step {step}, {kind} {name}: undone"


def list_changes(ctx: Context, standings: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Every change, the newest last; `standings` narrows them."""
    states = None if standings is None else sorted({*standings} & {*ChangeState} | {*_UNDER_WAY})
    with ctx.reading() as session:
        steps = steps_by_change(session, states)
        rows = [_change_row(ctx, row, steps.get(row.id, [])) for row in changes(session, states)]
    return [row for row in rows if standings is None or row["standing"] in standings]


def show_change(ctx: Context, change_id: int) -> dict[str, Any]:
    """One change with its steps. NotFound."""
    with ctx.reading() as session:
        change, steps = find_change(session, change_id), change_steps(session, change_id)
        shown = _change_row(ctx, change, steps)
        is_left = shown["standing"] in (UNCERTAIN, INTERRUPTED)
        return {**shown, "steps": [_step_row(ctx, session, row, is_left) for row in steps]}


def _change_row(ctx: Context, row: ChangeRow, steps: Sequence[ChangeStepRow]) -> dict[str, Any]:
    states = [step.state for step in steps]
    standing = _standing(ctx, row, steps)
    return {
        "change": row.id,
        "state": row.state,
        "standing": standing,
        "reason": row.reason,
        "actor": row.actor,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "steps_done": states.count("done"),
        "steps_total": len(states),
        "rolls_back": row.rolls_back,
        "checksum": row.checksum,
        "next": _next(row.id, standing),
    }


def _standing(ctx: Context, row: ChangeRow, steps: Sequence[ChangeStepRow]) -> str:
    """The state, or what has become of it when nobody is carrying the change out any more."""
    if row.state not in _UNDER_WAY or is_in_hand(ctx, row.id):
        return row.state
    return UNCERTAIN if any(step.state in _ASKED for step in steps) else INTERRUPTED


def _next(change_id: int, standing: str) -> str | None:
    """The command that carries it on."""
    if standing in (UNCERTAIN, INTERRUPTED):
        return f"cloudctl change resume {change_id}"
    return f"cloudctl change resume {change_id} --done-at TIME" if standing == ChangeState.ORDERED else None


def _step_row(ctx: Context, session: Session, row: ChangeStepRow, is_left: bool) -> dict[str, Any]:
    is_uncertain = is_left and row.state in _ASKED
    error = _error(row) or (Message("the process that carried it out is gone") if is_uncertain else None)
    return {
        "step": row.position,
        "kind": row.kind,
        "vm": get_vm(session, row.vm_id).name,
        "state": row.state,
        "standing": UNCERTAIN if is_uncertain else row.state,
        "before": row.before,
        "after": row.after,
        "live": row.is_live,
        "started_at": row.started_at,
        "at": row.at,
        "error": ctx.texts.message(error) if error else None,
    }
