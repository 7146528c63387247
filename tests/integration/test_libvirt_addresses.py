"""Where guests are reached: by the leases of a libvirt network, by their agents, and by what the host overheard."""

import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cloudctl.core.clock import DrivenClock
from cloudctl.core.quantity import Size
from provisioning.driver import addresses_of, open_driver
from provisioning.steps import create_step
from tests.integration.labs.libvirt_lab import CMDLINE, libvirt_lab, require_lab
from tests.integration.libvirt_site import SMALL, awaited, site_of

START = datetime(2026, 10, 1, tzinfo=UTC)
# Without packet filters: nobody is to be let out.
OFFICE = """<network><name>office</name><forward mode='open'/><bridge name='br-office'/>
<ip address='10.9.9.1' netmask='255.255.255.0'><dhcp><range start='10.9.9.100' end='10.9.9.150'/></dhcp></ip>
</network>"""


@pytest.fixture(scope="module")
def lab():
    """One host in a network of its own: a libvirt network with DHCP, and a bridge of which libvirt knows nothing."""
    require_lab("dnsmasq", "ip")
    with libvirt_lab("a", is_apart=True) as lab:
        connection = lab.connect("a")
        connection.networkDefineXML(OFFICE).create()
        connection.close()
        for words in (
            "link add br-plain type bridge forward_delay 0",
            "addr add 10.9.8.1/24 dev br-plain",
            "link set br-plain up",
        ):
            lab.hosts["a"].in_its_place("ip", *words.split())
        yield lab


def test_a_lease_is_shown_with_the_machine(lab, tmp_path):
    lab.clear()
    site = site_of(lab, tmp_path)
    site.sections["networks"] = [{"code": "office", "pool": "gov", "network": "office"}]
    site.apply({"name": "tax-1", "network": "office", **SMALL})
    (address,) = awaited(lambda: site.vm("tax-1")["addresses"])
    assert address.startswith("10.9.9.1")


def test_guests_on_a_plain_bridge_are_asked_and_those_that_hang_cost_little(lab, tmp_path, monkeypatch):
    import libvirt

    lab.clear()
    drivers = []
    for number, (name, agent) in enumerate((("m", "good"), ("n", "deaf")), 1):
        words = f"{CMDLINE} addr=10.9.8.{number + 6}/24 ping=10.9.8.1 agent={agent}"
        facts = replace(lab.pool_facts(tmp_path, cmdline=words), networks={"plain": {"bridge": "br-plain"}})
        drivers.append(open_driver("libvirt", facts, DrivenClock(START)))
        drivers[-1].apply(create_step(number, name, Size(1, 96, {"ssd": 1}), host="a", network="plain"))
    for name in "mn":
        lab.wait_for_guest("a", name)
    driver = drivers[-1]
    with monkeypatch.context() as patch:
        patch.delattr(libvirt.virDomain, "interfaceAddresses")
        seen = driver.observe().machines
    assert [machine.addresses for machine in seen] == [(), ()], "observing asks no guest"
    assert awaited(lambda: driver.addresses([1])) == {1: ("10.9.8.7",)}
    began = time.monotonic()
    told = addresses_of(driver, seen)
    # Of the deaf one the host overhears, where the libvirt at hand can read this kernel's table of neighbours.
    assert told[1] == ("10.9.8.7",) and told.get(2) in (None, ("10.9.8.8",))
    assert time.monotonic() - began < 60
    for each in drivers:
        each.close()
