"""What is wrong with a request as handed in, and what the technical check finds, without a cloud or a ledger."""

from datetime import date

import pytest

from cloudctl.core.quantity import Size
from policies.requests.checking import (
    BudgetState,
    CheckSubject,
    FindingLevel,
    OldEquipment,
    budget_finding,
    equipment_findings,
    hold_findings,
    is_passed,
    level_findings,
    origin_findings,
    price_finding,
    quota_findings,
    resize_findings,
)
from policies.requests.faults import Known, MachineKnown, PoolKnown, faults
from policies.requests.model import Draft, Item, Migration, RequestKind
from policies.requests.wishes import Wish, item_of, unwanted

GOV = PoolKnown(
    False, frozenset({"ssd"}), frozenset({"debian"}), frozenset({"office"}), frozenset({(4, 8192)})
)
HELD = Size(4, 8192, {"ssd": 100})
KNOWN = Known(
    {"tax": "fin", "land": "nat"},
    {"gov": GOV},
    {
        "db": MachineKnown("tax", "active", HELD, date(2027, 6, 30)),
        "old": MachineKnown("tax", "retired", None),
    },
    {"srv": "fin", "map": "nat"},
    {"soon": 7},
    date(2026, 11, 1),
)
WEB = Item("web", 2, "gov", HELD, "debian", "office")


def draft(kind=RequestKind.NEW, *items, **changes):
    fields = {
        "system": "tax",
        "purpose": "Filing",
        "level": 2,
        "expected_load": "200 users",
        "needed_by": date(2026, 12, 1),
    }
    return Draft(kind, items=items or (WEB,), **{**fields, **changes})


def named(found):
    return sorted((fault.field, fault.item) for fault in found)


def test_a_whole_request_has_no_fault():
    assert list(faults(draft(), KNOWN)) == []


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (draft(system="nope"), [("system", None)]),
        (draft(purpose=" "), [("purpose", None)]),
        (draft(purpose="x" * 501), [("purpose", None)]),
        (draft(purpose="bell\x07"), [("purpose", None)]),
        (draft(expected_load=""), [("expected_load", None)]),
        (draft(level=6), [("level", None)]),
        (draft(needed_by=date(2026, 10, 31)), [("needed_by", None)]),
        (draft(until=date(2026, 11, 30)), [("until", None)]),
        (
            draft(migration=Migration(("none", "map"), -1)),
            [("bandwidth_mbps", None)] + [("equipment", None)] * 2,
        ),
        (draft(RequestKind.NEW, WEB, WEB), [("name", 0), ("name", 1)]),
        (draft(RequestKind.NEW, Item("web", 101, "gov", HELD)), [("count", 0)]),
        (draft(RequestKind.NEW, Item("wéb", 1, "gov", HELD)), [("name", 0)]),
        (draft(RequestKind.NEW, Item("db", 1, "gov", HELD)), [("name", 0)]),
        (draft(RequestKind.NEW, Item("soon", 1, "gov", HELD)), [("name", 0)]),
        (draft(RequestKind.NEW, Item("web", 1, None, None)), [("pool", 0), ("vcpus", 0)]),
        (
            draft(RequestKind.NEW, Item("web", 1, "gov", Size(1, 1, {"tape": 1}), "win", "dmz")),
            [("image", 0), ("network", 0), ("storage", 0)],
        ),
        (draft(RequestKind.RESIZE, Item("gone", size=HELD)), [("name", 0)]),
        (draft(RequestKind.RESIZE, Item("old", size=HELD)), [("name", 0)]),
        (draft(RequestKind.RESIZE, Item("db", size=HELD)), [("vcpus", 0)]),
        (draft(RequestKind.RESIZE, Item("db", size=Size(8, 8192, {"ssd": 50}))), [("storage", 0)]),
        (draft(RequestKind.RETIRE, Item("db"), system="land"), [("name", 0)]),
        (draft(RequestKind.RETIRE, Item("db"), until=date(2027, 1, 1)), [("until", None)]),
        (draft(RequestKind.EXTEND, Item("db")), [("until", None)]),
        (draft(RequestKind.EXTEND, Item("db"), until=date(2027, 6, 30)), [("name", 0)]),
    ],
)
def test_every_fault_has_its_field(wrong, where):
    assert named(faults(wrong, KNOWN)) == sorted(where, key=lambda pair: (pair[0], pair[1] or 0))


