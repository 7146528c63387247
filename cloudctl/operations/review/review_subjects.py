"""Gathers the machines of a review: what they hold, their figures, and what their pools offer."""

from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros
from cloudctl.core.estate import system_codes, unit_codes
from cloudctl.operations.review.review_papers import Candidate, Names
from metering.allocations import current_allocations, size_of, spans_between
from metering.samples.review_samples import ReviewSamples
from policies.sizing import Flavor
from policies.subjects import holdings
from provisioning.store import pools, vms
from provisioning.tables import PoolRow

Candidates = dict[int, Candidate]
# Beyond any clock: what is held now is held until further notice.
FAR_AHEAD_US = 1 << 53


def candidates(session: Session, samples: ReviewSamples) -> Candidates:
    """Machine -> candidate, for every machine that held something in the window and still does, by id."""
    spans = spans_between(session, from_micros(samples.window.start_us), from_micros(FAR_AHEAD_US))
    held = holdings(spans, samples.window)
    figures = samples.figures([holding.question for holding in held.values()])
    sizes = {vm_id: size_of(row) for vm_id, row in current_allocations(session).items()}
    names = {row.id: row.name for row in vms(session)}
    units, systems = unit_codes(session), system_codes(session)
    pool_rows = {row.id: row for row in pools(session)}
    found = {}
    for vm_id, holding in sorted(held.items()):
        pool, present = pool_rows[holding.present.pool_id], holding.present
        found[vm_id] = Candidate(
            names=Names(names[vm_id], systems[present.system_id], units[present.unit_id], pool.code),
            size=sizes[vm_id],
            holding=holding,
            figures=figures[vm_id],
            flavors=flavors_of(pool),
            is_ordered=is_ordered(pool),
        )
    return found


def flavors_of(pool: PoolRow) -> tuple[Flavor, ...]:
    """The sizes a pool offers, if it offers only some."""
    return tuple(Flavor(f["name"], f["vcpus"], f["memory_mib"]) for f in pool.options.get("flavors", ()))


def is_ordered(pool: PoolRow) -> bool:
    """Whether changes in the pool are work orders to its provider."""
    return pool.driver == "external"
