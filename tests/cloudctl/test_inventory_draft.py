"""An inventory is checked whole: every fault of form and sense at once, each with its place."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.errors import InvalidInput
from cloudctl.core.inventory.checks import check_inventory
from cloudctl.core.inventory.draft import load_draft, parse_draft
from cloudctl.core.inventory.history import declared_history
from cloudctl.core.inventory.writer import inventory_text
from cloudctl.core.quantity import Size

NOW = datetime(2026, 10, 1, tzinfo=UTC)
BASE = """version: 1
units: [{code: fin, name: 财政局}]
systems: [{code: tax, name: 非税, unit: fin}]
pools:
  - {code: gov, name: 专有云, driver: embedded, tiers: {ssd: default}}
  - {code: pub, name: 公有云, driver: external}
"""
SINCE = 'since: "2026-01-01T00:00:00+08:00"'


def faults(text):
    draft = parse_draft(text, "f")
    found = [*draft.problems, *check_inventory(draft, NOW)]
    return sorted(str(fault) for fault in found)


def with_vm(rest):
    return faults(f"{BASE}vms:\n- {{name: a, system: tax, {rest}}}")


def test_a_sound_inventory_has_no_faults():
    assert faults(BASE) == []
    assert with_vm("pool: gov, vcpus: 2, memory_mib: 4096, storage_gib: {ssd: 10}") == []
    assert with_vm(f"pool: pub, vcpus: 2, memory_mib: 4096, storage_gib: {{any: 10}}, {SINCE}") == []


def test_faults_of_form_and_of_sense_are_told_together():
    text = """version: 1
