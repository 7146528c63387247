"""A rewritten history is exactly the intervals it was given, whatever stood there, and same holdings keep their id."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from cloudctl.core.quantity import Size
from metering.allocations import Holder, history_of, holds, rewrite

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (Size(1, 1024), Size(2, 1024), Size(4, 2048, {"ssd": 10}))


def random_history(random, holder):
    starts = sorted(random.sample(range(12), random.randint(1, 6)))
    ends = [*starts[1:], None if random.random() < 0.5 else 20]
    sizes = [random.choice(SIZES) for _ in starts]
    return [
        (T0 + timedelta(days=start), None if end is None else T0 + timedelta(days=end), size, holder)
        for start, end, size in zip(starts, ends, sizes, strict=True)
    ]


@pytest.mark.parametrize("seed", range(15))
def test_any_history_can_follow_any_other(ctx, estate, seed):
    vm_id = estate.machine("a", T0, SIZES[0], pool="pub", driver="external")
    random = Random(seed)
    with ctx.writing() as session:
        (first,) = history_of(session, vm_id)
        holder = Holder(first.system_id, first.unit_id, first.pool_id)
        histories = [random_history(random, holder) for _ in range(6)]
        for before, after in pairwise([[], *histories]):
            rows = history_of(session, vm_id)
            kept = {
                row.id
                for row in rows
                for start, end, size, _ in after
                if (row.start, row.end) == (start, end) and holds(row, holder, size)
            }
            rewrite(session, vm_id, rows, after, "test")
            session.flush()
            found = history_of(session, vm_id)

            assert [(row.start, row.end) for row in found] == [(start, end) for start, end, *_ in after], (
                before
            )
            assert all(holds(row, holder, size) for row, (_, _, size, _) in zip(found, after, strict=True))
            assert kept <= {row.id for row in found}
