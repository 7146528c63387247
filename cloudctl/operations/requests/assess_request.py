"""The technical check: what stands for and against a request, as the ledger and the clouds have it now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.estate import equipment
from cloudctl.core.quantity import Size
from cloudctl.core.tables import SystemRow, UnitRow
from cloudctl.operations.context import Context
from cloudctl.operations.machines.plan_change import Seen, opened_drivers
from cloudctl.operations.machines.promised_room import promises
from cloudctl.operations.requests.item_price import Price, added_size, item_price
from cloudctl.operations.requests.known_estate import known_estate
from cloudctl.operations.requests.request_steps import has_changed_hands, is_theirs
from cloudctl.operations.requests.reserved_room import reserve_granted
from cloudctl.operations.requests.unit_commitments import budget_state, cost_this_year, present_use
from metering.allocations import current_allocations, size_of
from policies.funding.store import holds_in_force
from policies.requests import checking
from policies.requests.amounts import NOTHING
from policies.requests.checking import CheckSubject, Finding, FindingLevel, OldEquipment, finding
from policies.requests.faults import Known
from policies.requests.model import Item, RequestKind, items_from_json
from policies.requests.quota import Use, excesses
from policies.requests.store import machines_by_name, migration_of, quota_of
from policies.requests.tables import RequestRow
from provisioning.model import Capability, Step
from provisioning.steps import create_step, resize_step
from provisioning.store import find_pool, get_pool
from provisioning.tables import VmRow


@dataclass(frozen=True, slots=True)
class Assessment:
    """What was found; what comes on top of what is held, and its price of a month (None: not all of it is priced)."""

    findings: tuple[Finding, ...]
    added: Size
    monthly_fen: int | None


# What a pool must be able to do for it; what is not named here needs no room, and no look.
_NEEDED: Mapping[str, Capability] = {
    RequestKind.NEW: Capability.CREATE,
    RequestKind.RESIZE: Capability.RESIZE,
}
# Pool id -> what its cloud showed; None: it did not answer.
Looks = Mapping[int, Seen | None]


def look_at_pools(ctx: Context, session: Session, row: RequestRow, items: Sequence[Item]) -> Looks:
    """Looks at the clouds concerned; one that does not answer is a finding, not an end."""
    found: dict[int, Seen | None] = {}
    for pool_id in _pools(session, row, items):
        try:
            with opened_drivers(ctx, [pool_id]) as drivers:
                driver = drivers[pool_id]
                found[pool_id] = Seen(driver.capabilities, driver.observe())
        except Unreachable:
            found[pool_id] = None
    return found


def _pools(session: Session, row: RequestRow, items: Sequence[Item]) -> list[int]:
    if row.kind not in _NEEDED:
        return []
    if row.kind == RequestKind.NEW:
        codes = dict.fromkeys(item.pool for item in items if item.pool)
        return [find_pool(session, code).id for code in codes]
    machines = machines_by_name(session, [item.name for item in items])
    return list(dict.fromkeys(vm.pool_id for vm in machines.values()))


def assess(
    ctx: Context,
    session: Session,
    row: RequestRow,
    items: Sequence[Item],
    until: date | None,
    looks: Looks,
) -> Assessment:
    """Judges a request for these items and this end of their term: as asked for, or as to be granted."""
    machines = machines_by_name(session, [name for item in items for name in item.names])
    present = current_allocations(session)
    held = {vm.name: size_of(present[vm.id]) for vm in machines.values() if vm.id in present}
    # A new machine whose name is taken is asked for in full all the same.
    grows_from = held if row.kind == RequestKind.RESIZE else {}
    more = added_size(row.kind, items, grows_from)
    price = item_price(ctx, session, row.kind, items, grows_from)
    known = known_estate(ctx, session, but=row.id)
    terms = {name: known.machines[name].until for name in machines if name in known.machines}
    found = [
        *_system_findings(session, row),
        *_machine_findings(row, items, machines, known),
        *checking.term_findings(until, row.needed_by, known.today, terms, RequestKind(row.kind)),
        *_size_findings(session, row, items, held, (machines, known)),
        *_capacity_findings(ctx, session, row, items, looks),
    ]
    if row.kind != RequestKind.RETIRE:
        found += _owner_findings(ctx, session, row, items, more, price)
    return Assessment(tuple(found), more, price.monthly_fen if price else None)


def _system_findings(session: Session, row: RequestRow) -> Iterator[Finding]:
    system = session.get_one(SystemRow, row.system_id)
    if has_changed_hands(row, system):
        yield _bad(CheckSubject.MACHINE, "{system} is no longer a system of this unit.", system=system.code)


def _machine_findings(
    row: RequestRow, items: Sequence[Item], machines: Mapping[str, VmRow], known: Known
) -> Iterator[Finding]:
    """Names of new machines that were taken since, and machines that are gone or changed hands since."""
    for item in items:
        for name in item.names:
            vm = machines.get(name)
            if row.kind == RequestKind.NEW:
                if vm is not None and (vm.state != "planned" or vm.system_id != row.system_id):
                    yield _bad(CheckSubject.MACHINE, "There is a machine “{name}” already.", name=name)
                elif name in known.reserved:
                    yield _bad(
                        CheckSubject.MACHINE,
                        "The name “{name}” is reserved for request {request}.",
                        name=name,
                        request=known.reserved[name],
                    )
            elif not is_theirs(row, vm):
                yield _bad(CheckSubject.MACHINE, "{name} is no longer a machine of this system.", name=name)


def _size_findings(
    session: Session,
    row: RequestRow,
    items: Sequence[Item],
    held: Mapping[str, Size],
    estate: tuple[Mapping[str, VmRow], Known],
) -> Iterator[Finding]:
    """What new machines are made of, and what a resize comes to."""
    machines, known = estate
    if row.kind == RequestKind.NEW:
        yield from checking.origin_findings(items, known.pools)
    elif row.kind == RequestKind.RESIZE:
        codes = {name: get_pool(session, vm.pool_id).code for name, vm in machines.items()}
        homes = {name: (code, known.pools[code]) for name, code in codes.items() if code in known.pools}
        yield from checking.resize_findings(items_from_json(row.items), items, held, homes)


def _bad(subject: CheckSubject, template: str, **values: object) -> Finding:
    return finding(subject, FindingLevel.BAD, template, **values)


def _capacity_findings(
    ctx: Context, session: Session, row: RequestRow, items: Sequence[Item], looks: Looks
) -> Iterator[Finding]:
    """Whether the pools can do it and have the room, beside what other grants have reserved."""
    for pool_id, seen in looks.items():
        pool = get_pool(session, pool_id)
        if seen is None:
            yield _bad(
                CheckSubject.CAPACITY, "Pool {pool} does not answer; check again later.", pool=pool.code
            )
        elif Capability.ORDER in seen.capabilities:
            yield finding(
                CheckSubject.CAPACITY,
                FindingLevel.WARNING,
                "Pool {pool} is run by others: a work order; what is free there is not known.",
                pool=pool.code,
            )
        elif _NEEDED[row.kind] not in seen.capabilities:
            yield _bad(CheckSubject.CAPACITY, "Pool {pool} cannot do this.", pool=pool.code)
        else:
            promised = promises(session, pool, seen.observation)
            reserve_granted(session, pool, promised, ctx.clock.now(), but=row.id)
            steps = _trial_steps(session, row, items, pool.code, pool_id)
            try:
                promised.lay_out(steps, {step.vm_id: row.system_id for step in steps})
            except Refused as failure:
                message = failure.message
                yield Finding(CheckSubject.CAPACITY, FindingLevel.BAD, message)
            else:
                yield finding(
                    CheckSubject.CAPACITY, FindingLevel.FINE, "Pool {pool} has the room.", pool=pool.code
                )


def _trial_steps(
    session: Session, row: RequestRow, items: Sequence[Item], pool: str, pool_id: int
) -> list[Step]:
    """Steps as execution would make them; machines that are not there yet have numbers below 0."""
    if row.kind == RequestKind.NEW:
        wanted = [
            (name, item.size) for item in items if item.pool == pool and item.size for name in item.names
        ]
        return [create_step(-number, name, size) for number, (name, size) in enumerate(wanted, 1)]
    machines = machines_by_name(session, [item.name for item in items])
    held = current_allocations(session, pool_id)
    return [
        resize_step(vm.id, vm.name, size_of(held[vm.id]), item.size)
        for item in items
        if (vm := machines.get(item.name)) and vm.id in held and item.size is not None
    ]


def _owner_findings(
    ctx: Context, session: Session, row: RequestRow, items: Sequence[Item], more: Size, price: Price | None
) -> Iterator[Finding]:
    """What the unit's quota, money and old equipment say."""
    unit, system = session.get_one(UnitRow, row.unit_id), session.get_one(SystemRow, row.system_id)
    machines = sum(item.count for item in items) if row.kind == RequestKind.NEW else 0
    quota = quota_of(session, unit.id)
    present = present_use(session, row, ctx.clock.now()) if quota else None
    found = list(excesses(quota, present, Use(machines, more))) if quota and present else None
    yield from checking.quota_findings(found)
    monthly, once = (price.monthly_fen if price else None), (price.once_fen if price else 0)
    yield checking.price_finding(monthly, once, ctx.site.currency)
    budget = checking.budget_finding(budget_state(ctx, session, row), cost_this_year(ctx, price))
    if budget is not None:
        yield budget
    if row.kind != RequestKind.RESIZE or more != NOTHING:
        holds = {hold.id: hold.reason for hold in holds_in_force(session, unit.code)}
        yield from checking.hold_findings(holds)
    migration = migration_of(row)
    if migration is not None:
        conditions = {piece.code: piece.condition for piece in equipment(session, removed=True)}
        old = [OldEquipment(code, conditions.get(code, "retired")) for code in migration.equipment]
        yield from checking.equipment_findings(old, migration.reason)
    yield from checking.level_findings(row.level, system.level)
