"""What a step that was carried out does to the ledger: allocations, the machine's row, and work orders' notices."""

from datetime import datetime

from sqlalchemy.orm import Session

from cloudctl.core import outbox
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow
from cloudctl.operations.context import Context
from metering.allocations import Holder, history_of, hold, release, size_of
from provisioning.executor import Entry
from provisioning.model import Applied, Step, StepKind
from provisioning.steps import wanted_size
from provisioning.store import get_pool, get_vm
from provisioning.tables import VmRow


def take_effect(session: Session, change_id: int, step: Step, applied: Applied, at: datetime) -> None:
    """The ledger follows the cloud from `at` on."""
    vm = get_vm(session, step.vm_id)
    reason = f"change:{change_id}"
    match step.kind:
        case StepKind.CREATE | StepKind.ADOPT:
            vm.state, vm.created_at = "active", at
            vm.host, vm.external_id = applied.host, applied.external_id
            hold(session, vm.id, holder_of(session, vm), wanted_size(step), at, reason)
        case StepKind.RESIZE:
            vm.host = applied.host or vm.host
            hold(session, vm.id, holder_of(session, vm), wanted_size(step), at, reason)
        case StepKind.SHELVE:
            vm.state, vm.shelved_at, vm.host = "shelved", at, applied.host
            release(session, vm.id, at)
        case StepKind.UNSHELVE:
            size = size_of(history_of(session, vm.id)[-1])
            vm.state, vm.shelved_at, vm.host = "active", None, applied.host or vm.host
            hold(session, vm.id, holder_of(session, vm), size, at, reason)
        case StepKind.MIGRATE | StepKind.EVACUATE:
            host = applied.host or (step.after or {}).get("host")
            vm.host = str(host) if host else None
        case StepKind.DELETE:
            vm.state, vm.retired_at, vm.host = "retired", at, None
            release(session, vm.id, at)
        case StepKind.START | StepKind.STOP | StepKind.REBOOT:
            pass


def take_back_create(session: Session, vm_id: int, at: datetime) -> None:
    """What a change made and took back is planned again; what it held in between, it held."""
    vm = get_vm(session, vm_id)
    vm.state, vm.created_at, vm.host, vm.external_id = "planned", None, None, None
    release(session, vm.id, at)


def holder_of(session: Session, vm: VmRow) -> Holder:
    """Who holds the machine now: its system and that system's unit."""
    system = session.get_one(SystemRow, vm.system_id)
    return Holder(system.id, system.unit_id, vm.pool_id)


def send_order(ctx: Context, session: Session, change_id: int, entry: Entry) -> None:
    """Asks the pool's provider to carry out a step."""
    subject = ctx.texts.text(
        "Work order: change {number}, step {step}", number=change_id, step=entry.position
    )
    body = ctx.texts.text(
        "{kind} {name} in pool {pool}: {wanted}. When it is done: cloudctl change resume {number} --done-at TIME",
        kind=ctx.texts.label("step_kind", entry.step.kind),
        name=entry.step.name,
        pool=entry.pool,
        wanted=wanted_text(ctx, entry.step),
        number=change_id,
    )
    _post(ctx, session, f"change:{change_id}", entry, (subject, body))


def withdraw_order(ctx: Context, session: Session, change_id: int, entry: Entry) -> None:
    subject = ctx.texts.text(
        "Work order withdrawn: change {number}, step {step}", number=change_id, step=entry.position
    )
    body = ctx.texts.text("{name} in pool {pool} stays as it is.", name=entry.step.name, pool=entry.pool)
    _post(ctx, session, f"change:{change_id}", entry, (subject, body))


def _post(ctx: Context, session: Session, about: str, entry: Entry, letter: tuple[str, str]) -> None:
    pool = get_pool(session, get_vm(session, entry.step.vm_id).pool_id)
    outbox.post(session, ctx.clock.now(), pool.provider or pool.code, *letter, about)


def wanted_text(ctx: Context, step: Step) -> str:
    """What a step asks for, in words: a size, a host, a power state."""
    if step.kind in (StepKind.CREATE, StepKind.RESIZE, StepKind.ADOPT):
        return size_text(ctx, wanted_size(step))
    if step.kind in (StepKind.MIGRATE, StepKind.EVACUATE):
        host = (step.after or {}).get("host")
        return str(host) if host else ctx.texts.text("to any other host")
    return ctx.texts.label("step_kind", step.kind)


def size_text(ctx: Context, size: Size) -> str:
    storage = " + ".join(f"{tier} {gib} GiB" for tier, gib in size.storage_gib.items()) or "–"
    return ctx.texts.text(
        "{vcpus} vCPUs, {memory} MiB of memory, storage {storage}",
        vcpus=size.vcpus,
        memory=size.memory_mib,
        storage=storage,
    )
