"""Changes machines: journals the plan, carries it out, takes it up again after a kill, undoes it when it fails."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import CloudctlError, Message, Problem, Refused, Unreachable
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.machines.announce_cycles import announce_cycles
from cloudctl.operations.machines.change_journal import CHANGES_HELD, LedgerJournal, entries_of
from cloudctl.operations.machines.change_lock import held_change
from cloudctl.operations.machines.plan_change import lay_out, observe_pools, opened_drivers
from cloudctl.operations.machines.show_change import ChangeOutcome, outcome_of, undoing_of
from cloudctl.operations.usage.collect_usage import sample_before_change
from cloudctl.operations.usage.home_samples import sample_store
from metering.allocations import current_allocation, size_of
from metering.samples.presence import has_samples
from metering.store import seals
from provisioning.driver import Driver
from provisioning.executor import ChangeState, Entry, StepState, execute
from provisioning.model import Capability, MachineState, Step
from provisioning.pacing import Pace
from provisioning.steps import plan_checksum
from provisioning.store import find_change, get_vm
from provisioning.tables import ChangeRow, ChangeStepRow
from provisioning.undoing import undo

# Drivers by pool id for as long as they are needed.
OpenDrivers = Callable[[Context, Sequence[int]], AbstractContextManager[dict[int, Driver]]]


class ChangeFailed(Refused):
    """A cloud refused a step; what the change made before was undone, as far as it could be.

    undoing: what became of each step that had begun, in the order in which they were taken back.
    """

    def __init__(
        self, outcome: ChangeOutcome, reason: CloudctlError, undoing: Sequence[Problem] = ()
    ) -> None:
        self.outcome = outcome
        super().__init__(
            "Change {number} failed: {reason}",
            number=outcome.change,
            reason=reason.message,
            problems=[*reason.problems, *_hint_of(reason), *undoing],
            hint=_what_is_left(outcome, undoing),
        )


def _what_is_left(outcome: ChangeOutcome, undoing: Sequence[Problem]) -> Message:
    if outcome.state != ChangeState.UNDONE:
        number = {"number": outcome.change}
        return Message("Not all of it could be undone: see “cloudctl change show {number}”.", number)
    if undoing:
        return Message("What it had done was undone, last first.")
    return Message("Nothing was changed.")


def _hint_of(reason: CloudctlError) -> list[Problem]:
    """What the cloud's refusal says to do next; the error that it becomes has its own."""
    return [Problem("", reason.hint)] if reason.hint else []


class ChangeWaits(Unreachable):
    """A cloud did not answer: what was asked of it last may have been done or not, and the change waits."""

    def __init__(self, change_id: int, reason: Unreachable) -> None:
        super().__init__(
            "Change {number} waits, and nobody knows whether its last step was done: {reason}",
            number=change_id,
            reason=reason.message,
            problems=reason.problems,
            hint=Message(
                "“cloudctl change resume {number}” asks again, which does nothing twice;"
                " see “cloudctl change show {number}”.",
                {"number": change_id},
            ),
        )


def change_machines(ctx: Context, steps: Sequence[Step], reason: str) -> ChangeOutcome:
    """Journals a change and carries it out: done, or ordered in pools that somebody else runs.

    ChangeFailed when a cloud refuses; ChangeWaits when one does not answer: resume the change then.
    """
    return run_change(ctx, begin_change(ctx, steps, reason))


def begin_change(
    ctx: Context,
    steps: Sequence[Step],
    reason: str,
    *,
    checksum: str | None = None,
    rolls_back: int | None = None,
) -> int:
    """Writes the plan into the journal, and its machines and room are spoken for. The change's number.

    checksum: of the plan as the person saw it; Refused when it would be another one by now.
    """
    seen = observe_pools(ctx, steps)
    with ctx.writing() as session:
        laid = lay_out(ctx, session, steps, seen)
        if checksum is not None and checksum != plan_checksum(laid):
            raise Refused("The plan has changed since it was printed; look at it again.")
        return journal_change(ctx, session, laid, reason, rolls_back=rolls_back)


