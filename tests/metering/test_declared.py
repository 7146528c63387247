"""Declared histories as intervals: sizes under the owners of their time, and when a correction moved something."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.inventory.history import Held, merged
from cloudctl.core.quantity import Size
from metering.allocations import Holder
from metering.declared import Interval, Span, corrected_spans, declared_intervals

T0 = datetime(2026, 1, 1, tzinfo=UTC)
ONE, TWO = Size(1, 1024), Size(2, 1024)
FIN, EDU = Holder(1, 1, 1), Holder(2, 2, 1)


def day(number):
    return T0 + timedelta(days=number)


def test_a_history_is_one_interval_per_size():
    history = [Held(day(0), ONE), Held(day(5), TWO)]

    assert declared_intervals(history, day(9), [(day(0), FIN)]) == [
        Interval(day(0), day(5), ONE, FIN),
        Interval(day(5), day(9), TWO, FIN),
    ]


def test_a_transfer_cuts_a_size_in_two_and_the_first_owner_had_it_before_too():
    intervals = declared_intervals([Held(day(0), ONE)], None, [(day(3), FIN), (day(5), EDU)])

    assert intervals == [Interval(day(0), day(5), ONE, FIN), Interval(day(5), None, ONE, EDU)]


def test_an_owner_from_after_the_end_never_had_it():
    intervals = declared_intervals([Held(day(0), ONE)], day(4), [(day(0), FIN), (day(5), EDU)])

    assert intervals == [Interval(day(0), day(4), ONE, FIN)]


def test_a_correction_is_where_size_owner_or_existence_differ():
    before = declared_intervals([Held(day(0), ONE)], None, [(day(0), FIN)])
    after = declared_intervals(
        [Held(day(0), ONE), Held(day(3), TWO), Held(day(6), ONE)], day(8), [(day(0), FIN)]
    )

    assert corrected_spans(before, after) == [Span(day(3), day(6)), Span(day(8), None)]
    assert corrected_spans([], before) == [Span(day(0), None)]
    assert corrected_spans(before, before) == []


days = st.integers(0, 12)
histories = st.dictionaries(days, st.sampled_from([ONE, TWO]), min_size=1).map(
    lambda sizes: merged(Held(day(number), size) for number, size in sorted(sizes.items()))
)
owner_lists = st.dictionaries(days, st.sampled_from([FIN, EDU]), min_size=1).map(
    lambda owners: [(day(number), holder) for number, holder in sorted(owners.items())]
)


@given(histories, st.none() | st.integers(13, 20).map(day), owner_lists)
def test_intervals_follow_each_other_without_gap_or_overlap(history, until, owners):
    intervals = declared_intervals(history, until, owners)

    assert intervals[0].start == history[0].start
    assert intervals[-1].end == until
    for one, other in pairwise(intervals):
        assert one.end == other.start
        assert (one.size, one.holder) != (other.size, other.holder)


@given(histories, histories, owner_lists, st.integers(0, 20 * 24))
def test_outside_its_spans_a_correction_changed_nothing(one, other, owners, hour):
    before, after = declared_intervals(one, None, owners), declared_intervals(other, None, owners)
    at = T0 + timedelta(hours=hour)

    def state(intervals):
        return [(i.size, i.holder) for i in intervals if i.start <= at and (i.end is None or at < i.end)]

    is_inside = any(s.start <= at and (s.end is None or at < s.end) for s in corrected_spans(before, after))
    assert is_inside == (state(before) != state(after))
