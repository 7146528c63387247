"""The fictitious city: its size, its determinism, and that its documents are what a real site would write."""

from pathlib import Path

import pytest
import yaml

from cloudctl.core.inventory.model import Inventory
from cloudctl.core.yaml_source import load_document
from cloudctl.operations.demo.city import Extent, build_city, inventory_document
from cloudctl.operations.demo.documents import write_document
from cloudctl.operations.demo.people import cast_of


def test_the_whole_city_has_the_extent_that_is_promised() -> None:
    document = inventory_document(build_city(7), with_late=True)
    counts = {key: len(value) for key, value in document.items() if isinstance(value, list)}
    assert (counts["units"], counts["systems"], counts["vms"], counts["pools"]) == (45, 80, 400, 3)
    assert 36 <= counts["hosts"] <= 44


def test_every_system_has_a_machine_and_every_name_is_used_once() -> None:
    city = build_city(7)
    assert {machine.system for machine in city.machines} == {system.code for system in city.systems}
    assert len({machine.name for machine in city.machines}) == len(city.machines)


def test_the_same_seed_gives_the_same_city_and_another_seed_another() -> None:
    assert build_city(7) == build_city(7)
    assert build_city(7).machines != build_city(8).machines


@pytest.mark.parametrize("extent", [Extent(), Extent(units=3, machines=24)])
def test_the_written_inventory_reads_back_without_a_complaint(tmp_path: Path, extent: Extent) -> None:
    document = inventory_document(build_city(7, extent), with_late=True)
    path = write_document(tmp_path / "inventory.yaml", document, "虚构的城市\nA fictitious city")
    inventory, _ = load_document(path, Inventory)
    assert inventory.vms is not None and len(inventory.vms) == extent.machines
    assert yaml.safe_load(path.read_text())["units"] == document["units"]


def test_hosts_offer_the_memory_their_machines_need() -> None:
    document = inventory_document(build_city(7), with_late=True)
    for pool in ("gov", "ded", "hpc"):
        held = sum(vm["memory_mib"] for vm in document["vms"] if vm["pool"] == pool)
        offered = sum(host["memory_mib"] for host in document["hosts"] if host["pool"] == pool)
        assert 0.8 * offered < held < 0.97 * offered


def test_late_machines_are_asked_for_later() -> None:
    city = build_city(7)
    first = {vm["name"] for vm in inventory_document(city, with_late=False)["vms"]}
    whole = {vm["name"] for vm in inventory_document(city, with_late=True)["vms"]}
    assert first < whole
    assert {name.rsplit("-", 2)[0] for name in whole - first} == city.late


def test_nobody_in_the_city_is_a_real_person_and_every_part_has_its_player() -> None:
    city = build_city(7)
    people = {person["login"]: person for person in inventory_document(city, with_late=True)["people"]}
    assert all(person["name"].endswith("某") for person in people.values())
    cast = cast_of(city.units)
    assert len(cast.operators) >= 2 and len(cast.finance) >= 2 and len(cast.panel) >= 4
    assert set(cast.operators + cast.finance + cast.panel + tuple(cast.members.values())) <= set(people)
    assert any(people[login]["unit"] in cast.members for login in cast.panel)
