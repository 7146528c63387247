"""The rule's version 1 as every new ledger receives it: the packaged file, in force without anybody's signature."""

from datetime import UTC, datetime, time
from typing import Any

from policies.rule import PACKAGED_VERSION, packaged_rule, rule_hash


def first_rule() -> dict[str, Any]:
    """The columns of its row. Its date lies before all samples, so the site's zone does not matter yet."""
    rule = packaged_rule()
    document = rule.as_json()
    return {
        "version": PACKAGED_VERSION,
        "valid_from": datetime.combine(rule.valid_from, time(), UTC),
        "document": document,
        "hash": rule_hash(document),
        "is_in_force": True,
    }
