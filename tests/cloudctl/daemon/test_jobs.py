"""The registered jobs do their work on a real, small home; a driven clock walks them over a month's end."""

from datetime import datetime, timedelta
from threading import Event

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from cloudctl.core.tables import JobRunRow
from cloudctl.daemon.jobs import all_jobs
from cloudctl.daemon.runner import run_due
from cloudctl.operations.usage.drive_sweeps import drive_sweeps
from cloudctl.operations.usage.show_metrics import exposition

INVENTORY = """
version: 1
site: {name: 试验市, timezone: Asia/Shanghai, currency: CNY, language: en}
units: [{code: fin, name: 财政局}, {code: edu, name: 教育局}]
systems: [{code: tax, name: 税费, unit: fin}, {code: school, name: 学籍, unit: edu}]
pools: [{code: lab, name: 试验云, driver: embedded, provider: 甲, seed: 3, overcommit: {cpu: 2, memory: 1}}]
hosts:
  - {code: h1, pool: lab, vcpus: 32, memory_mib: 65536, storage_gib: {ssd: 2000}}
  - {code: h2, pool: lab, vcpus: 32, memory_mib: 65536, storage_gib: {ssd: 2000}}
images: [{code: debian12, pool: lab, source: debian-12.qcow2}]
vms:
  - {name: a, system: tax, pool: lab, vcpus: 4, memory_mib: 8192, storage_gib: {ssd: 100}, image: debian12}
  - {name: b, system: tax, pool: lab, vcpus: 2, memory_mib: 4096, storage_gib: {ssd: 50}, image: debian12}
  - {name: c, system: school, pool: lab, vcpus: 8, memory_mib: 16384, storage_gib: {ssd: 200}, image: debian12}
"""
TARIFFS = """
tariffs:
  - code: std
    pool: [lab]
    valid_from: 2026-01-01
    items:
      - {item: vcpu, per: month, price: "46.00"}
      - {item: memory_gib, per: month, price: "17.00"}
      - {item: storage_gib, tier: ssd, per: month, price: "0.70"}
"""


@pytest.fixture
def city(ctx, run_cli, tmp_path):
    """A home with three machines, prices, and a day and a half of samples at the end of October."""
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "tariffs.yaml").write_text(TARIFFS)
    ctx.clock.advance(timedelta(hours=10))
    for command in (["inventory", "apply", "inventory.yaml"], ["tariff", "apply", "tariffs.yaml"]):
        done = run_cli(ctx.home, *command[:2], tmp_path / command[2], "--yes")
        assert done.exit_code == 0, done.stderr
    ctx.clock.move_to(datetime.fromisoformat("2026-10-30T12:00:00+08:00"))
    drive_sweeps(ctx, datetime.fromisoformat("2026-11-01T00:00:00+08:00"))
    return ctx


def run_all(ctx):
    for job in all_jobs(ctx.settings):
        run_due(ctx, job, Event())


def runs(ctx):
    with ctx.reading() as session:
        rows = session.scalars(select(JobRunRow).order_by(JobRunRow.id)).all()
    return {row.job: (row.state, row.detail) for row in rows}


def test_every_job_is_done_over_the_end_of_a_month(city, run_cli):
    city.clock.move_to(datetime.fromisoformat("2026-11-01T08:00:10+08:00"))
    run_all(city)
    told = runs(city)

    assert {job.name for job in all_jobs(city.settings)} == set(told)
    assert {state for state, _ in told.values()} == {"done"}, told
    assert told["drafting"][1].startswith("2026-10: 2 statements")
    assert "3 machines" in told["sweep"][1]
    assert "cases opened" in told["review"][1]
    before = runs(city)
    run_all(city)
    assert runs(city) == before, "nothing is done twice"


def test_the_overview_shows_last_and_next(city, run_cli):
    city.clock.move_to(datetime.fromisoformat("2026-11-01T08:00:10+08:00"))
    run_all(city)
    done = run_cli(city.home, "scheduler", "jobs")

    assert done.exit_code == 0
    for word in ("sweep", "done", "2026-11-01 08:05", "2026-12-01 05:00", "monthly on day 1 at 05:00"):
        assert word in done.stdout, done.stdout


def test_the_metrics_tell_of_sweeps_units_and_jobs(city):
    run_all(city)
    city.clock.advance(timedelta(minutes=2))
    values = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition(city))
        for sample in family.samples
    }
    edu, fin = (("pool", "lab"), ("unit", "edu")), (("pool", "lab"), ("unit", "fin"))

    assert values["cloudctl_sweep_age_seconds", ("pool", "lab")] == 120
    assert values["cloudctl_sweep_coverage_ratio", ("pool", "lab")] == 1
    assert values["cloudctl_held_vcpus", *fin] == 6 and values["cloudctl_held_vcpus", *edu] == 8
    assert values["cloudctl_held_memory_bytes", *edu] == 16 << 30
    assert values["cloudctl_held_storage_bytes", *fin] == 150 << 30
    assert 0 < values["cloudctl_used_vcpus", *fin] < 6
    assert values["cloudctl_job_failing", ("job", "sweep")] == 0


def test_a_month_somebody_has_drafted_is_left_alone(city, run_cli):
    city.clock.move_to(datetime.fromisoformat("2026-11-01T01:00:00+08:00"))
    assert run_cli(city.home, "settle", "draft", "2026-10").exit_code == 0
    city.clock.move_to(datetime.fromisoformat("2026-11-01T08:00:10+08:00"))
    run_all(city)

    assert runs(city)["drafting"] == ("done", "2026-10 needs no draft")
