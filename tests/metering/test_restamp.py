"""Correcting what a machine held stamps its samples anew: those concerned alone, none twice, in one transaction."""

from datetime import UTC, datetime, timedelta

import pytest

from cloudctl.core.errors import Refused
from cloudctl.core.inventory.draft import parse_draft
from cloudctl.operations.estate.apply_inventory import apply_inventory
from cloudctl.operations.estate.plan_inventory import plan_inventory
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.import_samples import import_samples
from metering.allocations import history_of
from metering.store import Seal, live_files, mark_sealed
from provisioning.store import find_vm

DAY = datetime(2026, 9, 2, tzinfo=UTC)
HEADER = (
    "vm,end,interval_s,state,vcpus,cpu_core_seconds,memory_mib,memory_used_mib,storage_gib,storage_used_gib\n"
)
HEAD = """version: 1
units: [{code: fin, name: 财政局}]
systems: [{code: tax, name: 非税, unit: fin}]
pools: [{code: pub, name: 公有云, driver: external}]
vms:
- {name: b, system: tax, pool: pub, vcpus: 2, memory_mib: 1024, since: 2026-09-01T00:00:00Z}
"""


def apply(ctx, rest):
    text = f"{HEAD}- {{name: a, system: tax, pool: pub, vcpus: 2, memory_mib: 1024, {rest}}}\n"
    apply_inventory(ctx, plan_inventory(ctx, parse_draft(text, "f")), force=True)


@pytest.fixture
def use(ctx, tmp_path):
    """Two machines' samples, every hour of two UTC days."""
    apply(ctx, "since: 2026-09-01T00:00:00Z")
    lines = [
        f"{name},{(DAY + timedelta(hours=hour)).isoformat()},3600,running,,{hour},,512,,\n"
        for name in "ab"
        for hour in range(1, 49)
    ]
    path = tmp_path / "use.csv"
    path.write_text(HEADER + "".join(lines))
    import_samples(ctx, [path])
    return path


def stamps(ctx, name):
    """Per sample the hours since DAY, held vCPUs, the stamped allocation's number in the history, and CPU used."""
    with ctx.reading() as session:
        vm = find_vm(session, name)
        numbers = {row.id: position for position, row in enumerate(history_of(session, vm.id))}
        window = (DAY - timedelta(days=5), DAY + timedelta(days=5))
        with sample_store(ctx).opened(session, *window) as connection:
            rows = connection.execute(
                "SELECT end_us, vcpus, allocation, cpu_ns FROM samples WHERE vm = $1 ORDER BY end_us", [vm.id]
            ).fetchall()
    origin = int(DAY.timestamp())
    return [(end // 1_000_000 - origin, vcpus, numbers[number], cpu) for end, vcpus, number, cpu in rows]


def test_a_resize_declared_later_stamps_what_ended_after_it(ctx, use):
    before, other = stamps(ctx, "a"), stamps(ctx, "b")

    apply(ctx, "since: 2026-09-01T00:00:00Z, sizes: [{from: 2026-09-02T10:00:00Z, vcpus: 8}]")

    expected = [(s, 2 if s <= 36_000 else 8, 0 if s <= 36_000 else 1, cpu) for s, _, _, cpu in before]
    assert stamps(ctx, "a") == expected
    assert stamps(ctx, "b") == other
    apply(ctx, "since: 2026-09-01T00:00:00Z")
    assert stamps(ctx, "a") == before


def test_a_change_moved_stamps_the_time_between(ctx, use):
    apply(ctx, "since: 2026-09-01T00:00:00Z, sizes: [{from: 2026-09-02T10:00:00Z, vcpus: 8}]")
    (_, *_, number) = (row[2] for row in stamps(ctx, "a"))
    apply(ctx, "since: 2026-09-01T00:00:00Z, sizes: [{from: 2026-09-03T05:30:00Z, vcpus: 8}]")
    assert number == stamps(ctx, "a")[-1][2]

    assert [(s // 3600, vcpus) for s, vcpus, _, _ in stamps(ctx, "a")] == [
        (hour, 2 if hour < 30 else 8) for hour in range(1, 49)
    ]


def test_samples_of_a_time_it_held_nothing_leave_and_come_back_by_import(ctx, use):
    before, other = stamps(ctx, "a"), stamps(ctx, "b")

    apply(ctx, "since: 2026-09-02T05:00:00Z, until: 2026-09-03T00:00:00Z")
    assert [s // 3600 for s, *_ in stamps(ctx, "a")] == list(range(6, 25))
    assert stamps(ctx, "b") == other

    apply(ctx, "since: 2026-09-01T00:00:00Z")
    import_samples(ctx, [use])
    assert stamps(ctx, "a") == before
    assert stamps(ctx, "b") == other


def test_files_that_hold_nothing_concerned_stay(ctx, use):
    with ctx.reading() as session:
        before = {row.path for row in live_files(session)}

    apply(ctx, "since: 2026-09-01T00:00:00Z, sizes: [{from: 2026-09-03T10:00:00Z, vcpus: 8}]")

    with ctx.reading() as session:
        after = {row.path for row in live_files(session)}
    assert len(after) == len(before)
    assert before & after == {path for path in before if "2026-09-02" in path}


def test_a_file_of_a_closed_month_is_not_touched_and_nothing_is_corrected(ctx, use):
    before = stamps(ctx, "a")
    with ctx.writing() as session:
        files = [row.id for row in live_files(session)]
        # The month ended in the middle of a UTC day, so its last file holds samples of the next month too.
        mark_sealed(session, files, Seal(DAY - timedelta(days=1), DAY + timedelta(hours=16)), ctx.clock.now())

    with pytest.raises(Refused, match="stand in a file of a closed month"):
        apply(ctx, "since: 2026-09-01T00:00:00Z, sizes: [{from: 2026-09-02T20:00:00Z, vcpus: 8}]")

    assert stamps(ctx, "a") == before