def journal_change(
    ctx: Context,
    session: Session,
    laid: Sequence[Step],
    reason: str,
    *,
    rolls_back: int | None = None,
    goes_on: bool = False,
) -> int:
    """Enters steps that were laid out, in the transaction that laid them out; `run_change` carries them out.

    goes_on: a step that a cloud refuses fails alone; else it takes back what was done before.
    """
    checksum = plan_checksum(laid)
    change = ChangeRow(
        reason=reason,
        actor=ctx.actor.login,
        state=ChangeState.PLANNED,
        checksum=checksum,
        rolls_back=rolls_back,
        goes_on=goes_on,
        created_at=ctx.clock.now(),
    )
    session.add(change)
    session.flush()
    session.add_all(_row(change.id, position, step) for position, step in enumerate(laid, 1))
    announce_cycles(ctx, session, change.id, laid)
    ctx.record(
        session,
        "change.begin",
        f"change:{change.id}",
        reason=reason,
        checksum=checksum,
        steps=len(laid),
    )
    return change.id


def _row(change_id: int, position: int, step: Step) -> ChangeStepRow:
    return ChangeStepRow(
        change_id=change_id,
        position=position,
        kind=step.kind,
        vm_id=step.vm_id,
        state=StepState.PENDING,
        before=dict(step.before) if step.before is not None else None,
        after=dict(step.after) if step.after is not None else None,
        is_live=step.is_live,
    )


def run_change(
    ctx: Context,
    change_id: int,
    *,
    done_at: datetime | None = None,
    open_drivers: OpenDrivers = opened_drivers,
    on_begin: Callable[[Entry], None] | None = None,
) -> ChangeOutcome:
    """Carries a journalled change on from wherever it stands; a finished one is only looked at.

    done_at: when what was ordered from others was carried out. open_drivers: how the pools' drivers are had.
    on_begin: told of every step that begins.
    Errors as for `change_machines`.
    """
    ctx.actor.require(Role.OPERATOR)
    with _held(ctx, change_id):
        return _Run(ctx, change_id, open_drivers, on_begin).carry_on(done_at)


def undo_change(ctx: Context, change_id: int, *, open_drivers: OpenDrivers = opened_drivers) -> ChangeOutcome:
    """Takes back an unfinished change. Refused when it is finished; ChangeWaits as in `run_change`."""
    ctx.actor.require(Role.OPERATOR)
    with _held(ctx, change_id):
        with ctx.writing() as session:
            change = find_change(session, change_id)
            if change.finished_at is not None:
                raise Refused("Change {number} is finished.", number=change_id)
            change.state = ChangeState.UNDOING
            ctx.record(session, "change.withdraw", f"change:{change_id}")
        return _Run(ctx, change_id, open_drivers).take_back()


@contextmanager
def _held(ctx: Context, change_id: int) -> Iterator[None]:
    """While this process alone has the change in hand; that a cloud does not answer is said of the change."""
    with held_change(ctx, change_id):
        try:
            yield
        except Unreachable as reason:
            raise ChangeWaits(change_id, reason) from reason


