"""The rule as data: what comes with cloudctl, and what a file of it may not hold."""

from decimal import Decimal

import pytest
import yaml

from cloudctl.core.errors import InvalidInput, NotFound
from policies.rule import load_rule, packaged_rule, rule_from_json, rule_hash


def test_the_packaged_rule_says_what_the_design_says():
    rule = packaged_rule()

    assert (rule.mark.mean_below, rule.mark.window_days, rule.mark.coverage_at_least) == (
        Decimal("0.50"),
        30,
        Decimal("0.90"),
    )
    assert (rule.target.p95_at_most, rule.target.max_below) == (Decimal("0.80"), Decimal("1.00"))
    assert (rule.steps.vcpus, rule.steps.memory_mib) == (1, 1024)
    assert (rule.idle.cpu_p95_below, rule.idle.days) == (Decimal("0.03"), 14)
    assert (rule.starved.p95_above, rule.starved.steal_above) == (Decimal("0.85"), Decimal("0.10"))
    assert (rule.watch.p95_above, rule.watch.steal_above) == (Decimal("0.90"), Decimal("0.10"))


def test_a_rule_comes_back_from_the_ledger_as_it_went_in():
    document = packaged_rule().as_json()

    assert rule_from_json(document) == packaged_rule()
    assert rule_hash(document) == rule_hash(rule_from_json(document).as_json())


def changed(tmp_path, **sections):
    document = packaged_rule().as_json()
    for section, values in sections.items():
        document[section] = document[section] | values if isinstance(values, dict) else values
    path = tmp_path / "rule.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


@pytest.mark.parametrize(
    "sections",
    [
        {"mark": {"mean_below": 0.5}},
        {"mark": {"mean_below": "1.5"}},
        {"mark": {"mean_below": "half"}},
        {"mark": {"meters": []}},
        {"mark": {"meters": ["gpu"]}},
        {"mark": {"window_days": 0}},
        {"steps": {"vcpus": 0}},
        {"floors": {"vcpus": 1.5}},
        {"idle": {"speed": 1}},
        {"valid_from": "tomorrow"},
    ],
    ids=str,
)
def test_wrong_values_are_refused_with_their_place(tmp_path, sections):
    path = changed(tmp_path, **sections)

    with pytest.raises(InvalidInput) as refusal:
        load_rule(path)

    assert all(reason.place.startswith(f"{path}:") for reason in refusal.value.problems)


def test_all_problems_are_told_at_once(tmp_path):
    path = changed(tmp_path, mark={"mean_below": "x", "window_days": -1}, watch={"after_hours": "soon"})

    with pytest.raises(InvalidInput) as refusal:
        load_rule(path)

    assert len(refusal.value.problems) == 3


def test_a_file_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        load_rule(tmp_path / "none.yaml")
