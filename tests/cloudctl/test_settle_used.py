"""Billing by use: measured, missing and estimated time; lines held back until filled or waived by two."""

import json
from fractions import Fraction

import pytest

from cloudctl.core.quantity import Size
from cloudctl.operations.settlement.draft_settlement import draft_settlement
from metering.settlement.reading import (
    read_period,
)
from tests.cloudctl.settled_city import City, at, close_month

HOUR = 3_600_000_000
USED = """
tariffs:
  - code: use
    pool: gov
    valid_from: 2026-01-01
    items:
      - {item: vcpu, per: month, price: "100.00", basis: used}
      - {item: memory_gib, per: month, price: "10.00", basis: greater}
      - {item: storage_gib, per: month, price: "1.00", basis: used}
      - {item: machine, per: once, price: "50.00"}
"""


@pytest.fixture
def city(ctx, as_person, tmp_path) -> City:
    city = City(ctx, as_person, tmp_path).found()
    city.machine("tax-1", "fin", Size(4, 4096, {"ssd": 100}), at(10, 1))
    city.tariffs(USED)
    return city


def drafted(city):
    city.until(at(11, 2))
    draft_settlement(city.operator, "2026-10")
    with city.ctx.reading() as session:
        (statement,) = read_period(session, "2026-10").statements
    return {line.item: line for line in statement.lines}


def settle(run_cli, city, login, *args):
    return run_cli(city.ctx.home, "settle", *args, "--yes", login=login)


def test_what_was_used_all_month_is_billed_at_its_mean(city):
    city.samples("tax-1", at(10, 1), at(10, 16), cpu=0.25, step=HOUR)
    city.samples("tax-1", at(10, 16), at(11, 1), cpu=0.75, step=HOUR)
    lines = drafted(city)

    # 15 days at 1 vCPU and 16 at 3; half of the memory was used, so what is held is the greater; 25 GiB of disk.
    assert lines["vcpu"].quantity == Fraction(15 * 1 + 16 * 3, 31)
    assert lines["vcpu"].amount_fen == 20323
    assert (lines["memory_gib"].quantity, lines["memory_gib"].amount_fen) == (4, 4000)
    assert lines["memory_gib"].used_quantity == 2
    assert (lines["storage_gib"].quantity, lines["storage_gib"].amount_fen) == (25, 2500)
    assert {line.missing_us for line in lines.values()} == {0}


def test_a_one_off_fee_is_paid_when_the_machine_first_holds_anything(city):
    city.samples("tax-1", at(10, 1), at(12, 1), cpu=0.5, step=24 * HOUR)
    lines = drafted(city)
    once = lines["machine"]
    city.until(at(12, 2))
    draft_settlement(city.operator, "2026-11")
    with city.ctx.reading() as session:
        (later,) = read_period(session, "2026-11").statements

    assert (once.start, once.end, once.amount_fen) == (at(10, 1), at(10, 1), 5000)
    assert "machine" not in {line.item for line in later.lines}


def test_missing_time_within_the_threshold_is_estimated_at_the_mean(city):
    city.samples("tax-1", at(10, 1), at(10, 31), cpu=0.5, step=HOUR)
    line = drafted(city)["vcpu"]

    assert (line.quantity, line.amount_fen, line.is_held_back) == (2, 20000, False)
    assert (line.measured_us, line.missing_us, line.estimated_us) == (720 * HOUR, 24 * HOUR, 24 * HOUR)


def test_thin_evidence_holds_the_line_back_until_two_people_waive(city, run_cli):
    city.samples("tax-1", at(10, 1), at(10, 16, 12), cpu=0.5, step=HOUR)
    line = drafted(city)["vcpu"]
    assert (line.is_held_back, line.amount_fen, line.missing_us) == (True, 0, 372 * HOUR)

    refused = settle(run_cli, city, "op", "issue", "2026-10")
    assert refused.exit_code == 5 and "tax-1 (vcpu, 50.0 %)" in refused.stderr

    waive = ("waive", "2026-10", "tax-1", "--item", "vcpu", "--reason", "采集器故障")
    assert settle(run_cli, city, "op", *waive).exit_code == 0
    assert settle(run_cli, city, "op", *waive).exit_code == 5
    assert drafted(city)["vcpu"].is_held_back
    assert settle(run_cli, city, "zhao", *waive).exit_code == 0
    waived = drafted(city)["vcpu"]

    # What was not measured counts as not used: half the month at 2 vCPUs.
    assert (waived.is_held_back, waived.is_waived, waived.quantity, waived.amount_fen) == (
        False,
        True,
        1,
        10000,
    )
    assert waived.estimated_us == 0


def test_the_gap_filled_by_an_import_frees_the_line(city):
    city.samples("tax-1", at(10, 1), at(10, 16), cpu=0.5, step=HOUR)
    assert drafted(city)["vcpu"].is_held_back
    city.samples("tax-1", at(10, 16), at(11, 1), cpu=0.5, step=HOUR)

    assert drafted(city)["vcpu"].amount_fen == 20000


def test_nothing_measured_of_what_is_billed_by_the_greater_is_held_back_too(city):
    lines = drafted(city)

    assert lines["memory_gib"].is_held_back and lines["vcpu"].used_quantity is None
    assert lines["machine"].amount_fen == 5000


def test_samples_across_the_months_edge_count_for_their_part_inside(city):
    city.samples("tax-1", at(10, 1), at(10, 31, 23), cpu=0.5, step=HOUR)
    city.samples("tax-1", at(10, 31, 23), at(11, 1, 1), cpu=1.0, step=2 * HOUR)
    line = drafted(city)["vcpu"]

    assert line.missing_us == 0
    assert line.quantity == Fraction(743 * 2 + 4, 744)


def test_a_closed_month_billed_by_use_verifies_whatever_the_setting_becomes(city, run_cli):
    city.samples("tax-1", at(10, 1), at(10, 31), cpu=0.5, step=HOUR)
    city.until(at(11, 2))
    close_month(city)
    with (city.ctx.home / "cloudctl.toml").open("a") as settings:
        settings.write("[settlement]\ncoverage_threshold = 0.99\n")
    result = run_cli(city.ctx.home, "settle", "verify", "2026-10", "-o", "json", login="op")

    assert (result.exit_code, json.loads(result.stdout)["findings"]) == (0, [])
