"""The ledger's side of a change: step states and what steps did, a transaction each."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.clock import parse_instant
from cloudctl.core.errors import CloudctlError, Message, Refused
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_effects import (
    send_order,
    take_back_create,
    take_effect,
    withdraw_order,
)
from cloudctl.operations.usage.restamp_samples import restamp_samples
from metering.allocations import changeable_since
from metering.declared import Span
from metering.store import live_files
from provisioning.executor import ChangeState, Entry, StepState, had_effect
from provisioning.model import Applied, Step, StepKind
from provisioning.steps import inverse
from provisioning.store import change_step, change_steps, find_change, get_pool, get_vm, step_of
from provisioning.tables import ChangeRow, ChangeStepRow

# Why a step stays done when the rest of its change is undone.
_FOR_GOOD = {
    StepKind.DELETE: Message("What was deleted cannot be brought back."),
    StepKind.ADOPT: Message("What was adopted stays adopted."),
    StepKind.EVACUATE: Message("What was started elsewhere stays there: its old host is dead."),
}
# What changes what a machine holds.
CHANGES_HELD = (
    StepKind.CREATE,
    StepKind.ADOPT,
    StepKind.RESIZE,
    StepKind.SHELVE,
    StepKind.UNSHELVE,
    StepKind.DELETE,
)
UNDER_WAY = (ChangeState.PLANNED, ChangeState.RUNNING, ChangeState.ORDERED)


@dataclass(frozen=True, slots=True)
class LedgerJournal:
    """One change's journal. before_resize is called right before a cloud is asked to change a size,
    or to put aside or delete a machine, whose last minutes count too. on_begin: told of every step that begins."""

    ctx: Context
    change_id: int
    before_resize: Callable[[Entry], None]
    on_begin: Callable[[Entry], None] | None = None

    def begin(self, entry: Entry, finished: tuple[Entry, Applied] | None) -> None:
        with self.ctx.writing() as session:
            self._require(session, *UNDER_WAY).state = ChangeState.RUNNING
            if finished is not None:
                self._done(session, *finished)
            row = self._row(session, entry)
            row.state = StepState.RUNNING
            row.started_at = row.started_at or self.ctx.clock.now()
        if entry.step.kind in (StepKind.RESIZE, StepKind.SHELVE, StepKind.DELETE):
            self.before_resize(entry)
        if self.on_begin is not None:
            self.on_begin(entry)

    def finish(self, finished: tuple[Entry, Applied] | None, *, is_last: bool) -> None:
        with self.ctx.writing() as session:
            self._require(session, *UNDER_WAY)
            if finished is not None:
                self._done(session, *finished)
            if is_last:
                lost = any(row.state == StepState.FAILED for row in change_steps(session, self.change_id))
                self._close(session, ChangeState.FAILED if lost else ChangeState.DONE)

    def order(self, entries: Sequence[Entry]) -> None:
        with self.ctx.writing() as session:
            self._require(session, *UNDER_WAY).state = ChangeState.ORDERED
            for entry in entries:
                row = self._row(session, entry)
                if row.state == StepState.PENDING:
                    row.state, row.started_at = StepState.ORDERED, self.ctx.clock.now()
                    send_order(self.ctx, session, self.change_id, entry)
                    self._record(session, "change.order", entry.step)

    def report(self, at: datetime) -> None:
        """What was ordered was carried out at that instant, somebody says."""
        with self.ctx.writing() as session:
            self._require(session, ChangeState.ORDERED).state = ChangeState.RUNNING
            for row in change_steps(session, self.change_id):
                if row.state == StepState.ORDERED:
                    external_id = get_vm(session, row.vm_id).external_id
                    self._done(session, entry_of(session, row), Applied(at, external_id, None))

    def unanswered(self, entry: Entry, reason: CloudctlError) -> None:
        with self.ctx.writing() as session:
            self._row(session, entry).error = message_document(reason.message)

    def refuse(self, entry: Entry, reason: CloudctlError) -> None:
        with self.ctx.writing() as session:
            self._require(session, ChangeState.RUNNING, ChangeState.UNDOING).state = ChangeState.UNDOING
            row = self._row(session, entry)
            row.state, row.error = StepState.FAILED, message_document(reason.message)
            self._record(session, "change.refuse", entry.step, reason=str(reason))

    def lose(self, entry: Entry, reason: CloudctlError) -> None:
        with self.ctx.writing() as session:
            self._require(session, ChangeState.RUNNING)
            row = self._row(session, entry)
            row.state, row.error = StepState.FAILED, message_document(reason.message)
            self._record(session, "change.lose", entry.step, reason=str(reason))

    def begin_undo(self, entry: Entry) -> None:
        with self.ctx.writing() as session:
            self._require(session, ChangeState.UNDOING)
            self._row(session, entry).state = StepState.UNDOING
        if entry.step.kind == StepKind.RESIZE:
            self.before_resize(entry)

    def undone(self, entry: Entry, applied: Applied | None) -> None:
        with self.ctx.writing() as session:
            self._require(session, ChangeState.UNDOING)
            row = self._row(session, entry)
            if row.state == StepState.ORDERED:
                withdraw_order(self.ctx, session, self.change_id, entry)
            # A step whose done was never written has left nothing in the ledger either.
            if row.at is not None:
                back = applied or Applied(self.ctx.clock.now(), get_vm(session, row.vm_id).external_id, None)
                at = self._changeable(session, entry.step, max(back.at, _effective_at(row)))
                self._take_back(session, entry, back, at)
                self._stamp_anew(session, entry.step, at)
            row.state, row.error = StepState.UNDONE, None
            self._record(session, "change.undo", entry.step)

    def keep(self, entry: Entry, reason: CloudctlError | None, applied: Applied | None = None) -> None:
        why = reason.message if reason else _FOR_GOOD[entry.step.kind]
        with self.ctx.writing() as session:
            self._require(session, ChangeState.UNDOING)
            row = self._row(session, entry)
            if applied is not None:
                self._done(session, entry, applied)
            row.state, row.error = StepState.DONE, message_document(why)

    def close_undone(self) -> None:
        with self.ctx.writing() as session:
            self._require(session, ChangeState.UNDOING)
            kept = any(row.state == StepState.DONE for row in change_steps(session, self.change_id))
            self._close(session, ChangeState.FAILED if kept else ChangeState.UNDONE)

    def _done(self, session: Session, entry: Entry, applied: Applied) -> None:
        row = self._row(session, entry)
        if row.state not in (StepState.RUNNING, StepState.ORDERED, StepState.UNDOING):
            raise moved_on(self.change_id)
        is_ordered = row.state == StepState.ORDERED
        row.state, row.at, row.error = StepState.DONE, applied.at, None
        effective = _stated_since(entry.step) or _effective_at(row)
        at = applied.at if is_ordered else self._changeable(session, entry.step, effective)
        take_effect(session, self.change_id, entry.step, applied, at)
        self._stamp_anew(session, entry.step, at)
        self._record(session, f"vm.{entry.step.kind}", entry.step, at=at.isoformat(), after=entry.step.after)

    def _take_back(self, session: Session, entry: Entry, applied: Applied, at: datetime) -> None:
        back = inverse(entry.step)
        if entry.step.kind == StepKind.CREATE:
            take_back_create(session, entry.step.vm_id, at)
        elif back is not None:
            take_effect(session, self.change_id, back, applied, at)

    def _changeable(self, session: Session, step: Step, at: datetime) -> datetime:
        """What became known so late that its month is closed, or that another unit has the machine, counts since then.

        Else a change could never end.
        """
        return max(at, changeable_since(session, step.vm_id)) if step.kind in CHANGES_HELD else at

    def _stamp_anew(self, session: Session, step: Step, at: datetime) -> None:
        """What was sampled before anybody knew.

        It stays as it is where it is evidence of a closed month, or cannot be read or written here: the change ends.
        """
        if step.kind in CHANGES_HELD and live_files(session, at):
            with suppress(OSError, CloudctlError), session.begin_nested():
                restamp_samples(self.ctx, session, {step.vm_id: [Span(at, None)]})

    def _close(self, session: Session, state: ChangeState) -> None:
        change = find_change(session, self.change_id)
        change.state, change.finished_at = state, self.ctx.clock.now()
        self.ctx.record(session, f"change.{state}", f"change:{change.id}", reason=change.reason)

    def _require(self, session: Session, *states: ChangeState) -> ChangeRow:
        change = find_change(session, self.change_id)
        if change.state not in states:
            raise moved_on(self.change_id)
        return change

    def _row(self, session: Session, entry: Entry) -> ChangeStepRow:
        return change_step(session, self.change_id, entry.position)

    def _record(self, session: Session, action: str, step: Step, **detail: Any) -> None:
        self.ctx.record(session, action, step.name, change=self.change_id, **detail)


def entries_of(session: Session, change_id: int) -> list[Entry]:
    return [entry_of(session, row) for row in change_steps(session, change_id)]


def entry_of(session: Session, row: ChangeStepRow) -> Entry:
    vm = get_vm(session, row.vm_id)
    asked = row.at is not None and row.started_at is not None and row.state == StepState.DONE
    effect = had_effect(row.started_at, row.at) if asked and row.started_at and row.at else True
    pool, state = get_pool(session, vm.pool_id).code, StepState(row.state)
    uncertain = row.at is None and state in (StepState.RUNNING, StepState.UNDOING)
    return Entry(row.position, pool, step_of(row, vm.name), state, effect, uncertain, vm.host)


def _effective_at(row: ChangeStepRow) -> datetime:
    """What stood before we asked counts from our asking: a step does not correct the past."""
    assert row.at is not None and row.started_at is not None
    return max(row.at, row.started_at)


def _stated_since(step: Step) -> datetime | None:
    """Since when an adopted machine is held, where a person has said so."""
    since = (step.after or {}).get("since") if step.kind == StepKind.ADOPT else None
    return parse_instant(str(since)) if since else None


def message_document(message: Message) -> dict[str, Any]:
    return {
        "template": message.template,
        "values": {name: str(value) for name, value in message.values.items()},
    }


def moved_on(change_id: int) -> Refused:
    return Refused("Change {number} has moved on; look at it again.", number=change_id)
