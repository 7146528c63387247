"""Storage cannot shrink in place: that part of a case is a work order, and its report must agree with the cloud."""

from contextlib import closing
from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core.errors import Message, Refused
from cloudctl.core.quantity import Size
from cloudctl.operations.context import Context
from cloudctl.operations.machines.change_effects import holder_of, size_text
from cloudctl.operations.review.case_steps import in_site_language, tell_operators
from metering.allocations import current_allocation, hold, size_of
from policies import panel
from policies.panel import CaseState
from policies.store import find_case
from policies.tables import CaseRow
from policies.underuse import Remedy
from provisioning.driver import Attended, Driver
from provisioning.model import Capability
from provisioning.store import get_pool, get_vm, open_pool_driver

BY_HAND = (Remedy.REPLACE_AND_COPY, Remedy.RESIZE_AND_REPLACE)


def order_storage(ctx: Context, session: Session, row: CaseRow) -> None:
    """Tells the operators what to do, and how to report it."""
    values = {
        "case": row.id,
        "vm": get_vm(session, row.vm_id).name,
        "wanted": size_text(in_site_language(ctx), Size.from_json(row.to_size or {})),
    }
    tell_operators(
        ctx,
        session,
        row,
        Message("Work order: storage of {vm}, case {case}", values),
        Message(
            "Replace the disk of {vm} by a smaller one and copy it, or cut its thin quota: {wanted}. "
            "When it is done: cloudctl review execute {case} --done-at TIME",
            values,
        ),
    )


def is_storage_due(ctx: Context, number: int) -> bool:
    """The change is done, and the disk that goes with it is not replaced yet."""
    with ctx.reading() as session:
        row = find_case(session, number)
        held = current_allocation(session, row.vm_id)
        is_changed = CaseState(row.state) in panel.ACTS["report"] and row.remedy == Remedy.RESIZE_AND_REPLACE
        wanted = Size.from_json(row.to_size or row.from_size)
        return is_changed and held is not None and size_of(held).storage_gib != wanted.storage_gib


def replace_by_hand(ctx: Context, number: int, done_at: datetime) -> None:
    """Makes sure that the cloud has the disk that is reported. Call it outside a transaction.

    Nobody has hands in a simulated cloud: it does what is reported. Refused where a real one still has the old disk.
    """
    with ctx.reading() as session:
        row = find_case(session, number)
        _require_since_last_change(ctx, session, row, done_at)
        vm, pool = get_vm(session, row.vm_id), get_pool(session, row.pool_id)
        driver = open_pool_driver(session, pool, ctx.home, ctx.clock)
        wanted = Size.from_json(row.to_size or {}).storage_gib
    with closing(driver):
        if isinstance(driver, Attended):
            driver.replace_storage(vm.id, wanted)
        elif Capability.ORDER not in driver.capabilities and _storage(driver, vm.id) != wanted:
            raise Refused("The cloud still shows the old storage of {vm}.", vm=vm.name)


def _storage(driver: Driver, vm_id: int) -> object:
    return next((m.size.storage_gib for m in driver.observe().machines if m.vm_id == vm_id), None)


def _require_since_last_change(ctx: Context, session: Session, row: CaseRow, done_at: datetime) -> None:
    held = current_allocation(session, row.vm_id)
    if held is None or not held.start < done_at <= ctx.clock.now():
        raise Refused(
            "{time} is not between the last change of the machine and now.", time=done_at.isoformat()
        )


def replace_storage(ctx: Context, session: Session, row: CaseRow, done_at: datetime | None) -> None:
    """The new disk is held from when it was put in. Refused for a time before the machine's last change."""
    held = current_allocation(session, row.vm_id)
    assert held is not None and done_at is not None
    _require_since_last_change(ctx, session, row, done_at)
    storage = Size.from_json(row.to_size or {}).storage_gib
    size = Size(held.vcpus, held.memory_mib, storage)
    holder = holder_of(session, get_vm(session, row.vm_id))
    hold(session, row.vm_id, holder, size, done_at, f"review case {row.id}")
