"""What allocations alone say of a machine: its time in the window, its last resize, whether it is old enough."""

from metering.allocations import AllocationSpan
from metering.samples.review_model import ReviewWindow
from policies.subjects import holdings

WINDOW = ReviewWindow(100, 400, 260, 0.03)


def span(start, end, vcpus=4, *, vm=1, system=1):
    return AllocationSpan(start, vm, system, 1, 1, start, end, vcpus, 4096, 100)


def held(*spans):
    return holdings(spans, WINDOW).get(1)


def test_a_machine_held_throughout_is_old_enough_and_has_its_size_since_its_start():
    found = held(span(0, None))

    assert (found.is_young, found.is_resized_since, found.is_resized_within) == (False, False, False)
    question = found.question
    assert (question.held_us, question.recent_held_us, question.sized_held_us) == (300, 140, 300)


def test_a_transfer_is_no_resize_and_keeps_the_age():
    found = held(span(0, 200), span(200, None, system=2))

    assert found.question.sized_us == 0 and not found.is_young
    assert found.present.system_id == 2


def test_the_last_resize_is_where_the_present_size_began():
    found = held(span(0, 150, 8), span(150, 200, 4), span(200, 300, 8), span(300, None, 8, system=2))

    assert (found.question.sized_us, found.question.sized_held_us) == (200, 200)
    assert found.is_resized_within and found.question.vcpus == 8


def test_a_machine_begun_in_the_window_or_given_back_within_it_is_young():
    assert held(span(101, None)).is_young
    broken = held(span(0, 150), span(160, None))
    assert broken.is_young and broken.question.held_us == 290
    assert not held(span(100, None)).is_young


def test_a_resize_after_the_window_leaves_its_samples_behind():
    found = held(span(0, 450, 8), span(450, None, 4))

    assert found.is_resized_since and found.question.sized_held_us == 0


def test_machines_given_back_or_not_yet_there_are_not_asked_about():
    assert held(span(0, 300)) is None
    assert held(span(400, None)) is None