def test_a_retirement_needs_no_load():
    assert list(faults(draft(RequestKind.RETIRE, Item("db"), expected_load=""), KNOWN)) == []


def test_a_resize_keeps_what_is_left_out():
    item = item_of(RequestKind.RESIZE, Wish("db", vcpus=8, storage_gib={"sas": 10}), HELD)

    assert item.size == Size(8, 8192, {"ssd": 100, "sas": 10})


def test_what_a_kind_does_not_ask_is_named():
    wish = Wish("db", 2, "gov", 4, 1, {"ssd": 1}, "debian", "office")

    assert unwanted(RequestKind.NEW, wish) == []
    assert unwanted(RequestKind.RESIZE, wish) == ["count", "pool", "image", "network"]
    assert len(unwanted(RequestKind.RETIRE, wish)) == 7


def levels(found):
    return [one.level for one in found]


def test_images_networks_sizes_and_tiers_are_those_of_the_pool():
    wrong = Item("web", 1, "gov", Size(3, 1, {"tape": 1}), "win", None)
    found = list(origin_findings([WEB, wrong, Item("x", 1, "nope", HELD)], {"gov": GOV}))

    assert is_passed(found[:2])
    bad = [one.subject for one in found if one.level is FindingLevel.BAD]
    assert bad == [CheckSubject.IMAGE, CheckSubject.SIZE, CheckSubject.SIZE, CheckSubject.MACHINE]


@pytest.mark.parametrize(
    ("size", "is_fine"),
    [(Size(6, 8192, {"ssd": 100}), True), (HELD, False), (Size(3, 8192, {"ssd": 100}), False)],
)
def test_a_resize_granted_smaller_takes_nothing_away(size, is_fine):
    asked = [Item("db", size=Size(8, 8192, {"ssd": 100}))]

    assert is_passed(list(resize_findings(asked, [Item("db", size=size)], {"db": HELD}, {}))) is is_fine


def test_what_was_offered_may_be_taken():
    asked = [Item("db", size=Size(2, 16384, {"ssd": 100}))]

    assert is_passed(
        list(resize_findings(asked, [Item("db", size=Size(2, 12288, {"ssd": 100}))], {"db": HELD}, {}))
    )


@pytest.mark.parametrize(
    ("size", "bad"),
    [
        (
            Size(4, 16384, {"ssd": 100}),
            ["{name}: pool {pool} offers no size of {vcpus} vCPUs and {memory} MiB."],
        ),
        (Size(4, 8192, {"ssd": 100, "tape": 5}), ["Pool {pool} has no tier “{code}”."]),
        (Size(2, 4096, {"san": 200}), []),
        (Size(4, 8192, {"san": 100}), []),
    ],
    ids=["not offered", "no such tier", "as it is but for the disk", "offered"],
)
def test_a_resize_is_of_what_the_pool_offers_or_the_machine_has(size, bad):
    held = Size(2, 4096, {"san": 50}) if "san" in size.storage_gib else HELD
    item = Item("db", size=size)
    found = list(resize_findings([item], [item], {"db": held}, {"db": ("gov", GOV)}))
    assert [each.message.template for each in found] == bad
    assert all(each.message.values["pool"] == "gov" for each in found)


def test_money_quota_holds_equipment_and_level():
    fine, warning, bad = FindingLevel.FINE, FindingLevel.WARNING, FindingLevel.BAD

    assert price_finding(None, 0, "CNY").level is warning
    assert "and 5.00 once" in str(price_finding(100, 500, "CNY").message)
    assert budget_finding(BudgetState(2026), 1).level is warning
    assert budget_finding(BudgetState(2026, 100, 10, 30), 60).level is fine
    assert budget_finding(BudgetState(2026, 100, 11, 30), 60).level is bad
    assert budget_finding(BudgetState(2026, 100, 10, 31), 60).level is bad
    assert budget_finding(BudgetState(2026, -5), 0).level is fine
    assert budget_finding(BudgetState(2026, 100), None) is None
    assert levels(quota_findings(None)) == levels(quota_findings([])) == [fine]
    assert levels(hold_findings({3: "Late"})) == [bad]
    pieces = [OldEquipment("srv", "working"), OldEquipment("map", "failed")]
    assert levels(equipment_findings(pieces, "")) == [bad, fine]
    assert levels(equipment_findings(pieces, "The room is given up")) == [warning, fine]
    assert levels(level_findings(2, 3)) == [warning]
    assert levels(level_findings(2, None)) == []
