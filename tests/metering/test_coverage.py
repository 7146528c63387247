"""Coverage as interval arithmetic, and the reasons that are given for what is missing."""

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cloudctl.operations.usage.collect_usage import sweep
from cloudctl.operations.usage.show_coverage import show_coverage
from metering.allocations import AllocationSpan
from metering.coverage import holdings, subtract
from provisioning.model import Fault

STEP = timedelta(seconds=300)


def span(start: int, end: int | None) -> AllocationSpan:
    return AllocationSpan(1, 1, 1, 1, 1, start, end, 4, 1024, 10)


def test_allocations_that_touch_are_one_holding() -> None:
    assert holdings([span(0, 10), span(10, 20), span(30, None)], (5, 40)) == [(5, 20), (30, 40)]


def test_what_no_stretch_covers_is_left() -> None:
    assert subtract([(0, 10), (20, 30)], [(-5, 2), (4, 6), (8, 25)]) == [(2, 4), (6, 8), (25, 30)]
    assert subtract([(0, 10)], []) == [(0, 10)]


stretches = st.lists(st.integers(0, 60), max_size=12, unique=True).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)


@given(stretches, stretches)
def test_holes_and_measured_time_make_up_the_held_time(
    held: list[tuple[int, int]], measured: list[tuple[int, int]]
) -> None:
    ticks = {tick for first, last in held for tick in range(first, last)}
    covered = {tick for first, last in measured for tick in range(first, last)}
    holes = [tick for first, last in subtract(held, measured) for tick in range(first, last)]
    assert len(holes) == len(set(holes))
    assert set(holes) == ticks - covered


def test_every_hole_has_its_reason(ctx: Any, estate: Any, cloud: Any, reading: Any) -> None:
    begin = ctx.clock.now()
    a, b = estate.machine("a", begin), estate.machine("b", begin)

    def sweep_after(steps: int, *readings: Any, faults: Any = ()) -> None:
        ctx.clock.advance(steps * STEP)
        cloud.shows(*(make() for make in readings), faults=faults)
        sweep(ctx)

    sweep_after(1, lambda: reading(a, 0), lambda: reading(b, 0))
    sweep_after(1, lambda: reading(a, 1, memory_used_bytes=None), lambda: reading(b, 1))
    sweep_after(1, lambda: reading(a, 2), faults=[Fault("n1", b, "stuck")])
    sweep_after(1, lambda: reading(a, 3), lambda: reading(b, 3))
    sweep_after(9, lambda: reading(a, 4), lambda: reading(b, 4))
    rows = {(row["vm"], row["meter"]): row for row in show_coverage(ctx, begin, None)}
    assert [gap["reason"] for gap in rows["a", "cpu"]["gaps"]] == ["first_reading", "daemon_down"]
    assert [gap["reason"] for gap in rows["a", "memory"]["gaps"]] == [
        "first_reading",
        "balloon_silent",
        "daemon_down",
    ]
    assert [gap["reason"] for gap in rows["b", "cpu"]["gaps"]] == ["first_reading", "stuck", "daemon_down"]
    assert rows["a", "cpu"]["coverage"] == 3 / 13
    assert [row["coverage"] for row in show_coverage(ctx, begin + STEP, begin + 2 * STEP, ["b"])] == [1, 1, 1]


def test_after_a_sweep_that_took_too_long_the_gap_says_so(
    ctx: Any, estate: Any, cloud: Any, reading: Any
) -> None:
    vm = estate.machine("a", ctx.clock.now() - STEP)
    begin = ctx.clock.now()
    cloud.shows(reading(vm, 0))
    inner = cloud.measure

    def slow() -> Any:
        ctx.clock.advance(timedelta(seconds=400))
        return inner()

    cloud.measure = slow
    sweep(ctx)
    cloud.measure = inner
    ctx.clock.advance(timedelta(seconds=200))
    cloud.shows(reading(vm, 9))
    sweep(ctx)
    reasons = [gap["reason"] for gap in show_coverage(ctx, begin, None)[0]["gaps"]]
    assert reasons == ["overrun"]
