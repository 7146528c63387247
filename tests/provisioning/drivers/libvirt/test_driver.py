"""Steps on several hosts that have something of one machine, each host libvirt's own mock with a world of its own."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.errors import Refused, Unreachable
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts, open_driver
from provisioning.drivers.libvirt.archive import Archive
from provisioning.drivers.libvirt.marks import RUNNING, Marks, namespaced
from provisioning.steps import adopt_step, delete_step, evacuate_step

libvirt = pytest.importorskip("libvirt")
AT, SIZE = datetime(2026, 10, 1, tzinfo=UTC), Size(1, 64)
NOWHERE = "test:///nowhere"


def domain(host, *, hours=0, memory_mib=64, is_ours=True):
    """Machine 1, named m, as it stands on a host since so many hours."""
    root = ET.Element("domain", type="test")
    for tag, text in (
        ("name", "m"),
        ("uuid", str(UUID(int=1))),
        ("memory", str(memory_mib * 1024)),
        ("vcpu", "1"),
    ):
        ET.SubElement(root, tag).text = text
    ET.SubElement(ET.SubElement(root, "os"), "type").text = "hvm"
    ET.SubElement(ET.SubElement(root, "devices"), "memballoon", model="virtio")
    if is_ours:
        marks = Marks(1, "m", RUNNING, host, Size(1, memory_mib), moved_at=AT + timedelta(hours=hours))
        ET.SubElement(root, "metadata").append(namespaced(marks))
    return root


@pytest.fixture(autouse=True)
def _plain_undefine(monkeypatch):
    """The mock does not know all flags."""
    monkeypatch.setattr(libvirt.virDomain, "undefineFlags", lambda domain, _: domain.undefine())


@pytest.fixture
def pool(tmp_path):
    """Opens a driver on hosts that have these domains; None: a host that does not answer."""
    opened = []

    def open_pool(**hosts):
        options = {code: {"uri": world(tmp_path / code, there)} for code, there in hosts.items()}
        opened.append(open_driver("libvirt", PoolFacts("gov", {}, options, tmp_path), DrivenClock(AT)))
        return opened[-1]

    yield open_pool
    for driver in opened:
        driver.close()


def world(path, domains):
    if domains is None:
        return NOWHERE
    node = ET.Element("node")
    node.extend(domains)
    ET.ElementTree(node).write(path)
    return f"test://{path}"


def names(driver, host):
    """What a step would find there: each of a host's lanes has the mock's world for itself."""
    return driver._hosts[host].carry_out(lambda line: [each.name() for each in line.listAllDomains()], 20)


def off(driver, host):
    driver._hosts[host].carry_out(lambda line: line.lookupByName("m").destroy(), 20)


def remnants(folder):
    return set(Archive(folder).remnants())


def test_a_machine_that_runs_twice_is_not_deleted_in_part(pool):
    driver = pool(a=[domain("a")], b=[domain("b", hours=1)])
    with pytest.raises(Refused) as refusal:
        driver.apply(delete_step(1, "m", SIZE, "b"))
    assert "runs on host a too" in str(refusal.value)
    assert names(driver, "a") == names(driver, "b") == ["m"]


def test_what_a_dead_host_left_is_deleted_with_the_machine_that_is_gone_elsewhere(pool, tmp_path):
    Archive(tmp_path).leave_behind(1, "a")
    driver = pool(a=[domain("a")], b=[])
    assert driver.apply(delete_step(1, "m", SIZE, "b")).external_id == str(UUID(int=1))
    assert names(driver, "a") == [] and remnants(tmp_path) == set()


@pytest.mark.parametrize("host", ["c", None], ids=["silent", "unknown"])
def test_a_machine_is_not_said_to_be_deleted_that_may_stand_where_nobody_answers(pool, host):
    with pytest.raises(Unreachable):
        pool(a=[], c=None).apply(delete_step(1, "m", SIZE, host))


def test_of_two_definitions_of_a_machine_the_one_on_the_host_that_was_seen_is_adopted(pool):
    driver = pool(a=[domain("a", is_ours=False)], b=[domain("b", is_ours=False)])
    off(driver, "b")
    step = adopt_step(7, "m", SIZE, "b", external_id=str(UUID(int=1)))
    assert driver.apply(step).host == "b"


def test_an_evacuation_that_is_refused_leaves_the_machine_to_its_host(pool, tmp_path):
    huge = domain("a", memory_mib=10**6)
    Archive(tmp_path).keep_definition(1, ET.tostring(huge, encoding="unicode"))
    with pytest.raises(Refused) as refusal:
        pool(a=None, b=[]).apply(evacuate_step(1, "m", "a", "b"))
    assert "no room" in str(refusal.value) and remnants(tmp_path) == set()


def test_an_evacuation_cut_off_before_it_did_anything_leaves_the_machine_to_its_host(pool, tmp_path):
    Archive(tmp_path).leave_behind(1, "a")
    with pytest.raises(Refused) as refusal:
        pool(a=[domain("a")], b=[]).apply(evacuate_step(1, "m", "a", "b"))
    assert "Host a answers" in str(refusal.value) and remnants(tmp_path) == set()


def test_an_evacuation_that_may_stand_where_nobody_answers_is_left_open(pool, tmp_path):
    Archive(tmp_path).leave_behind(1, "a")
    with pytest.raises(Unreachable):
        pool(a=[domain("a")], b=[], c=None).apply(evacuate_step(1, "m", "a", "b"))
    assert remnants(tmp_path) == {(1, "a")}


def test_a_machine_returns_by_evacuation_to_a_host_that_has_its_old_definition(pool, tmp_path):
    """b had died before; its definition was never cleared away."""
    archive = Archive(tmp_path)
    archive.leave_behind(1, "b")
    archive.keep_definition(1, ET.tostring(domain("a", hours=2), encoding="unicode"))
    driver = pool(a=None, b=[domain("b")])
    off(driver, "b")
    assert driver.apply(evacuate_step(1, "m", "a", "b")).host == "b"
    assert names(driver, "b") == ["m"] and remnants(tmp_path) == {(1, "a")}
