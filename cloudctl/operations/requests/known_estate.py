"""The estate as requests are measured against: systems, pools, machines, equipment, and names grants have reserved."""

from sqlalchemy.orm import Session

from cloudctl.core.estate import equipment, system_codes, systems, unit_codes
from cloudctl.operations.context import Context
from metering.allocations import current_allocations, size_of
from policies.requests.faults import Known, MachineKnown, PoolKnown
from policies.requests.store import reserved_names, terms
from provisioning.store import images, networks, pools, vms
from provisioning.tables import PoolRow


def known_estate(ctx: Context, session: Session, *, but: int | None = None) -> Known:
    """`but`: a request whose own names are not in its way."""
    now = ctx.clock.now()
    units, codes = unit_codes(session), system_codes(session)
    held = {vm_id: size_of(row) for vm_id, row in current_allocations(session).items()}
    until = {vm.id: term.until for term, vm in terms(session)}
    return Known(
        systems={row.code: units[row.unit_id] for row in systems(session)},
        pools={row.code: _pool(session, row) for row in pools(session)},
        machines={
            row.name: MachineKnown(codes[row.system_id], row.state, held.get(row.id), until.get(row.id))
            for row in vms(session)
        },
        equipment={row.code: units[row.unit_id] for row in equipment(session)},
        reserved=reserved_names(session, now, but=but),
        today=now.astimezone(ctx.site.zone).date(),
    )


def _pool(session: Session, row: PoolRow) -> PoolKnown:
    flavors = row.options.get("flavors") or ()
    return PoolKnown(
        row.driver == "external",
        frozenset(row.options.get("tiers") or {}),
        frozenset(image.code for image in images(session, row.id)),
        frozenset(network.code for network in networks(session, row.id)),
        frozenset((flavor["vcpus"], flavor["memory_mib"]) for flavor in flavors),
    )
