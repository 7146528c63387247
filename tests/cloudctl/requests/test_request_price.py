"""The price that a check previews is what settlement charges for a whole month, to the fen."""

import json
from datetime import timedelta

import pytest

from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from provisioning.tables import HostRow
from tests.cloudctl.requests.asking import shown

MACHINE = "odd,count=3,pool=lab,vcpus=3,memory-gib=5,storage=ssd:37+sas:1001"
PLAIN = """
      - {item: vcpu, per: month, price: "46.00"}
      - {item: memory_gib, per: month, price: "17.00"}
      - {item: storage_gib, per: month, price: "0.70"}
"""
# A third of a fen here and there: each line is rounded for itself.
ODD = """
      - {item: vcpu, per: hour, price: "0.033333"}
      - {item: memory_gib, per: month, price: "16.6667"}
      - {item: storage_gib, tier: ssd, per: month, price: "0.333333"}
      - {item: storage_gib, tier: sas, per: month,
         tiering: graduated, tiers: [{to: 333, price: "0.3333"}, {price: "0.1111"}]}
      - {item: machine, per: month, price: "1.005"}
"""
VOLUME = """
      - {item: vcpu, per: month, tiering: volume, tiers: [{to: 2, price: "50.00"}, {price: "45.123"}]}
      - {item: storage_gib, per: hour, price: "0.0001"}
      - {item: machine, per: once, price: "88.88"}
"""


@pytest.fixture
def priced(ctx, as_person, estate):
    with ctx.writing() as session:
        for host in session.query(HostRow):
            host.options = {**host.options, "storage_gib": {"ssd": 4000, "sas": 4000}}

    def put(items):
        path = ctx.home / "tariffs.yaml"
        head = "tariffs:\n  - code: std\n    pool: [lab, pub]\n    valid_from: 2026-01-01\n    items:"
        path.write_text(head + items)
        apply_tariffs(as_person(ctx, "zhao"), path)

    return put


def settled(ctx, run_cli, home):
    """What October came to, monthly and once."""
    ctx.clock.advance(timedelta(days=32))
    drafted = run_cli(home, "settle", "draft", "2026-10", "--yes", login="zhao")
    assert drafted.exit_code == 0, drafted.stderr
    month = json.loads(run_cli(home, "settle", "show", "2026-10", "-o", "json", login="zhao").stdout)
    return month["total"], [line for one in month["statements"] for line in one["lines"]]


@pytest.mark.parametrize("items", [PLAIN, ODD, VOLUME], ids=["plain", "odd", "volume and once"])
def test_a_preview_is_what_is_settled(call, ask, ctx, home, run_cli, priced, items):
    priced(items)
    number = ask("new", "--machine", MACHINE)
    found = call("olga", "check", number, "--yes", "-o", "json")
    call("pan", "approve", number, "--yes")
    call("otto", "execute", number, "--yes")
    granted = shown(call, number)["granted_monthly"]

    total, lines = settled(ctx, run_cli, home)

    once = sum(round(float(line["amount"]) * 100) for line in lines if line["start"] == line["end"])
    assert found["monthly_price"] == granted
    assert round(float(granted) * 100) + once == round(float(total) * 100)
    (text,) = [row["text"] for row in found["findings"] if row["subject"] == "price"]
    assert ("and 266.64 once" in text) == bool(once)


def test_a_tier_that_the_tariff_does_not_price_is_not_taken_for_free(call, ask, priced):
    priced(ODD)
    number = ask("new", "--machine", MACHINE.replace("sas", "nvme"))
    found = call("olga", "check", number, "--dry-run", "-o", "json")
    assert found["monthly_price"] is None
    assert any("No tariff in force prices all of it" in row["text"] for row in found["findings"])