units: [{code: fin, name: 财政局}, {code: fin, name: 又}, {code: edu, name: 5}]
people: [{login: wang, name: 王某, unit: nix, roles: [boss]}]
systems: [{code: tax, name: 非税, unit: edu, level: 9}, {code: two, name: 二, unit: no}]
pools: [{code: pub, name: 公有云, driver: external}]
vms:
- {name: a, system: tax, pool: pub, vcpus: -1, memory_mib: 1, since: "2026-01-01T00:00:00"}
- {name: b, system: two, pool: pub, vcpus: 1, memory_mib: 1, colour: red}
- {name: c, system: none, pool: pub, vcpus: 1, memory_mib: 1}
- {name: c, system: two, pool: lab, vcpus: 1, memory_mib: 1, since: "2026-01-01T00:00:00+08:00"}
"""
    assert faults(text) == sorted(
        [
            "f:2:40: “fin” stands here a second time; the first is in line 2.",
            "f:2:73: name: 5 is not text; put it in quotes if it is meant as text.",
            "f:3:40: There is no unit “nix” in the inventory.",
            "f:3:53: roles: boss is none of operator, finance, panel, unit, sysadmin, secadmin, auditor, approver.",
            "f:4:51: level: 9 is more than 5.",
            "f:4:82: There is no unit “no” in the inventory.",
            "f:7:44: vcpus: -1 is less than 1.",
            "f:7:70: since: “2026-01-01T00:00:00” has no offset; write 2026-10-01T00:00:00+08:00.",
            "f:8:62: The key “colour” is not known here.",
            "f:9:21: There is no system “none” in the inventory.",
            "f:9:3: c: a machine of an external pool needs “since”.",
            "f:10:10: “c” stands here a second time; the first is in line 9.",
            "f:10:32: There is no pool “lab” in the inventory.",
        ]
    )


@pytest.mark.parametrize(
    ("rest", "fault"),
    [
        ("pool: gov, vcpus: 0, memory_mib: 1", "vcpus: 0 is less than 1."),
        ("pool: gov, vcpus: 1, memory_mib: -5", "memory_mib: -5 is less than 1."),
        ("pool: gov, vcpus: 1, memory_mib: 1, storage_gib: {ssd: 0}", "ssd: 0 is less than 1."),
        (
            "pool: gov, vcpus: 1, memory_mib: 1, storage_gib: {nvme: 5}",
            "Pool gov has no storage tier “nvme” (it has ssd).",
        ),
        ("pool: gov, vcpus: 1", "“memory_mib” is missing."),
        (
            f"pool: gov, vcpus: 1, memory_mib: 1, {SINCE}",
            "since is declared for machines of external pools; this pool keeps its own record.",
        ),
        ("pool: gov, vcpus: 1, memory_mib: 1, image: x", "There is no image “x” in this pool."),
        ("pool: gov, vcpus: 1, memory_mib: 1, network: x", "There is no network “x” in this pool."),
        (
            f"pool: pub, vcpus: 1, memory_mib: 1, image: x, {SINCE}",
            "image belongs to machines that cloudctl makes; this pool is external.",
        ),
        ("pool: pub, vcpus: 1, memory_mib: 1", "a: a machine of an external pool needs “since”."),
        (
            'pool: pub, vcpus: 1, memory_mib: 1, since: "2026-10-02T00:00:00+08:00"',
            "This instant is still to come; only what has happened can be declared.",
        ),
        (
            f'pool: pub, vcpus: 1, memory_mib: 1, {SINCE}, until: "2026-01-01T00:00:00+08:00"',
            "until is not after the machine's last change.",
        ),
        (
            f'pool: pub, vcpus: 1, memory_mib: 1, {SINCE}, sizes: [{{from: "2025-01-01T00:00:00+08:00", vcpus: 2}}]',
            "This size begins before the machine does (since).",
        ),
        (
            f"pool: pub, vcpus: 1, memory_mib: 1, {SINCE}, "
            'sizes: [{from: "2026-03-01T00:00:00+08:00", vcpus: 2}, {from: "2026-02-01T00:00:00+08:00", vcpus: 3}]',
            "The sizes are not in the order of their times.",
        ),
        (
            f"pool: pub, vcpus: 1, memory_mib: 1, {SINCE}, "
            'sizes: [{from: "2026-03-01T00:00:00+08:00", vcpus: 2}, {from: "2026-03-01T00:00:00+08:00", vcpus: 3}]',
            "Two sizes overlap: both begin at this instant.",
        ),
        (
            f'pool: pub, vcpus: 9, memory_mib: 1, {SINCE}, sizes: [{{from: "2026-01-01T00:00:00+08:00", vcpus: 2}}]',
            "vcpus: 9 is neither the first nor the last of the sizes.",
        ),
        (f"pool: pub, vcpus: 1, {SINCE}", "“memory_mib” is missing."),
    ],
)
def test_a_machine_with_a_fault(rest, fault):
    found = with_vm(rest)

    assert [one.split(": ", 1)[1] for one in found if one.split(": ", 1)[1] == fault], found


@pytest.mark.parametrize("name", ["a b", "../etc", ".hidden", "-x", "x" * 64, "机器", "a/b", ""])
def test_a_name_that_could_be_something_else_is_refused(name):
    assert faults(f'{BASE}vms: [{{name: "{name}", system: tax, pool: gov, vcpus: 1, memory_mib: 1}}]')


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        ("site: {name: x, timezone: Mars/Base}", "“Mars/Base” is no time zone (like Asia/Shanghai)."),
        ("site: {name: x, currency: yuan}", "“yuan” is no currency code (like CNY)."),
        ('site: {name: "two\\nlines"}', "Here one line of text is wanted, of 1 to 200 characters."),
        ("people: [{login: x y, name: x}]", "“x y” is no login: letters, digits and _ . @ -, at most 64."),
        ("people: [{login: x, name: x, roles: [panel, panel]}]", "A role is named twice."),
        ("people: [{login: x, name: x, roles: [unit]}]", "The role “unit” needs the person's unit."),
        ("hosts: [{code: h, pool: gov}]", "“vcpus” is missing."),
        (
            "hosts: [{code: h, pool: pub, vcpus: 1, memory_mib: 1}]",
            "Capacity is given for hosts of simulated pools only; this one's cloud reports it.",
        ),
        (
            "hosts: [{code: h, pool: gov, vcpus: 1, memory_mib: 1, storage_gib: {x: 1}}]",
            "Pool gov has no storage tier “x” (it has ssd).",
        ),
        ("images: [{code: i, pool: gov, source: s, sha256: ABC}]", "“ABC” is no SHA-256: 64 digits 0-9 a-f."),
        (
            "images: [{code: i, pool: gov, source: s}, {code: i, pool: gov, source: s}]",
            "“i” stands here a second time; the first is in line 7.",
        ),
        ("networks: [{code: n, pool: gov, vlan: 4095}]", "vlan: 4095 is more than 4094."),
        (
            "networks: [{code: n, pool: gov, cidr: 10.9.0.1/24}]",
            "“10.9.0.1/24” is no network (like 10.9.0.0/24).",
        ),
        ("networks: [{code: n, pool: gov, gateway: here}]", "“here” is no IP address."),
        (
            "networks: [{code: n, pool: gov, cidr: 10.9.0.0/24, gateway: 10.8.0.1}]",
            "The gateway 10.8.0.1 is not in the cidr 10.9.0.0/24.",
        ),
        (
            "networks: [{code: n, pool: gov, physical_network: provider}]",
            "physical_network: a pool of driver “embedded” does not read this.",
        ),
        (
            "equipment: [{code: e, unit: fin, kind: boat, condition: working}]",
            "kind: boat is none of server, storage, network, power, other.",
        ),
        (
            'equipment: [{code: e, unit: fin, kind: server, condition: working, yearly_cost: {upkeep: "-1.00"}}]',
            "upkeep: -1.00 is less than 0.",
        ),
    ],
)
def test_a_record_with_a_fault(section, fault):
    found = faults(f"{BASE}{section}\n")

    assert any(one.endswith(fault) for one in found), found


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (
            "{code: p, name: P, driver: external, seed: 1}",
            "seed: a pool of driver “external” does not read this.",
        ),
        ("{code: p, name: P, driver: openstack}", "“cloud” is missing."),
        (
            "{code: p, name: P, driver: vmware}",
            "driver: vmware is none of embedded, external, libvirt, openstack.",
        ),
        ("{code: p, name: P, driver: embedded, overcommit: {cpu: 0}}", "cpu: 0 is not above 0."),
        ("{code: p, name: P, driver: embedded, overcommit: {disk: 2}}", "The key “disk” is not known here."),
    ],
)
def test_a_pool_with_a_fault(entry, fault):
    found = faults(f"version: 1\npools: [{entry}]\n")

    assert any(one.endswith(fault) for one in found), found


def test_the_same_code_in_two_pools_is_two_images():
    assert (
        faults(f"{BASE}images: [{{code: i, pool: gov, source: s}}, {{code: i, pool: pub, source: s}}]") == []
    )


def history(rest):
    text = f"{BASE}vms:\n- {{name: a, system: tax, pool: pub, {rest}}}"
    assert faults(text) == []
    (vm,) = parse_draft(text, "f").inventory.vms
    return [(held.start.isoformat()[:10], held.size) for held in declared_history(vm)]


def test_a_history_carries_on_what_a_change_does_not_name():
    assert history(
        "vcpus: 2, memory_mib: 4096, storage_gib: {ssd: 50}, since: 2026-01-01T00:00:00Z, sizes: ["
        "{from: 2026-02-01T00:00:00Z, vcpus: 4}, "
        "{from: 2026-03-01T00:00:00Z, memory_mib: 8192, storage_gib: {ssd: 60}}]"
    ) == [
        ("2026-01-01", Size(2, 4096, {"ssd": 50})),
        ("2026-02-01", Size(4, 4096, {"ssd": 50})),
        ("2026-03-01", Size(4, 8192, {"ssd": 60})),
    ]


def test_sizes_may_begin_with_the_machine_and_then_say_all():
    sizes = "sizes: [{from: 2026-01-01T00:00:00Z, vcpus: 2, memory_mib: 1}, {from: 2026-02-01T00:00:00Z, vcpus: 4}]"
    expected = [("2026-01-01", Size(2, 1)), ("2026-02-01", Size(4, 1))]

    assert history(sizes) == expected
    assert history(f"since: 2026-01-01T00:00:00Z, {sizes}") == expected
    # The entry's own values as what it holds today.
    assert history(f"since: 2026-01-01T00:00:00Z, vcpus: 4, memory_mib: 1, {sizes}") == expected


def test_a_change_to_the_same_is_none():
    assert history(
        "vcpus: 2, memory_mib: 1, since: 2026-01-01T00:00:00Z, sizes: [{from: 2026-02-01T00:00:00Z, vcpus: 2}]"
    ) == [("2026-01-01", Size(2, 1))]


EXAMPLE = Path(__file__).parents[2] / "inventory.yaml"


def test_the_example_estate_is_sound_and_reads_back_from_its_written_form():
    draft = load_draft(EXAMPLE)
    again = parse_draft(inventory_text(draft.inventory, ZoneInfo("Asia/Shanghai")), "again")

    assert [*draft.problems, *check_inventory(draft, NOW)] == []
    assert again.problems == ()
    assert again.inventory == draft.inventory


@given(st.integers(0, len(EXAMPLE.read_text(encoding="utf-8")) - 1), st.sampled_from("{}[],:\"'&*!-x0\n#"))
def test_one_wrong_character_is_told_or_harmless_never_a_crash(position, character):
    text = EXAMPLE.read_text(encoding="utf-8")
    head = text[:position].rfind("\nvms:")
    if head > 0:  # keep the text short: a head and the line that was spoilt
        line = text.rfind("\n", 0, position)
        text, position = text[: head + 5] + text[line : text.find("\n", position)], position - line + head + 5
    try:
        draft = parse_draft(text[:position] + character + text[position + 1 :], "f")
        check_inventory(draft, NOW)
    except InvalidInput as refused:
        assert refused.problems
