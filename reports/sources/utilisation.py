"""The utilisation report's figures, asked of the sample store."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from metering.allocations import allocations_between, size_of
from metering.samples.store import SampleStore
from reports.datasets.shared import Curve, Imprint, Named, Use, add_use
from reports.datasets.utilisation import GroupUse, MachineUse, UtilisationReport
from reports.sources.estate import Estate, read_estate
from reports.sources.use import UseOfWindow, read_curves, read_use

# A month in hours is more than a chart of this width can show.
BUCKETS = 248
HOUR = timedelta(hours=1)


def read_utilisation(
    session: Session,
    store: SampleStore,
    window: tuple[datetime, datetime],
    unit: Named | None,
    imprint: Imprint,
) -> UtilisationReport:
    """[start, end) must not reach into the future. `unit` narrows the report to what that unit held."""
    start, end = window
    estate = read_estate(session)
    use = read_use(store, session, estate, window)
    machines = [
        m for m in _machines(session, estate, use, start, end) if unit is None or m.unit.code == unit.code
    ]
    by, group = ("unit", estate.units[unit.code].id) if unit else ("cloud", 0)
    curves = read_curves(store, session, start, end, by, bucket_of(end - start)).get(group, {})
    empty = {meter: Curve() for meter in ("cpu", "memory", "storage")}
    return UtilisationReport(
        imprint=Imprint(
            imprint.site,
            imprint.currency,
            imprint.generated_at,
            imprint.generated_by,
            estate.simulated({machine.pool.code for machine in machines}),
        ),
        start=start,
        end=end,
        unit=unit,
        total=use.by_unit.get(unit.code, Use()) if unit else use.cloud,
        curves=empty | curves,
        units=_groups(machines, "unit", use.by_unit),
        systems=_groups(machines, "system", use.by_system),
        # What others hold in a pool is not this unit's use.
        pools=_groups(machines, "pool", {} if unit else use.by_pool),
        machines=tuple(machines),
    )


def bucket_of(span: timedelta) -> timedelta:
    """Whole hours, so that a chart has at most BUCKETS points."""
    return max(-(-(span // HOUR) // BUCKETS), 1) * HOUR


def _machines(
    session: Session, estate: Estate, use: UseOfWindow, start: datetime, end: datetime
) -> list[MachineUse]:
    """Every machine with its last holder and size in the window, by unit and name."""
    units = {row.id: row.code for row in estate.units.values()}
    systems = {row.id: row.code for row in estate.systems.values()}
    pools = {row.id: row.code for row in estate.pools.values()}
    names = {row.id: row.name for row in estate.machines.values()}
    last = {row.vm_id: row for row in sorted(allocations_between(session, start, end), key=lambda r: r.start)}
    found = [
        MachineUse(
            names[vm_id],
            estate.unit(units[row.unit_id]),
            estate.system(systems[row.system_id]),
            estate.pool(pools[row.pool_id]),
            size_of(row),
            use.by_vm.get(names[vm_id], Use()),
        )
        for vm_id, row in last.items()
    ]
    return sorted(found, key=lambda machine: (machine.unit.code, machine.system.code, machine.vm))


def _groups(machines: list[MachineUse], of: str, uses: Mapping[str, Use]) -> tuple[GroupUse, ...]:
    codes = sorted({getattr(machine, of).code for machine in machines})
    found = []
    for code in codes:
        own = [machine for machine in machines if getattr(machine, of).code == code]
        units = {machine.unit for machine in own}
        found.append(
            GroupUse(
                who=getattr(own[0], of),
                unit=units.pop() if of == "system" and len(units) == 1 else None,
                machines=len(own),
                use=uses[code] if code in uses else add_use([machine.use for machine in own]),
            )
        )
    return tuple(found)
