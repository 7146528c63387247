"""Held, used, mean, p95 and coverage by hand: clipping, groups, unknowns, and the ratios of many machines."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.database import to_micros
from cloudctl.core.quantity import Size
from cloudctl.operations.usage.home_samples import sample_store
from metering.allocations import AllocationSpan, spans_between
from metering.samples import machine_sums, window_sums
from metering.samples.model import MEASURED, UNKNOWN, Sample
from metering.samples.quantile import pooled_quantiles
from metering.samples.store import connected
from metering.utilisation import Utilisation, begun_in, held_time, utilisation

MIB = 1 << 20
BEGIN = datetime(2026, 9, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)


def keep(
    ctx: Any, vm: int, start: datetime, end: datetime, cores: float | None, memory_mib: int | None = 1024
) -> None:
    """A sample in which the machine used so many cores and so much memory, stamped as the ledger has it."""
    with ctx.writing() as session:
        held = spans_between(session, end - timedelta(microseconds=1), end, [vm])[0]
        seconds = (end - start) / timedelta(seconds=1)
        row = Sample(
            vm,
            held.id,
            to_micros(start),
            to_micros(end),
            "running",
            held.vcpus,
            None if cores is None else round(cores * seconds * 1e9),
            0,
            held.memory_mib,
            None if memory_mib is None else memory_mib * MIB,
            held.storage_gib,
            None,
            0,
            0,
            UNKNOWN if cores is None else MEASURED,
            UNKNOWN if memory_mib is None else MEASURED,
            UNKNOWN,
        )
        sample_store(ctx).append(session, [row])


def ask(ctx: Any, start: datetime, end: datetime, by: str = "vm") -> list[Utilisation]:
    with ctx.reading() as session:
        return utilisation(sample_store(ctx), session, start, end, by)


def test_an_interval_that_crosses_the_window_counts_pro_rata_and_its_ratio_once(
    ctx: Any, estate: Any
) -> None:
    vm = estate.machine("a", BEGIN - 9 * HOUR)
    keep(ctx, vm, BEGIN - HOUR / 2, BEGIN + HOUR / 2, cores=4)
    keep(ctx, vm, BEGIN + HOUR / 2, BEGIN + HOUR, cores=0)
    (use,) = ask(ctx, BEGIN, BEGIN + HOUR)
    assert use.meters["cpu"].mean == 0.5
    assert (use.meters["cpu"].maximum, use.meters["cpu"].p95) == (1, 0.95)
    assert (use.meters["cpu"].used, use.meters["cpu"].coverage) == (2, 1)
    assert use.meters["memory"].used == 1024


def test_what_reaches_back_before_the_machine_was_held_does_not_count(ctx: Any, estate: Any) -> None:
    vm = estate.machine("a", BEGIN + HOUR / 2)
    keep(ctx, vm, BEGIN, BEGIN + HOUR, cores=4)
    (use,) = ask(ctx, BEGIN - HOUR, BEGIN + HOUR)
    assert (use.meters["cpu"].coverage, use.meters["cpu"].mean, use.meters["cpu"].used) == (1, 1, 4)


def test_used_is_carried_on_from_the_measured_part_to_the_held_time(ctx: Any, estate: Any) -> None:
    vm = estate.machine("a", BEGIN, until=BEGIN + 4 * HOUR)
    keep(ctx, vm, BEGIN, BEGIN + HOUR, cores=3)
    (use,) = ask(ctx, BEGIN - HOUR, BEGIN + 9 * HOUR)
    cpu = use.meters["cpu"]
    assert (cpu.held, cpu.used, cpu.mean, cpu.coverage) == (4, 3, 0.75, 0.25)


def test_unknown_is_unknown_meter_by_meter(ctx: Any, estate: Any) -> None:
    vm = estate.machine("a", BEGIN, Size(4, 2048))
    keep(ctx, vm, BEGIN, BEGIN + HOUR, cores=None)
    keep(ctx, vm, BEGIN + HOUR, BEGIN + 2 * HOUR, cores=2, memory_mib=None)
    (use,) = ask(ctx, BEGIN, BEGIN + 2 * HOUR)
    assert [use.meters[name].coverage for name in ("cpu", "memory", "storage")] == [0.5, 0.5, 0]
    assert [use.meters[name].mean for name in ("cpu", "memory", "storage")] == [0.5, 0.5, None]
    assert [use.meters[name].intervals for name in ("cpu", "memory", "storage")] == [1, 1, 0]


def test_a_machine_without_any_sample_is_still_held(ctx: Any, estate: Any) -> None:
    estate.machine("a", BEGIN)
    (use,) = ask(ctx, BEGIN, BEGIN + HOUR)
    cpu = use.meters["cpu"]
    assert (cpu.held, cpu.used, cpu.mean, cpu.p95, cpu.coverage) == (4, None, None, None, 0)


def test_a_group_is_used_over_held_of_its_machines_and_no_mean_of_ratios(ctx: Any, estate: Any) -> None:
    small = estate.machine("small", BEGIN, Size(1, 1024), until=BEGIN + 2 * HOUR)
    large = estate.machine("large", BEGIN, Size(9, 1024), until=BEGIN + HOUR)
    keep(ctx, small, BEGIN, BEGIN + HOUR, cores=1)
    keep(ctx, large, BEGIN, BEGIN + HOUR, cores=0)
    (unit,) = ask(ctx, BEGIN, BEGIN + 4 * HOUR, "unit")
    cpu = unit.meters["cpu"]
    assert unit.machines == 2
    # 1 vCPU for 2 h and 9 for 1 h, in the 2 h in which the unit held anything.
    assert (cpu.held, cpu.mean, cpu.coverage) == (5.5, 0.1, pytest.approx(2 / 3))
    assert cpu.used == pytest.approx(1 * 3600 * (3 / 2) / 7200)
    assert (cpu.p95, cpu.maximum) == (0.95, 1)


def test_a_machine_that_changed_hands_counts_for_whoever_held_it(ctx: Any, estate: Any) -> None:
    from metering.allocations import Holder, hold

    vm = estate.machine("a", BEGIN, unit="fin", system="tax")
    estate.machine("b", BEGIN, unit="edu", system="school")
    keep(ctx, vm, BEGIN, BEGIN + HOUR, cores=1)
    with ctx.writing() as session:
        school = spans_between(session, BEGIN, BEGIN + HOUR, [estate.machines["b"]])[0]
        to = Holder(school.system_id, school.unit_id, school.pool_id)
        hold(session, vm, to, Size(4, 8192, {"ssd": 100}), BEGIN + HOUR, "transfer")
    keep(ctx, vm, BEGIN + HOUR, BEGIN + 2 * HOUR, cores=3)
    fin, edu = ask(ctx, BEGIN, BEGIN + 2 * HOUR, "unit")
    assert (fin.meters["cpu"].mean, edu.meters["cpu"].mean) == (0.25, 0.75)


def span(number: int, start: int, end: int | None, vm: int = 1) -> AllocationSpan:
    return AllocationSpan(number, vm, 1, 1, 1, start, end, 4, 1024, 10)


def test_an_unbroken_holding_began_with_its_first_allocation() -> None:
    spans = [span(1, 0, 10), span(2, 10, 20), span(3, 30, 40), span(4, 40, None), span(5, 15, None, vm=2)]
    assert begun_in(spans, (5, 100)) == {3: 30, 4: 30, 5: 15}


def test_held_time_counts_machines_and_their_union() -> None:
    assert held_time([span(1, 0, 10), span(2, 5, 20, vm=2), span(3, 30, None, vm=3)], (2, 40)) == (
        8 + 15 + 10,
        18 + 10,
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 3))),
        min_size=1,
        max_size=400,
    )
)
def test_a_pooled_quantile_is_numpys(rows: list[tuple[int, float]]) -> None:
    with connected(Path("/nonexistent")) as connection:
        connection.execute(
            "CREATE TEMP TABLE source AS SELECT *, row_number() OVER () AS vm, 0 AS end_us "
            "FROM (SELECT unnest($1::BIGINT[]) AS grp, unnest($2::DOUBLE[]) AS v)",
            [[group for group, _ in rows], [value for _, value in rows]],
        )
        # As if there were many: the bounds are drawn from a seventh of the rows.
        wanted = {(group, "v") for group, _ in rows}
        found = pooled_quantiles(connection, "source", 7 * 400_000, {"v": "v"}, 0.95, wanted)
    for group in {group for group, _ in rows}:
        values = [value for member, value in rows if member == group]
        assert found[group, "v"] == pytest.approx(np.quantile(values, 0.95), abs=1e-12)


def test_large_groups_are_asked_in_two_passes_with_the_same_answer(
    ctx: Any, estate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(7)
    for name in ("a", "b", "c"):
        vm = estate.machine(name, BEGIN)
        for number in range(40):
            start = BEGIN + number * HOUR / 4
            keep(
                ctx,
                vm,
                start,
                start + HOUR / 4,
                cores=float(rng.random() * 4),
                memory_mib=int(rng.integers(8192)),
            )
    whole = ask(ctx, BEGIN, BEGIN + 9 * HOUR, "cloud")
    by_machine = ask(ctx, BEGIN, BEGIN + 9 * HOUR)
    monkeypatch.setattr(window_sums, "ROWS_AT_ONCE", 41)
    monkeypatch.setattr(machine_sums, "ROWS_AT_ONCE", 41)
    (parts,) = ask(ctx, BEGIN, BEGIN + 9 * HOUR, "cloud")
    for name, use in parts.meters.items():
        assert use._replace(p95=None) == whole[0].meters[name]._replace(p95=None)
        assert use.p95 == (None if use.mean is None else pytest.approx(whole[0].meters[name].p95, abs=1e-12))
    assert ask(ctx, BEGIN, BEGIN + 9 * HOUR) == by_machine
