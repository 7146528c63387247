"""Gives samples the size of the allocation that covers them by now: what was held then became known late."""

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from cloudctl.core.database import to_micros
from cloudctl.operations.context import Context
from cloudctl.operations.usage.home_samples import sample_store
from metering.allocations import EVER, spans_between
from metering.declared import Span
from metering.samples.restamp import Correction, restamp


def restamp_samples(ctx: Context, session: Session, corrected: Mapping[int, Sequence[Span]]) -> None:
    """corrected: per machine when what it held became another. Refused where that is evidence of a closed month."""
    corrections = [
        Correction(vm_id, to_micros(span.start), to_micros(span.end) if span.end else None)
        for vm_id, spans in corrected.items()
        for span in spans
    ]
    if corrections:
        held = spans_between(session, *EVER, list(corrected))
        outcome = restamp(session, sample_store(ctx), corrections, held)
        ctx.record(
            session, "samples.restamp", ctx.site.name, stamped=outcome.stamped, left_out=outcome.left_out
        )
