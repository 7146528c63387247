"""Reads what the handover sheet and the year's requests say; addresses come from whoever asked the clouds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from cloudctl.core.errors import Refused
from cloudctl.core.estate import people
from cloudctl.core.quantity import Size, total
from metering.allocations import current_allocation, size_of
from metering.rating import whole_month_fen
from metering.settlement.store import price_book
from metering.tariffs import PriceBook
from policies.requests.amounts import Totals, reduction_rate
from policies.requests.model import RequestState
from policies.requests.store import find_request, request_machines, term_of
from provisioning.store import get_pool
from provisioning.tables import VmRow
from reports.datasets.requests import HandedOver, HandoverReport, RequestsReport, UnitYear
from reports.datasets.shared import Imprint, Named
from reports.sources.estate import Estate, read_estate


def read_handover(
    session: Session, number: int, imprint: Imprint, zone: ZoneInfo, addresses: Mapping[int, tuple[str, ...]]
) -> HandoverReport:
    """addresses: of machines by id. NotFound; Refused for a request that was not carried out."""
    row = find_request(session, number)
    if row.state != RequestState.DONE or row.decided_at is None or row.executed_at is None:
        raise Refused(
            "Request {request} was not carried out yet; there is nothing to hand over.", request=number
        )
    estate, book = read_estate(session), price_book(session, zone)
    machines = request_machines(session, number)
    unit = next(unit for unit in estate.units.values() if unit.id == row.unit_id)
    system = next(system for system in estate.systems.values() if system.id == row.system_id)
    pools = {get_pool(session, vm.pool_id) for vm in machines}
    staff = {person.login: person for person in people(session, removed=True)}
    names = {login: person.name for login, person in staff.items()}
    operator = staff.get(row.executed_by or "")
    theirs = next((unit for unit in estate.units.values() if operator and unit.id == operator.unit_id), None)
    return HandoverReport(
        imprint=replace(imprint, simulated_pools=estate.simulated({pool.code for pool in pools})),
        request=number,
        kind=row.kind,
        unit=Named(unit.code, unit.name),
        system=Named(system.code, system.name),
        contact=unit.contact,
        purpose=row.purpose,
        level=row.level,
        requested_by=_name(names, row.requested_by),
        requested_at=row.requested_at,
        decided_by=_name(names, row.decided_by),
        decided_at=row.decided_at,
        executed_by=_name(names, row.executed_by),
        executed_at=row.executed_at,
        operator_contact=theirs.contact if theirs else None,
        decision_reason=row.decision_reason or "",
        providers=tuple(sorted({pool.provider for pool in pools if pool.provider})),
        machines=tuple(
            _machine(session, vm, imprint, (estate, book), addresses.get(vm.id, ())) for vm in machines
        ),
    )


def _name(names: Mapping[str, str], login: str | None) -> str:
    """A person by name; a login that nobody has any more, as it is."""
    return names.get(login or "", login or "")


def _machine(
    session: Session,
    vm: VmRow,
    imprint: Imprint,
    books: tuple[Estate, PriceBook],
    addresses: tuple[str, ...],
) -> HandedOver:
    estate, book = books
    held, term, pool = (
        current_allocation(session, vm.id),
        term_of(session, vm.id),
        get_pool(session, vm.pool_id),
    )
    size = size_of(held) if held else None
    return HandedOver(
        vm.name,
        estate.pool(pool.code),
        size,
        addresses,
        vm.image,
        held.start if held else None,
        term.until if term else None,
        _monthly_fen(book, pool.code, size, imprint) if size else 0,
    )


def _monthly_fen(book: PriceBook, pool: str, size: Size, imprint: Imprint) -> int | None:
    try:
        return whole_month_fen(book, pool, size, imprint.generated_at)
    except Refused:
        return None


def read_requests(session: Session, year: int, found: Sequence[Totals], imprint: Imprint) -> RequestsReport:
    """A year's totals with the units' names, and their sum."""
    estate = read_estate(session)
    units = tuple(
        UnitYear(
            estate.unit(row.unit),
            row.requests,
            row.asked,
            row.granted,
            row.asked_fen,
            row.granted_fen,
            row.cut_fen,
            row.rate,
        )
        for row in found
    )
    return RequestsReport(imprint, year, units, _sum(units))


def _sum(units: Sequence[UnitYear]) -> UnitYear | None:
    if not units:
        return None
    asked = [unit.asked_fen for unit in units if unit.asked_fen is not None]
    granted = [unit.granted_fen for unit in units if unit.granted_fen is not None]
    is_priced = len(asked) == len(granted) == len(units)
    return UnitYear(
        Named("", ""),
        sum(unit.requests for unit in units),
        total(unit.asked_size for unit in units),
        total(unit.granted_size for unit in units),
        sum(asked) if is_priced else None,
        sum(granted) if is_priced else None,
        sum(asked) - sum(granted) if is_priced else None,
        reduction_rate(sum(asked), sum(granted)) if is_priced else None,
    )