@dataclass(frozen=True, slots=True)
class _Run:
    """One change while this process holds it."""

    ctx: Context
    change_id: int
    open_drivers: OpenDrivers
    on_begin: Callable[[Entry], None] | None = None

    def carry_on(self, done_at: datetime | None) -> ChangeOutcome:
        with self.ctx.reading() as session:
            change = find_change(session, self.change_id)
            state, is_finished = change.state, change.finished_at is not None
        if done_at is not None:
            self._report(state, done_at)
        elif is_finished or state == ChangeState.ORDERED:
            return self._outcome()
        elif state == ChangeState.UNDOING:
            return self.take_back()
        refusal = self._execute()
        if refusal is not None:
            outcome = self.take_back()
            raise ChangeFailed(outcome, refusal, undoing_of(self.ctx, outcome))
        return self._outcome()

    def take_back(self) -> ChangeOutcome:
        with self._opened() as (entries, drivers):
            undo(entries, drivers, self._journal(entries, drivers))
        return self._outcome()

    def _execute(self) -> CloudctlError | None:
        with self._opened() as (entries, drivers):
            return execute(
                entries, drivers, self._journal(entries, drivers), self._pace(), goes_on=self._goes_on()
            )

    def _pace(self) -> Pace:
        wanted = self.ctx.settings.machines
        return Pace(wanted.parallel, wanted.per_host, 1 + wanted.retries)

    def _goes_on(self) -> bool:
        with self.ctx.reading() as session:
            return find_change(session, self.change_id).goes_on

    def _report(self, state: str, done_at: datetime) -> None:
        if state != ChangeState.ORDERED:
            raise Refused("Change {number} has no work orders out.", number=self.change_id)
        if done_at > self.ctx.clock.now():
            raise Refused("{time} lies in the future.", time=self.ctx.site.local(done_at))
        self._require_open_past(done_at)
        self._journal([], {}).report(done_at)

    def _require_open_past(self, done_at: datetime) -> None:
        """What was held in a closed month stays; and no sample may have been stamped with what is now corrected."""
        store, local = sample_store(self.ctx), self.ctx.site.local
        with self.ctx.reading() as session:
            for seal in seals(session):
                if done_at < seal.end:
                    raise Refused("{time} lies in a month that is closed.", time=local(done_at))
            for entry in entries_of(session, self.change_id):
                if entry.state != StepState.ORDERED or entry.step.kind not in CHANGES_HELD:
                    continue
                held = current_allocation(session, entry.step.vm_id)
                if held is not None and done_at < held.start:
                    raise Refused(
                        "The allocation in force began at {start}; it cannot end at {end}.",
                        start=local(held.start),
                        end=local(done_at),
                    )
                if has_samples(store, session, entry.step.vm_id, done_at):
                    raise Refused(
                        "{name} has samples after {time}, stamped with what it held before.",
                        name=entry.step.name,
                        time=local(done_at),
                        hint=Message("Report work orders before that time's usage is imported."),
                    )

    @contextmanager
    def _opened(self) -> Iterator[tuple[list[Entry], dict[str, Driver]]]:
        """The journal's entries, and the drivers of their pools by code."""
        with self.ctx.reading() as session:
            entries = entries_of(session, self.change_id)
            pools = {entry.pool: get_vm(session, entry.step.vm_id).pool_id for entry in entries}
        with self.open_drivers(self.ctx, list(pools.values())) as drivers:
            yield entries, {code: drivers[pool_id] for code, pool_id in pools.items()}

    def _journal(self, entries: Sequence[Entry], drivers: Mapping[str, Driver]) -> LedgerJournal:
        return LedgerJournal(self.ctx, self.change_id, _sampler(self.ctx, entries, drivers), self.on_begin)

    def _outcome(self) -> ChangeOutcome:
        with self.ctx.reading() as session:
            return outcome_of(session, self.change_id)


def _sampler(
    ctx: Context, entries: Sequence[Entry], drivers: Mapping[str, Driver]
) -> Callable[[Entry], None]:
    """Measures a machine right before its size changes, so that no sample spans the change."""
    uncertain = {entry.position for entry in entries if entry.state in (StepState.RUNNING, StepState.UNDOING)}

    def sample(entry: Entry) -> None:
        if Capability.MEASURE not in drivers[entry.pool].capabilities:
            return
        if entry.position not in uncertain or _has_old_size(ctx, entry, drivers[entry.pool]):
            sample_before_change(ctx, entry.pool, [entry.step.vm_id])

    return sample


def _has_old_size(ctx: Context, entry: Entry, driver: Driver) -> bool:
    """Whether an uncertain step has not taken effect: the cloud still shows what the ledger has, not put aside."""
    with ctx.reading() as session:
        held = current_allocation(session, entry.step.vm_id)
    seen = [machine for machine in driver.observe().machines if machine.vm_id == entry.step.vm_id]
    if held is None or not seen or seen[0].state == MachineState.SHELVED:
        return False
    return seen[0].size == size_of(held)
