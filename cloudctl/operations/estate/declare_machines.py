"""Enters what an inventory says of machines: declared facts, transfers, and rows for those still to be made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import uuid4

from cloudctl.core.errors import Message, Refused
from cloudctl.core.inventory.plan import PlanStep
from cloudctl.core.quantity import Size
from cloudctl.operations.estate.write_records import Books
from metering.allocations import Holder, current_allocation, history_of, hold, release, rewrite, size_of
from metering.declared import Interval, Span, corrected_spans, declared_intervals
from metering.store import Seal, seals
from metering.tables import AllocationRow
from provisioning.identity import fresh_uuid
from provisioning.model import Step
from provisioning.planner import Present, Wanted
from provisioning.steps import adopt_step, create_step, resize_step, shelve_step
from provisioning.tables import VmRow

REASON = "inventory"


def declare_machines(
    books: Books, steps: Sequence[PlanStep], wanted: Mapping[str, Wanted]
) -> dict[int, list[Span]]:
    """Declared, corrected, transferred and retired machines of external pools, and everybody's transfers.

    Returns per machine when its past was corrected, for its samples to be stamped anew. Refused when that
    touches a closed month.
    """
    _enter_new(books, [wanted[step.target] for step in steps if step.kind == "declare"])
    closed = seals(books.session)
    corrected: dict[int, list[Span]] = {}
    for step in steps:
        row, machine = books.rows["vms"].get(step.key), wanted.get(step.target)
        if row is None:
            continue
        if machine is not None and _is_declaration(step):
            spans = _declare(books, row, machine, closed, is_new=step.kind == "declare")
            corrected |= {row.id: spans} if spans else {}
        elif step.kind == "transfer" and machine is not None:
            _transfer(books, row, machine)
        elif step.kind == "retire" and step.is_live:
            _retire(books, row)
    books.session.flush()
    return corrected


def _is_declaration(step: PlanStep) -> bool:
    return step.kind in ("declare", "correct") or (step.kind == "retire" and step.is_live)


def _enter_new(books: Books, machines: Sequence[Wanted]) -> None:
    """Rows for machines declared for the first time, all at once."""
    for machine in machines:
        row = VmRow(uuid=str(uuid4()), name=machine.name, state="active")
        row.pool_id = books.id_of("pools", machine.pool)
        row.system_id = books.id_of("systems", machine.system)
        books.rows["vms"][machine.name,] = row
        books.session.add(row)
    books.session.flush()


def steps_to_run(
    books: Books, steps: Sequence[PlanStep], wanted: Mapping[str, Wanted], present: Mapping[str, Present]
) -> list[Step]:
    """The steps for clouds we control, in order; machines to be made get a row, planned."""
    return [
        prepared
        for step in steps
        if (prepared := _prepared(books, step, wanted.get(step.target), present.get(step.target)))
    ]


def _prepared(books: Books, step: PlanStep, machine: Wanted | None, there: Present | None) -> Step | None:
    if step.kind == "create" and machine is not None:
        row = _planned_row(books, machine)
        return create_step(row.id, row.name, machine.size, image=machine.image, network=machine.network)
    if step.kind == "adopt" and machine is not None and step.before is not None:
        row, host = _planned_row(books, machine), step.before["host"]
        return adopt_step(row.id, row.name, Size.from_json(step.before), host, machine.image, machine.network)
    if step.kind == "resize" and machine is not None and there is None and step.before is not None:
        # Right after its adoption, which has entered its row.
        row = books.rows["vms"][step.key]
        return resize_step(row.id, row.name, Size.from_json(step.before), machine.size, is_live=step.is_live)
    if step.kind == "resize" and machine is not None and there is not None and there.size is not None:
        return resize_step(there.vm_id, there.name, there.size, machine.size, is_live=step.is_live)
    if step.kind == "retire" and not step.is_live and there is not None:
        return shelve_step(there.vm_id, there.name)
    return None


def _planned_row(books: Books, machine: Wanted) -> VmRow:
    row: VmRow | None = books.rows["vms"].get((machine.name,))
    if row is None:
        row = VmRow(uuid=fresh_uuid(books.rows["pools"][machine.pool,], machine.name), name=machine.name)
    row.pool_id = books.id_of("pools", machine.pool)
    row.system_id = books.id_of("systems", machine.system)
    row.state, row.image, row.network = "planned", machine.image, machine.network
    books.rows["vms"][machine.name,] = row
    books.session.add(row)
    books.session.flush()
    return row


def _declare(
    books: Books, row: VmRow, machine: Wanted, closed: Sequence[Seal], *, is_new: bool
) -> list[Span]:
    """Brings the machine's allocations to its declared history; returns when its samples' stamps are others now."""
    row.created_at, row.retired_at = machine.history[0].start, machine.until
    row.state = "retired" if machine.until is not None else "active"
    known = [] if is_new else history_of(books.session, row.id)
    before = [_interval(item) for item in known]
    owners = [(item.start, item.holder) for item in before]
    if not owners:
        owners = [(machine.history[0].start, books.holder(machine.system, machine.pool))]
    after = declared_intervals(machine.history, machine.until, owners)
    _require_open(machine.name, corrected_spans(before, after), closed)
    stamped = [_numbered(item) for item in known]
    intervals = [(item.start, item.end, item.size, item.holder) for item in after]
    rewrite(books.session, row.id, known, intervals, REASON)
    if is_new:
        return []
    books.session.flush()
    return corrected_spans(stamped, [_numbered(item) for item in history_of(books.session, row.id)])


def _interval(row: AllocationRow) -> Interval:
    return Interval(row.start, row.end, size_of(row), Holder(row.system_id, row.unit_id, row.pool_id))


def _numbered(row: AllocationRow) -> Interval:
    return replace(_interval(row), number=row.id)


def _require_open(name: str, spans: Sequence[Span], closed: Sequence[Seal]) -> None:
    for seal in closed:
        if any(span.touches(seal.start, seal.end) for span in spans):
            raise Refused(
                "{name}: what it held from {start} to {end} is settled and closed.",
                name=name,
                start=seal.start.isoformat(),
                end=seal.end.isoformat(),
                hint=Message("Adjust the closed month with “cloudctl settle adjust”."),
            )


def _transfer(books: Books, row: VmRow, machine: Wanted) -> None:
    """From now on the machine is held for another system, and for that system's unit."""
    row.system_id = books.id_of("systems", machine.system)
    held = current_allocation(books.session, row.id)
    if held is not None:
        holder = books.holder(machine.system, machine.pool)
        hold(books.session, row.id, holder, size_of(held), books.now, "transfer")


def _retire(books: Books, row: VmRow) -> None:
    """A machine of an external pool that the inventory no longer names is gone as of now."""
    row.state, row.retired_at = "retired", books.now
    release(books.session, row.id, books.now)
