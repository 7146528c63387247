"""tariffs.yaml is read whole or refused whole, every fault with its place; gaps and overlaps in time are faults."""

from datetime import date
from decimal import Decimal

import pytest

from cloudctl.core.errors import InvalidInput
from metering.tariff_file import load_tariffs
from metering.tariffs import Basis, Per, Rate, Tariff, Tiering, clashes

GOOD = """\
tariffs:
  - code: std
    pool: [gov, pub]
    valid_from: 2026-01-01
    valid_to: null
    items:
      - {item: vcpu, per: month, price: "46.00", basis: held}
      - {item: memory_gib, per: month, price: "17.00"}
      - {item: storage_gib, tier: ssd, per: month, price: "0.70"}
      - {item: storage_gib, per: hour, tiering: volume,
         tiers: [{to: 10, price: "2"}, {to: "50.5", price: "1"}, {price: "0"}]}
      - {item: machine, per: once, price: "0.00"}
"""


def load(tmp_path, text, present=()):
    path = tmp_path / "tariffs.yaml"
    path.write_text(text)
    return load_tariffs(path, ["gov", "pub"], present)


def faults(tmp_path, text, present=()):
    with pytest.raises(InvalidInput) as refusal:
        load(tmp_path, text, present)
    return [(problem.place.split(":", 1)[1], str(problem.message)) for problem in refusal.value.problems]


def test_the_contracts_example_is_read(tmp_path):
    (tariff,) = load(tmp_path, GOOD)

    assert (tariff.code, tariff.pools, tariff.valid_from, tariff.valid_to) == (
        "std",
        ("gov", "pub"),
        date(2026, 1, 1),
        None,
    )
    assert tariff.rates[0].steps[0].price == Decimal("46.00")
    assert tariff.rates[1].basis is Basis.HELD
    assert (tariff.rates[3].tiering, tariff.rates[3].steps[1].to) == (Tiering.VOLUME, Decimal("50.5"))
    assert tariff.rates[4].per is Per.ONCE


def test_a_tariff_reads_back_from_its_document(tmp_path):
    (tariff,) = load(tmp_path, GOOD)

    assert Tariff.from_json(tariff.as_json()) == tariff
    assert [Rate.from_json(rate.as_json()) for rate in tariff.rates] == list(tariff.rates)


def test_the_shipped_example_is_right(tmp_path):
    from pathlib import Path

    (tariff,) = load_tariffs(Path(__file__).parents[2] / "docs/examples/tariffs.yaml", ["gov", "pub"])

    assert [str(rate.steps[0].price) for rate in tariff.rates] == [
        "46.00",
        "17.00",
        "0.30",
        "0.40",
        "0.70",
        "0.00",
    ]


def place_of(text: str, snippet: str) -> str:
    before = text[: text.index(snippet)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_the_docs_example_is_right(tmp_path):
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs/settlement.md").read_text()
    block = page.split("```yaml\n")[1].split("```")[0]

    assert [tariff.code for tariff in load(tmp_path, block)] == ["std"]


@pytest.mark.parametrize(
    ("old", "new", "at", "word"),
    [
        ("[gov, pub]", "[gov, mars]", "[gov, mars]", "mars"),
        ("[gov, pub]", "[gov, gov]", "[gov, gov]", "twice"),
        ("valid_to: null", "valid_to: 2025-01-01", "2025-01-01", "later"),
        ('price: "46.00"', "price: 46.01", "46.01", "quotes"),
        ('price: "46.00"', 'price: "-46.00"', '"-46.00"', "negative"),
        ('price: "46.00"', 'price: "NaN"', '"NaN"', "NaN"),
        ('price: "46.00"', 'price: "1e99"', '"1e99"', "1e99"),
        ('price: "46.00"', 'price: "0.0000000000001"', '"0.0000000000001"', "0.0000000000001"),
        ('price: "46.00", basis: held', "basis: held", "{item: vcpu", "price"),
        ("basis: held", "basis: guessed", "guessed", "guessed"),
        ("item: memory_gib, per: month", "item: memory_gib, per: week", "week", "week"),
        ("item: memory_gib, per: month", "per: month, item: vcpu", "{per: month, item: vcpu", "twice"),
        ("item: memory_gib, per", "item: memory_gib, tier: sas, per", "sas", "storage_gib"),
        ("tier: ssd, per: month", "tier: ssd, basis: used, per: month", "used", "all disks"),
        ('"0.00"}', '"0.00", basis: used}', "used", "held"),
        ('{price: "0"}', '{to: 60, price: "0"}', '{to: 60, price: "0"}', "infinity"),
        ('{to: "50.5", price: "1"}', '{to: 10, price: "1"}', '{to: 10, price: "1"}', "upward"),
        ("tiering: volume,", "", "{item: storage_gib, per: hour", "tiering"),
        ("    items:", "    note: x\n    items:", "note: x", "note"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path, old, new, at, word):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = faults(tmp_path, text)

    places = {place_of(text, at)} | ({"3:11", "3:17"} if "[" in at else set())
    assert any(where in places and word in message for where, message in found), found


@pytest.mark.parametrize("text", ["tariffs: []", GOOD.replace("[gov, pub]", "[]")])
def test_empty_lists_are_faults(tmp_path, text):
    assert [message for _, message in faults(tmp_path, text)] == ["At least one entry is needed here."]


def test_all_faults_come_at_once(tmp_path):
    text = (
        GOOD.replace("[gov, pub]", "[mars]")
        .replace('"17.00"', '"-1"')
        .replace("valid_to: null", "valid_to: soon")
    )

    assert len(faults(tmp_path, text)) >= 2


ONE = (
    "  - {{code: {code}, pool: {pool}, valid_from: {start}, valid_to: {end}, "
    "items: [{{item: vcpu, per: month, price: '1'}}]}}\n"
)


def listed(*tariffs):
    return "tariffs:\n" + "".join(
        ONE.format(code=code, pool=pool, start=start, end=end) for code, pool, start, end in tariffs
    )


def test_tariffs_that_meet_are_good(tmp_path):
    text = listed(("a", "gov", "2026-01-01", "2026-07-01"), ("b", "gov", "2026-07-01", "null"))

    assert [tariff.code for tariff in load(tmp_path, text)] == ["a", "b"]


def test_a_gap_is_refused_at_the_later_tariff(tmp_path):
    text = listed(("a", "gov", "2026-01-01", "2026-06-30"), ("b", "gov", "2026-07-01", "null"))

    assert faults(tmp_path, text) == [
        ("3:5", "Pool gov: a gap between “a” (until 2026-06-30) and “b” (from 2026-07-01).")
    ]


def test_an_overlap_is_refused_in_each_pool(tmp_path):
    text = listed(("a", "[gov, pub]", "2026-01-01", "null"), ("b", "[pub, gov]", "2026-07-01", "null"))

    assert [place for place, _ in faults(tmp_path, text)] == ["3:5", "3:5"]


def test_other_pools_do_not_meet_at_all(tmp_path):
    text = listed(("a", "gov", "2026-01-01", "null"), ("b", "pub", "2026-07-01", "null"))

    assert clashes(load(tmp_path, text)) == []


def test_what_is_in_force_already_is_looked_at_too(tmp_path):
    (present,) = load(tmp_path, listed(("old", "gov", "2026-01-01", "null")))

    found = faults(tmp_path, listed(("new", "gov", "2026-07-01", "null")), [present])
    replaced = load(tmp_path, listed(("old", "gov", "2026-07-01", "null")), [present])

    assert found[0][0] == "2:5" and "overlap" in found[0][1]
    assert len(replaced) == 1
